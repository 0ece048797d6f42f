"""Token-tree packing: what follows many rows, scored over their prefix tree instead of row by row.

The tree goes through the network in slices of its depth-first order. A slice is one sequence with explicit position
ids and a tree for a mask. Beyond itself it looks back only at the path to its first node, whose keys and values are
at hand; so every shared beginning is computed once, and attention is not quadratic in the whole tree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .encoding import PROTECTED, Batch, Encoded
from .reading import at_least_float32
from .token_tree import AVERAGED, TokenTree, path_of
from .tree_mask import tree_mask

if TYPE_CHECKING:
    from .model import Model

# what each slice costs beside its nodes, measured on CPUs, else estimated: fetching the weights takes as long as so
# many tokens' products with them, and calling a block as long as so many operations
TOKENS_A_FETCH = {"cpu": 40, "cuda": 500}
OPERATIONS_A_CALL = {"cpu": 2e7, "cuda": 1e11}


class ScoringTree:
    """Rows with the continuations that are scored after each, as one tree.

    Args:
        continuations: for each row, the ids whose log-probabilities its outputs are made of.
        outputs: a row's outputs, from the log-probabilities of the tokens of each of its continuations.
    """

    def __init__(
        self,
        model: Model,
        rows: Sequence[Encoded],
        continuations: Sequence[Sequence[tuple[int, ...]]],
        outputs: Callable[[Sequence[np.ndarray]], np.ndarray],
    ) -> None:
        self.model = model
        self.continuations = continuations
        self.outputs = outputs
        self.tokens = TokenTree.of(
            [path_of(row, ids[:-1]) for row, written in zip(rows, continuations, strict=True) for ids in written]
        )
        widths = [len(written) for written in continuations]
        self.row_of = np.repeat(np.arange(len(rows)), widths)  # the row that each of the tree's paths belongs to

    def first_needed(self, ranks: Int[np.ndarray, " rows"]) -> Int[np.ndarray, " nodes"]:
        """The least rank among the rows that pass through each node."""
        least = np.full(len(self.tokens), ranks.max())
        np.minimum.at(least, self.tokens.ends, ranks[self.row_of])
        return self.tokens.gathered(least, np.minimum)

    def finished(self, node: int) -> int:
        """How many rows are scored when all nodes before this one have been computed."""
        last = np.zeros(len(self.continuations), np.int64)
        np.maximum.at(last, self.row_of, self.tokens.ends)
        return int((last < node).sum())


class Walk:
    """One walk through the network over a tree, in slices of any size from its first node to its last.

    A slice that fails (for want of memory) leaves the walk where it was.
    """

    def __init__(self, scored: ScoringTree) -> None:
        from transformers import DynamicCache

        self._scored = scored
        # what is read, in the tree's order: each continuation's tokens, each at the node that comes before it
        written = list(chain.from_iterable(scored.continuations))
        ends = scored.tokens.ends.tolist()
        nodes = [scored.tokens.last(end, len(ids)) for end, ids in zip(ends, written, strict=True)]
        nodes, tokens = (np.array(list(chain.from_iterable(each)), np.int64) for each in (nodes, written))
        self._order = np.argsort(nodes, kind="stable")
        self._nodes, self._tokens = nodes[self._order], tokens[self._order]
        self._scores = np.full(len(nodes), np.nan)
        # the nodes whose keys and values are at hand
        self._known = np.empty(0, np.int64)
        self._cache = DynamicCache()

    @torch.no_grad()
    def advance(self, nodes: Sequence[int]) -> None:
        """Compute the next nodes (consecutive), and score what is read there."""
        before, new = self._scored.tokens.before(nodes[0]), np.array(nodes, np.int64)
        cache = _recalled(self._cache, np.searchsorted(self._known, before))
        known = np.concatenate([before, new])
        reads = slice(*np.searchsorted(self._nodes, [nodes[0], nodes[-1] + 1]))
        read_at, lines = np.unique(self._nodes[reads], return_inverse=True)
        logits = self._logits(new, known, cache, read_at - nodes[0])
        chosen = torch.from_numpy(lines).to(logits.device), torch.from_numpy(self._tokens[reads]).to(logits.device)
        scores = logits[chosen] - logits.logsumexp(-1)[chosen[0]]
        self._scores[reads] = scores.cpu().double().numpy()
        self._known, self._cache = known, cache

    def outputs(self) -> list[Float[np.ndarray, " outputs"]]:
        """Each row's outputs, when every node has been computed; in float64."""
        scores = np.empty_like(self._scores)
        scores[self._order] = self._scores
        lengths = [[len(ids) for ids in written] for written in self._scored.continuations]
        rows = np.split(scores, np.cumsum([sum(each) for each in lengths])[:-1])
        return [
            self._scored.outputs(np.split(row, np.cumsum(each)[:-1])) for row, each in zip(rows, lengths, strict=True)
        ]

    def _logits(
        self, nodes: np.ndarray, known: np.ndarray, cache: Any, read_at: np.ndarray
    ) -> Float[Tensor, "reads vocabulary"]:
        model, tree = self._scored.model, self._scored.tokens
        batch = _as_batch(tree, nodes, model.device)
        averaged = bool(batch.averaged.any())
        inputs = {"inputs_embeds": model.embed(batch)} if averaged else {"input_ids": batch.input_ids}
        made = model.network(
            **inputs,
            attention_mask=tree_mask(model.network, tree, nodes, known),
            position_ids=batch.position_ids,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=torch.from_numpy(read_at).to(model.device),
        )
        return at_least_float32(made.logits[0])


def slice_size(model: Model) -> int:
    """Nodes a slice that take the least time each, by the network's shapes.

    A slice of n nodes calls all blocks and fetches all weights once, and each of its nodes is compared with all n: a
    node's time goes as weights · (1 + tokens a fetch / n) + calls / n + attention · n.
    """
    kind = model.device.type if model.device.type in TOKENS_A_FETCH else "cuda"
    weights = model.flops(1, 0)
    attention = model.flops(1, 1) - weights
    once = TOKENS_A_FETCH[kind] * weights + OPERATIONS_A_CALL[kind] * model.depth
    return max(1, round((once / attention) ** 0.5))


def _recalled(cache: Any, places: np.ndarray) -> Any:
    """A cache that holds these of another's tokens."""
    from transformers import DynamicCache

    recalled = DynamicCache()
    for index, layer in enumerate(cache.layers):
        chosen = torch.from_numpy(places).to(layer.keys.device)
        recalled.update(layer.keys.index_select(2, chosen), layer.values.index_select(2, chosen), index)
    return recalled


def _as_batch(tree: TokenTree, nodes: np.ndarray, device: torch.device) -> Batch:
    """Nodes side by side as one sequence, which is no single row."""
    ids = torch.from_numpy(tree.ids[nodes][None]).to(device)
    return Batch(
        rows=(),
        input_ids=ids.clamp(min=0),
        attention_mask=torch.ones_like(ids),
        position_ids=torch.from_numpy(tree.positions[nodes][None]).to(device),
        token_type_ids=torch.zeros_like(ids),
        averaged=ids == AVERAGED,
        feature_of=torch.full_like(ids, PROTECTED),
        real=torch.ones_like(ids, dtype=torch.bool),
    )
