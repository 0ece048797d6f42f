"""A causal language model whose explained decision is the text that it writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise, takewhile
from typing import TYPE_CHECKING, ClassVar, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .causal import Prompt, log_probabilities
from .encoding import Batch, Encoded, Target
from .errors import Unsupported
from .greedy import greedy, keeps_state, limits_of
from .model import How, Model
from .reading import Reading, read_continuation
from .scoring_tree import ScoringTree
from .text import Example, Granularity

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@final
class Writer(Model):
    """Its outputs are log p of each token of the target's continuation, given the text and the tokens before.

    Args:
        prompt: holds `{text}` where the text goes.
        chat: fill the prompt into the tokenizer's chat template, as a user's turn.
        most: how many tokens are written where the model's own continuation is explained.
        system: the chat template's system turn.
    """

    left_padded: ClassVar[bool] = True

    def __init__(
        self,
        network: nn.Module,
        tokenizer: PreTrainedTokenizerBase,
        prompt: str = "{text}",
        chat: bool = False,
        most: int = 32,
        pretrained: Model | None = None,
        system: str | None = None,
    ) -> None:
        super().__init__(network, tokenizer, (), pretrained)
        self.prompt = Prompt.of(tokenizer, prompt, chat, system)
        self.most = most

    def encode(self, example: Example, granularity: Granularity = "word") -> Encoded:
        ids, places, flags = self.prompt.fill(example)
        self._fits(len(ids) + self.most)
        return self._row(example, ids, [0] * len(ids), places, granularity, self.first_position, flags)

    def decide(self, rows: Sequence[Encoded], how: How = "predicted") -> list[Encoded]:
        """The rows with their continuation as the target: written greedily, or the example's reference ("gold").

        A row whose text was not at its end after `most` tokens is flagged "cut".

        Raises:
            Unsupported: nothing is written; there is no reference, or it is longer than the network takes.
        """
        if how != "predicted":
            return [self._aimed(row, self._reference(row)) for row in rows]
        cached = bool(rows) and keeps_state(self, rows)
        written = [greedy(self, [row], limits_of(self, [row], self.most), cached)[0] for row in rows]
        aimed = [self._aimed(row, ids) for row, ids in zip(rows, written, strict=True)]
        # a text that ends is shorter: its end is a token too
        return [
            replace(row, flags=(*row.flags, "cut")) if len(ids) == self.most else row
            for row, ids in zip(aimed, written, strict=True)
        ]

    def _aimed(self, row: Encoded, ids: Sequence[int]) -> Encoded:
        if not ids:
            raise Unsupported(f"example {row.example.id}: the continuation is empty, so nothing is there to explain")
        if len(row) + len(ids) > self.longest:
            raise Unsupported(
                f"example {row.example.id}: with its continuation, it has {len(row) + len(ids)} tokens and the model "
                f"takes {self.longest}: shorten or split it"
            )
        return row.aimed_at(Target(tuple(range(len(ids))), tuple(ids)))

    def pieces(self, ids: Sequence[int]) -> tuple[str, ...]:
        """The characters that each token of a continuation adds to it; joined, they are the continuation decoded.

        A character that several tokens make up (an emoji of as many bytes) is the last one's.
        """
        whole = self.tokenizer.decode(list(ids))
        told = [_agreement(whole, self.tokenizer.decode(list(ids[:count]))) for count in range(1, len(ids))]
        ends = [0, *accumulate(told, max), len(whole)]
        return tuple(whole[start:end] for start, end in pairwise(ends))

    def tails(self, row: Encoded) -> list[tuple[int, ...]]:
        return [row.target.ids[:-1] if row.target else ()]

    def _outputs(
        self, batch: Batch, embeddings: Float[Tensor, "batch tokens dim"] | None = None
    ) -> Float[Tensor, "batch outputs"]:
        """log p of each target token, [batch, longest continuation], 0 after the end of a shorter one."""
        if embeddings is None and batch.averaged.any():
            embeddings = self.embed(batch)
        targets = [_written(row) for row in batch.rows]
        width = max(map(len, targets))
        grid = torch.tensor([[*ids, *[-1] * (width - len(ids))] for ids in targets], device=self.device)
        # every token but the last is read: a shorter row's last one too, whose prediction is masked below
        steps = log_probabilities(self, batch, grid[:, :-1], width, embeddings)
        return steps.gather(-1, grid.clamp(min=0).unsqueeze(-1)).squeeze(-1).masked_fill(grid < 0, 0.0)

    def scoring_tree(self, rows: Sequence[Encoded]) -> ScoringTree:
        return ScoringTree(self, rows, [[_written(row)] for row in rows], lambda texts: texts[0])

    def value(
        self, outputs: Float[Tensor, "batch outputs"], targets: Sequence[Target], reading: Reading
    ) -> Float[Tensor, " batch"]:
        return read_continuation(outputs, list(targets), reading)

    def generate(self, rows: Sequence[Encoded], most: int) -> list[str]:
        written = greedy(self, rows, limits_of(self, rows, most), keeps_state(self, rows))
        return [self.tokenizer.decode(ids, skip_special_tokens=True) for ids in written]

    def _reference(self, row: Encoded) -> tuple[int, ...]:
        if row.example.reference is None:
            raise Unsupported(f"example {row.example.id}: there is no reference to explain")
        return self.prompt.continuation(row.example.reference)


def _agreement(one: str, other: str) -> int:
    """With how many characters both begin."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _written(row: Encoded) -> tuple[int, ...]:
    """The continuation that the row is aimed at."""
    if row.target is None or not row.target.ids:
        raise Unsupported("a writer's rows need their target: call decide first")
    return row.target.ids
