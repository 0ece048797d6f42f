"""How relevance goes back through one operation: the rules of Chefer, Gur & Wolf (CVPR 2021, arXiv 2012.09838).

Each rule shares what an output holds among what made it. A batch's first axis is the text: no rule mixes texts.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

STABILISER = 1e-9


def share(relevance: Float[Tensor, "..."], of: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Relevance for each unit of what it is shared by; nothing where there is nothing to share by."""
    shifted = of + STABILISER
    return relevance / shifted.masked_fill(shifted == 0, STABILISER) * (of != 0)


def through_linear(
    relevance: Float[Tensor, "*places out"], inputs: Float[Tensor, "*places in"], weight: Float[Tensor, "out in"]
) -> Float[Tensor, "*places in"]:
    """The z⁺ rule: in proportion to positive products of input and weight; the bias takes nothing."""
    positive, negative = inputs.clamp(min=0), inputs.clamp(max=0)
    rising, falling = weight.clamp(min=0), weight.clamp(max=0)
    each = share(relevance, positive @ rising.T + negative @ falling.T)
    return positive * (each @ rising) + negative * (each @ falling)


def through_mean(
    relevance: Float[Tensor, "batch dim"],
    inputs: Float[Tensor, "batch tokens dim"],
    read: Float[Tensor, "batch tokens"],
) -> Float[Tensor, "batch tokens dim"]:
    """The z⁺ rule for a mean over the tokens read.

    A mean has few terms, and all may be negative: then in proportion to their sizes, where z⁺ would lose relevance.
    """
    terms = inputs * read.unsqueeze(-1)
    positive = terms.clamp(min=0)
    terms = positive.where(positive.sum(1, keepdim=True) > 0, -terms)
    return terms * share(relevance, terms.sum(1)).unsqueeze(1)


def through_sum(
    relevance: Float[Tensor, "batch tokens dim"],
    one: Float[Tensor, "batch tokens dim"],
    other: Float[Tensor, "batch tokens dim"],
) -> tuple[Float[Tensor, "batch tokens dim"], Float[Tensor, "batch tokens dim"]]:
    """To each addend in proportion, then scaled so that a text's two totals have no sign and sum to what came."""
    each = share(relevance, one + other)
    parts = one * each, other * each
    totals = [part.sum((1, 2), keepdim=True) for part in parts]
    both = totals[0].abs() + totals[1].abs()
    came = relevance.sum((1, 2), keepdim=True)
    scales = [share(share(total.abs(), both) * came, total) for total in totals]
    return parts[0] * scales[0], parts[1] * scales[1]


def through_product(
    relevance: Float[Tensor, "*batch rows columns"],
    left: Float[Tensor, "*batch rows inner"],
    right: Float[Tensor, "*batch inner columns"],
) -> tuple[Float[Tensor, "*batch rows inner"], Float[Tensor, "*batch inner columns"]]:
    """Half to each factor of a matrix product, in proportion to the terms of its sums."""
    each = share(relevance, left @ right)
    return left * (each @ right.mT) / 2, right * (left.mT @ each) / 2
