"""What plugins return, checked where it enters: real and finite numbers, of the shape and within the bounds declared.

Nothing is kept of what was returned but a copy, so that a plugin may use its arrays again.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from attrimark_registry.attribution import Attribution, Scores
from attrimark_registry.errors import InvalidNumbers
from attrimark_registry.plugin import Exploration, Keep
from numpy.typing import NDArray
from torch import Tensor

SLACK = 1e-6  # relative: bounds hold but for rounding
OF_NUMPY = (torch.float16, torch.float32, torch.float64)


def numbers(returned: Any, what: str, shape: tuple[int, ...] | None = None) -> NDArray[Any]:
    """A copy as an array, on this side of the network.

    Args:
        what: is named in errors.
        shape: that they must have; any where it is None.

    Raises:
        InvalidNumbers: they are complex, masked, sparse, not finite, no numbers at all, or of another shape.
    """
    values = maybe_missing(returned, what)
    if shape is not None and values.shape != shape:
        raise InvalidNumbers(f"{what}: an array {values.shape} was returned where one {shape} is due")
    if not np.isfinite(values).all():
        raise InvalidNumbers(f"{what}: NaN or infinite")
    return values


def maybe_missing(returned: Any, what: str) -> NDArray[Any]:
    """As `numbers`, of any shape, where NaN has a meaning.

    Raises:
        InvalidNumbers: they are complex, masked, sparse, or no numbers at all.
    """
    values = _on_this_side(returned, what)
    if isinstance(values, np.ma.MaskedArray):
        raise InvalidNumbers(f"{what}: a masked array was returned, whose hidden values would be read as numbers")
    made = np.array(values)
    if made.dtype.kind not in "biuf":
        raise InvalidNumbers(f"{what}: {made.dtype} was returned where real numbers are due")
    return made


def single(returned: Any, what: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """As `numbers`, in the precision in which scores are kept.

    Raises:
        InvalidNumbers: they are none, or lie where that precision has no numbers but infinity and zero.
    """
    values = numbers(returned, what, shape)
    with np.errstate(over="ignore", under="ignore"):
        made = values.astype(np.float32)
    kept_as = "in float32, in which scores are kept"
    if not np.isfinite(made).all():
        raise InvalidNumbers(f"{what}: {np.abs(values).max():g} is infinite {kept_as}")
    if values.any() and not made.any():
        raise InvalidNumbers(f"{what}: {np.abs(values).max():g} and all others are 0 {kept_as}")
    return made


def number(returned: Any, what: str, bounds: tuple[float, float] = (-np.inf, np.inf)) -> float:
    """One finite number within its bounds.

    Raises:
        InvalidNumbers: it is none.
    """
    value = float(numbers(returned, what, ()))
    require_within(value, what, bounds)
    return value


def require_within(values: NDArray[Any] | float, what: str, bounds: tuple[float, float]) -> None:
    """Raises InvalidNumbers where some value lies outside the bounds; NaN lies nowhere."""
    low, high = bounds
    outside = np.atleast_1d(values)[
        (np.atleast_1d(values) < low - SLACK * max(1.0, abs(low)))
        | (np.atleast_1d(values) > high + SLACK * max(1.0, abs(high)))
    ]
    if outside.size:
        raise InvalidNumbers(f"{what}: {outside[0]:g} lies outside the declared bounds {low:g} to {high:g}")


def kept(scores: Scores) -> Scores:
    """A copy of what an exploration returned: its plugin may use one array for every text."""
    return Scores(_copied(scores.values), {name: _copied(each) for name, each in scores.diagnostics.items()})


def lent(attribution: Attribution) -> Attribution:
    """A copy for a metric, which may sort it: the next one is given another."""
    arrays = {name: each.copy() for name, each in vars(attribution).items() if isinstance(each, np.ndarray)}
    return replace(attribution, **arrays, diagnostics=dict(attribution.diagnostics))


def asked_subsets(returned: Any, features: int) -> Keep:
    """A copy of the subsets that an exploration asks for.

    Raises:
        TypeError: they are no boolean array [subsets, features].
    """
    asked = np.array(returned)
    if asked.dtype != bool or asked.ndim != 2 or asked.shape[1] != features:
        raise TypeError(
            f"an exploration yields subsets as a boolean array [subsets, {features}], True where a feature is kept, "
            f"not {asked.dtype} {list(asked.shape)}"
        )
    return asked


def exploration(returned: Any, plugin: Any) -> Exploration:
    """What `explore` returned, if that is a generator.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(returned, Generator):
        raise TypeError(
            f"{type(plugin).__name__}.explore returned {type(returned).__name__} and is no generator: it yields the "
            "subsets that it asks for, and returns its scores (where it asks for nothing, `yield from ()` makes it one)"
        )
    return returned


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    return value.copy() if isinstance(value, np.ndarray) else value


def _on_this_side(returned: Any, what: str) -> Any:
    if not isinstance(returned, Tensor):
        return returned
    if returned.layout is not torch.strided or returned.is_nested:
        raise InvalidNumbers(f"{what}: a sparse or nested tensor was returned where a dense one is due")
    if returned.is_quantized:
        raise InvalidNumbers(f"{what}: a quantized tensor was returned where real numbers are due")
    try:
        found = returned.detach().cpu().resolve_conj().resolve_neg()
    except NotImplementedError as error:
        raise InvalidNumbers(
            f"{what}: a tensor on the device {returned.device} was returned, which has no numbers"
        ) from error
    known = not found.is_floating_point() or found.dtype in OF_NUMPY
    return (found if known else found.float()).numpy()
