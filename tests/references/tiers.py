"""Parameters of which `make test` takes some and `make test-long` the others."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def tiered(values: Iterable[Any], quick: Callable[..., bool]) -> list[Any]:
    """Parameters for `pytest.mark.parametrize`; those that are not `quick` are marked long.

    A tuple holds a value for each of several names, and `quick` takes as many.
    """
    tuples = [each if isinstance(each, tuple) else (each,) for each in values]
    return [pytest.param(*each, marks=[] if quick(*each) else pytest.mark.long) for each in tuples]
