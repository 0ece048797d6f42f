"""What features add to those before them, along orders in which they come in."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
from attrimark_registry import Keep, Values
from jaxtyping import Float, Int


def gains_along(
    orders: Int[np.ndarray, "orders features"],
) -> Generator[Keep, Values, Float[np.ndarray, "orders features"]]:
    """The gain in value as each feature comes in, starting from none; no subset is asked for twice."""
    number, count = orders.shape
    places = orders.argsort(axis=1)
    # the subsets along an order keep what comes first in it: 0, 1, … n features; eight features a byte
    steps = np.arange(count + 1)[:, None]
    packed = np.concatenate([np.packbits(place < steps, axis=1) for place in places])
    distinct, where = np.unique(packed, axis=0, return_inverse=True)
    values = yield np.unpackbits(distinct, axis=1, count=count).astype(bool)
    along = values.astype(np.float64)[where.reshape(number, count + 1)]
    return np.take_along_axis(np.diff(along, axis=1), places, axis=1)
