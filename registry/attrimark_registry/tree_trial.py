"""Whether a network scores rows packed into a tree as it scores them alone: told by its architecture, then tried."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from .encoding import Encoded
from .memory import is_exhaustion
from .scoring_tree import ScoringTree, Walk
from .tree_mask import takes_trees

if TYPE_CHECKING:
    from .model import Model


log = logging.getLogger("attrimark.trees")


def allows_trees(model: Model, row: Encoded) -> bool:
    """Whether the model's rows can be packed with the same numbers.

    Three variants of the row are packed, in two slices, and compared with each of them alone, to what the network's
    precision allows. Where that is little, a mask that is passed over could agree by chance: so tokens that a row does
    not see are exchanged, which must not change its outputs by more than float32 rounds.
    """
    first = np.arange(len(row.features)) == 0
    rows = [row, model.remove(row, ~first, "delete"), model.remove(row, ~first, "attention")]
    scored = model.scoring_tree(rows)
    if scored is None or not takes_trees(model.network):
        return False
    with torch.no_grad():
        alone = [model.outputs(model.collate([each]))[0].cpu().numpy() for each in rows]
    last = int(scored.row_of[scored.tokens.ends.argmax()])  # sees others' tokens, where there is no mask
    exchanged = _with_others_exchanged(scored, last)
    try:
        packed, whole, whole_exchanged = walked(scored, 2), walked(scored, 1), walked(exchanged, 1)
    except Exception as error:  # an architecture may refuse such a mask or cache in whatever way it likes
        if is_exhaustion(error):
            raise
        log.info("rows go through the network one by one: packed into a tree, they end in %r", error)
        return False
    return _alike(packed, alone, model.precision) and _alike([whole[last]], [whole_exchanged[last]], torch.float32)


def walked(scored: ScoringTree, slices: int) -> list[np.ndarray]:
    """Each row's outputs, of a walk in so many slices."""
    walk = Walk(scored)
    for nodes in np.array_split(np.arange(len(scored.tokens)), slices):
        walk.advance(nodes.tolist())
    return walk.outputs()


def _with_others_exchanged(scored: ScoringTree, row: int) -> ScoringTree:
    """The same tree with another token wherever this row does not pass."""
    tree = scored.tokens
    seen = np.zeros(len(tree), bool)
    for end in tree.ends[scored.row_of == row].tolist():
        seen[[*tree.before(end), end]] = True
    others = copy.copy(scored)
    words = scored.model.network.get_input_embeddings().num_embeddings
    others.tokens = replace(tree, ids=np.where(seen, tree.ids, (tree.ids + 1) % words))
    return others


def _alike(some: Sequence[np.ndarray], others: Sequence[np.ndarray], precision: torch.dtype) -> bool:
    tolerance = torch.finfo(precision).eps ** 0.5
    return all(np.allclose(one, other, tolerance, tolerance) for one, other in zip(some, others, strict=True))
