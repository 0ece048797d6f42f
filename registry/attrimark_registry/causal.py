"""Prompts, continuations and forward passes shared by the two kinds of causal model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from .encoding import PROTECTED, Batch
from .errors import AttrimarkError, Unsupported
from .reading import at_least_float32
from .text import Example, Span

if TYPE_CHECKING:
    from .model import Model

SLOTS = ("{text}", "{text2}")  # the second one is for pairs
TEXT = "text"  # the kind of span that says where the text stands in a filled prompt
NO_SYSTEM = "this tokenizer's chat template takes no system turn: put its words at the beginning of the prompt"


@dataclass(frozen=True)
class Prompt:
    """What stands around the text, ready to be filled and encoded.

    Attributes:
        pieces: the constant text before, between and after the slots.
        special: whether the tokenizer adds its special tokens; not where a chat template has written them already.
    """

    tokenizer: Any
    pieces: tuple[str, ...]
    special: bool

    @classmethod
    def of(cls, tokenizer: Any, prompt: str, chat: bool, system: str | None = None) -> Prompt:
        """A prompt with its slots, as it stands or as a user's turn of the tokenizer's chat template.

        Args:
            system: the template's system turn, before the user's.

        Raises:
            AttrimarkError: `{text}` is missing or stands twice; the tokenizer has no chat template, or one that takes
                no system turn; there is such a turn and no template to put it into.
        """
        split_prompt(prompt)
        if chat:
            return cls(tokenizer, split_prompt(as_chat(tokenizer, prompt, system)), False)
        if system is not None:
            raise AttrimarkError("a system turn is a part of a chat template: set chat = true")
        return cls(tokenizer, split_prompt(prompt), True)

    def fill(self, example: Example) -> tuple[list[int], list[tuple[int, int, int]], tuple[str, ...]]:
        """Ids of the filled prompt, each token's segment and characters there, and the row's flags.

        Raises:
            Unsupported: the example has more or fewer segments than the prompt has slots.
        """
        filled, spans = _filled(self.pieces, example)
        encoding = self._encode(filled, return_offsets_mapping=True)
        placed = [_place(token, spans, filled) for token in encoding["offset_mapping"]]
        ids, places = list(encoding["input_ids"]), [place for place, _ in placed]
        flags = ["straddles"] if any(straddling for _, straddling in placed) else []
        if self._marks & {token for token, place in zip(ids, places, strict=True) if place[0] != PROTECTED}:
            flags.append("special-tokens")
        if all(segment != PROTECTED for segment, _, _ in places):
            # something must be left to continue from when every feature is removed
            ids, places = [self._begin(), *ids], [(PROTECTED, 0, 0), *places]
            flags.append("begin-token-added")
        return ids, places, tuple(flags)

    def continuation(self, text: str) -> tuple[int, ...]:
        """The tokens that follow the filled prompt's own when `text` is written after it."""
        filled = "a text".join(self.pieces)
        before, both = self._encode(filled)["input_ids"], self._encode(filled + text)["input_ids"]
        if both[: len(before)] == before and len(both) > len(before):
            return tuple(both[len(before) :])
        # the boundary merges: the model is made to write the continuation's own tokens
        return tuple(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    @property
    def _marks(self) -> set[int]:
        """Special tokens that a text has no business to hold: all but the one for what is unknown."""
        return set(self.tokenizer.all_special_ids) - {self.tokenizer.unk_token_id}

    def _begin(self) -> int:
        for token in (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id):
            if token is not None:
                return token
        raise Unsupported("without a token to begin with, the prompt must hold more than the text")

    def _encode(self, text: str, return_offsets_mapping: bool = False) -> Any:
        return self.tokenizer(
            text, add_special_tokens=self.special, return_offsets_mapping=return_offsets_mapping, verbose=False
        )


def split_prompt(prompt: str) -> tuple[str, ...]:
    """The constant pieces around the slots `{text}` and, for pairs, `{text2}` after it.

    Raises:
        AttrimarkError: `{text}` is missing, a slot stands twice, or they stand in another order.
    """
    pieces, rest = [], prompt
    for slot in SLOTS if SLOTS[1] in prompt else SLOTS[:1]:
        if rest.count(slot) != 1:
            raise AttrimarkError(f"the prompt must hold {slot} exactly once, {{text}} first: {prompt!r}")
        before, rest = rest.split(slot)
        pieces.append(before)
    return (*pieces, rest)


def written_out(example: Example, pieces: Sequence[str]) -> Example:
    """The filled prompt as an example of one segment, with its spans moved along and the text marked by a span.

    An example that is marked so was filled before and comes back as it is.

    Raises:
        Unsupported: the text is empty; the example has more or fewer segments than the prompt has slots.
    """
    marked = any(span.kind == TEXT for span in example.spans)
    if marked and example.text.startswith(pieces[0]) and example.text.endswith(pieces[-1]):
        return example
    if not "".join(example.segments).strip():
        raise Unsupported(f"example {example.id}: the text is empty, so there is nothing to explain")
    filled, places = _filled(pieces, example)
    starts = [start for start, _ in places]
    moved = [
        replace(span, segment=0, start=starts[span.segment] + span.start, end=starts[span.segment] + span.end)
        for span in example.spans
    ]
    texts = [Span(0, start, end, TEXT) for start, end in places]
    return replace(example, segments=(filled,), spans=(*moved, *texts))


def _filled(pieces: Sequence[str], example: Example) -> tuple[str, list[tuple[int, int]]]:
    """The prompt with the example's segments in its slots, and the characters at which each stands."""
    if len(example.segments) != len(pieces) - 1:
        raise Unsupported(
            f"example {example.id}: {len(example.segments)} segments for {len(pieces) - 1} slots of the prompt"
        )
    filled, spans = pieces[0], []
    for segment, after in zip(example.segments, pieces[1:], strict=True):
        spans.append((len(filled), len(filled) + len(segment)))
        filled += segment + after
    return filled, spans


def as_chat(tokenizer: Any, prompt: str, system: str | None = None) -> str:
    """The prompt as a user's turn of the tokenizer's chat template, ready for the assistant's answer.

    Raises:
        AttrimarkError: the tokenizer has no chat template, or one that takes no system turn.
    """
    from jinja2 import TemplateError

    if not tokenizer.chat_template:
        raise AttrimarkError("this tokenizer has no chat template: set chat = false")
    turns = [{"role": "user", "content": prompt}]
    if system is None:
        return tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    turns.insert(0, {"role": "system", "content": system})
    try:
        written = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    except TemplateError as error:
        raise AttrimarkError(f"{NO_SYSTEM} ({error})") from error
    if system.strip() not in written:  # some templates pass over turns that they do not know
        raise AttrimarkError(NO_SYSTEM)
    return written


def _place(token: tuple[int, int], spans: Sequence[tuple[int, int]], filled: str) -> tuple[tuple[int, int, int], bool]:
    """A token's segment and characters there, and whether it straddles text and prompt."""
    start, end = token
    for segment, (first, last) in enumerate(spans):
        low, high = max(start, first), min(end, last)
        inside = filled[low:high] if low < high else ""
        # a token whose share of the text is blank is the prompt's, unless all of it is text
        if inside.strip() or (inside and high - low == end - start):
            straddles = bool(filled[start:low].strip() or filled[high:end].strip())
            return (segment, low - first, high - first), straddles
    return (PROTECTED, 0, 0), False


def log_probabilities(
    model: Model, batch: Batch, tails: Tensor, keep: int, embeddings: Tensor | None
) -> Float[Tensor, "batch keep vocabulary"]:
    """Next-token log-probabilities at the last `keep` positions of each row with its tail appended.

    Args:
        tails: ids appended on the right, [batch, tail], −1 where a row's tail is shorter (its end is padding).
        embeddings: of the rows without their tails, in place of `input_ids`.
    """
    present = tails >= 0
    ids = torch.cat([batch.input_ids, tails.clamp(min=0)], dim=1)
    # padding takes no new position: the network may have none left
    steps = present.long().cumsum(dim=1)
    arguments = {
        "attention_mask": torch.cat([batch.attention_mask, present.long()], dim=1),
        "position_ids": torch.cat([batch.position_ids, batch.position_ids[:, -1:] + steps], dim=1),
        "logits_to_keep": keep,
        "use_cache": False,
    }
    if embeddings is not None:
        written = model.network.get_input_embeddings()(tails.clamp(min=0))
        embeddings = torch.cat([embeddings, written], dim=1)
    logits = model.forward(ids, embeddings, **arguments).logits
    return at_least_float32(logits[:, -keep:]).log_softmax(-1)
