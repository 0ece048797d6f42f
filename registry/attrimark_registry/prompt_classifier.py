"""A causal language model that classifies by completing a prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, cast, final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from .causal import SLOTS, Prompt, log_probabilities, split_prompt, written_out
from .encoding import Batch, Encoded, Target
from .errors import AttrimarkError
from .greedy import greedy, keeps_state, limits_of
from .model import Model
from .reading import Reading, read_labels
from .scoring_tree import ScoringTree
from .text import Example, Granularity

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Scored = Literal["text", "prompt"]


@final
class PromptClassifier(Model):
    """Labels compared by the log-probability of writing their answer after the prompt (the constrained reading).

    Its outputs are Σ log p of each label's answer; `generate` gives what the model writes when left free, and
    `parse` the label in it, if any (the generated reading).

    Args:
        prompt: holds `{text}` where the text goes; everything around it is protected.
        chat: fill the prompt into the tokenizer's chat template, as a user's turn.
        answers: what is written for each label; by default the label, after a space where there is no template.
        features: what is scored: the text alone, or the whole prompt that it stands in. A row's example is then the
            filled prompt, where a span of the kind "text" says where the text is; only what the tokenizer and its
            chat template put around the prompt is protected.
        system: the chat template's system turn.

    Raises:
        AttrimarkError: a prompt without its slot; an answer of white space alone; two answers of which one begins the
            other, or which differ in nothing but case and white space; a system turn without a template for it.
    """

    left_padded: ClassVar[bool] = True

    def __init__(
        self,
        network: nn.Module,
        tokenizer: PreTrainedTokenizerBase,
        labels: Sequence[str],
        prompt: str,
        chat: bool = False,
        answers: Mapping[str, str] | None = None,
        pretrained: Model | None = None,
        features: Scored = "text",
        system: str | None = None,
    ) -> None:
        super().__init__(network, tokenizer, labels, pretrained)
        self._chat, self._features, self._system = chat, features, system
        self._ask(prompt, answers or {label: label if chat else f" {label}" for label in labels})

    def reworded(self, prompt: str, answers: Mapping[str, str] | None = None) -> PromptClassifier:
        """The same network, asked in another prompt, and with other answers where they are given.

        Raises:
            AttrimarkError: as for a new one.
        """
        other = cast(PromptClassifier, self.around(self.network))
        other._ask(prompt, answers or self.answers)
        return other

    def _ask(self, prompt: str, answers: Mapping[str, str]) -> None:
        self.prompt = Prompt.of(self.tokenizer, prompt, self._chat, self._system)
        in_text = self._features == "text"
        self._around = None if in_text else split_prompt(prompt)
        self._filled = self.prompt if in_text else Prompt.of(self.tokenizer, SLOTS[0], self._chat, self._system)
        self.answers = dict(answers)
        if set(self.answers) != set(self.labels):
            raise AttrimarkError(f"answers are needed for exactly these labels: {', '.join(self.labels)}")
        _refuse_alike({label: self.answers[label] for label in self.labels})
        self._written = [self.prompt.continuation(self.answers[label]) for label in self.labels]
        _refuse_prefixes(dict(zip(self.labels, self._written, strict=True)))
        self._tails = _longest_tails(self._written)

    def encode(self, example: Example, granularity: Granularity = "word") -> Encoded:
        if self._around is not None:
            example = written_out(example, self._around)
        ids, places, flags = self._filled.fill(example)
        self._fits(len(ids) + max(map(len, self._written)))
        return self._row(example, ids, [0] * len(ids), places, granularity, self.first_position, flags)

    def tails(self, row: Encoded) -> list[tuple[int, ...]]:
        return list(self._tails)

    def _outputs(
        self, batch: Batch, embeddings: Float[Tensor, "batch tokens dim"] | None = None
    ) -> Float[Tensor, "batch outputs"]:
        if embeddings is None and batch.averaged.any():
            embeddings = self.embed(batch)
        count, longest = len(self._tails), max(map(len, self._tails))
        if count > 1:
            embeddings = None if embeddings is None else embeddings.repeat_interleave(count, dim=0)
        padded = [[*tail, *[-1] * (longest - len(tail))] for tail in self._tails]
        tails = torch.tensor(padded, dtype=torch.long, device=self.device).reshape(count, longest)
        steps = log_probabilities(
            self, batch.repeated(count), tails.repeat(len(batch), 1), longest + 1, embeddings
        ).unflatten(0, (len(batch), count))
        scores = []
        for ids in self._written:
            tail = next(place for place, tail in enumerate(self._tails) if tail[: len(ids) - 1] == ids[:-1])
            # in float64: log-odds are a small difference of long sums
            scores.append(sum(steps[:, tail, place, token].double() for place, token in enumerate(ids)))
        return torch.stack(scores, dim=-1)  # pyright: ignore[reportArgumentType]

    def scoring_tree(self, rows: Sequence[Encoded]) -> ScoringTree:
        return ScoringTree(self, rows, [self._written] * len(rows), lambda texts: np.array([*map(np.sum, texts)]))

    def value(
        self, outputs: Float[Tensor, "batch outputs"], targets: Sequence[Target], reading: Reading
    ) -> Float[Tensor, " batch"]:
        return read_labels(outputs, list(targets), reading)

    def generate(self, rows: Sequence[Encoded], most: int) -> list[str]:
        written = greedy(self, rows, limits_of(self, rows, most), keeps_state(self, rows))
        return [self.tokenizer.decode(ids, skip_special_tokens=True) for ids in written]

    def parse(self, written: str, words: int = 5) -> str | None:
        """The label whose answer stands first, in words of any case, among the first words written; else None.

        Of two answers that begin at one place the longer one was written.
        """
        start = " ".join(written.split()[:words])
        found: dict[str, tuple[int, int]] = {}
        for label in self.labels:
            answer = " ".join(self.answers[label].split())
            match = re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", start, re.IGNORECASE)
            if match:
                found[label] = match.start(), -len(answer)
        return min(found, key=lambda label: found[label]) if found else None


def _refuse_alike(answers: Mapping[str, str]) -> None:
    """Answers that `parse` could not tell apart, or would find in anything."""
    known: dict[str, str] = {}
    for label, answer in answers.items():
        words = " ".join(answer.split()).casefold()
        if not words:
            raise AttrimarkError(f"the answer for {label!r} is empty, so whatever is written holds it; give it a word")
        if words in known:
            raise AttrimarkError(
                f"the answers for {known[words]!r} and {label!r} cannot be told apart: they differ in nothing but case "
                "and white space, and what the model writes is read without either; give other answers"
            )
        known[words] = label


def _refuse_prefixes(written: Mapping[str, tuple[int, ...]]) -> None:
    for one, ids in written.items():
        for other, more in written.items():
            if one != other and more[: len(ids)] == ids:
                raise AttrimarkError(
                    f"the answers for {one!r} and {other!r} cannot be told apart: as tokens, the first "
                    "begins the second; give other answers"
                )


def _longest_tails(written: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """What must be appended so that every token of every answer is scored once: answers without their last token."""
    tails = sorted({ids[:-1] for ids in written}, key=len, reverse=True)
    return [tail for place, tail in enumerate(tails) if not any(t[: len(tail)] == tail for t in tails[:place])]
