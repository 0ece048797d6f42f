"""Where there is nothing to show or to compare: no mistake in what was asked, and no number to answer with."""

from __future__ import annotations

from attrimark_registry.errors import AttrimarkError


class Nothing(AttrimarkError):
    """Nothing was run yet, or nothing can be compared; the message says what to do. The command line exits with 5."""

    exit_code = 5
