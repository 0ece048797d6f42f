"""How a feature is removed: on ids, never through text (re-tokenising would change the other tokens).

Hase, Xie & Bansal (NeurIPS 2021) show that explanations depend on this choice, so the operator is an explicit,
recorded factor and no vocabulary id is a silent default.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool

from .encoding import PROTECTED, Encoded
from .errors import Unsupported

Operator = Literal["mask", "delete", "pad", "attention", "mean"]
OPERATORS: tuple[Operator, ...] = get_args(Operator)

# Operators of a family leave a network nearly the same to see, and so say nearly the same of methods. Of each family
# the first is the one to take if there is a choice.
FAMILIES: tuple[tuple[Operator, ...], ...] = (("mask",), ("delete", "attention"), ("mean", "pad"))


def family_of(operator: str) -> str:
    """The first operator of its family; an operator of no family is one of its own."""
    return next((family[0] for family in FAMILIES if operator in family), operator)


def remove(
    row: Encoded, keep: Bool[np.ndarray, " features"], operator: Operator, mask_id: int | None, pad_id: int | None
) -> Encoded:
    """The row without the features that are not kept; protected tokens always stay.

    `mask` and `pad` put that token in the place of each removed one; `delete` drops tokens and closes positions
    up; `attention` hides tokens from attention and leaves their positions empty; `mean` marks tokens whose
    embedding `Model.embed` replaces by the vocabulary's mean.

    Raises:
        Unsupported: the tokenizer has no mask (padding) token.
    """
    gone = (row.feature_of >= 0) & ~np.append(keep, True)[row.feature_of]
    if operator == "delete":
        stays = ~gone
        kept = {name: getattr(row, name)[stays] for name in ("ids", "visible", "averaged", "types", "feature_of")}
        # positions stay contiguous from the first one, which is 2 for RoBERTa and 0 elsewhere
        return replace(row, positions=row.positions[: int(stays.sum())], **kept)
    if operator == "attention":
        return replace(row, visible=row.visible & ~gone)
    if operator == "mean":
        return replace(row, averaged=row.averaged | gone)
    filler = mask_id if operator == "mask" else pad_id
    if filler is None:
        raise Unsupported(f"this tokenizer has no {operator} token: choose another operator, such as delete")
    return replace(row, ids=np.where(gone, filler, row.ids))


def emptied(row: Encoded, token: int) -> Encoded:
    """The row of one token that belongs to no feature: what is left where every token was deleted."""
    return replace(
        row,
        ids=np.array([token]),
        positions=row.positions[:1],
        visible=np.array([True]),
        averaged=np.array([False]),
        types=np.array([0]),
        feature_of=np.array([PROTECTED]),
    )
