"""A process that ends with the one that started it, also where it hangs in native code and reads nothing."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # of linux/prctl.h


def die_with_parent(parent: int) -> None:
    """On Linux; elsewhere a worker notices by the end of its standard input, once its interpreter runs again.

    Args:
        parent: the process that started this one: it may have ended in the meantime.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
