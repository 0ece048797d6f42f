"""A prepared network, seen through what attribution needs of it."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, final

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from . import removal
from .architecture import (
    accepted,
    blocks_of,
    distinct,
    first_position,
    forget_lengths,
    longest_of,
    switches_with_length,
    text_config,
)
from .encoding import PROTECTED, Batch, Encoded, Target, collate, without_padding
from .errors import InvalidNumbers, Unsupported
from .handling import Handling
from .reading import Head, Reading
from .removal import OPERATORS, Operator
from .text import Example, Feature, Granularity, features_of, with_parents
from .word_embeddings import looked_up_as, mean_embedding

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from .scoring_tree import ScoringTree

NO_PRETRAINED = "no fine-tuning is known of: add a strategy that trains, or a model that names its pre-trained one"

How = str  # "predicted", "gold", or one fixed label


class Packing(NamedTuple):
    """Bits that one weight of a quantized layer takes: its code, and its share of the scales."""

    code: float
    scales: float


class Model(ABC):
    """A network and its tokenizer. Final kinds: `Classifier`, `PromptClassifier`, `Writer`.

    The network is borrowed: whatever happens inside `active()` is undone when it ends.

    Attributes:
        labels: names of the outputs, in order; empty for a writer.
        pretrained: the network this one was fine-tuned from, where it is known.
        tuned: names of the network's parameters that fine-tuning moved.
        packed: how the weights of quantized layers are stored, by the parameter's name.
        altered: contexts that `active` enters, which make the network compute something else while it is used.
        handling: how the network is called; `self_check` finds out.
    """

    left_padded: ClassVar[bool]
    head: Head = "softmax"

    def __init__(
        self,
        network: nn.Module,
        tokenizer: PreTrainedTokenizerBase,
        labels: Sequence[str] = (),
        pretrained: Model | None = None,
        tuned: Iterable[str] = (),
    ) -> None:
        if not tokenizer.is_fast:
            raise Unsupported(
                f"words are found by character offsets, which a slow tokenizer such as {type(tokenizer).__name__} does "
                "not give: write it as a tokenizer.json with PreTrainedTokenizerFast(tokenizer_object=...)"
                ".save_pretrained, or use a model that has one"
            )
        # transformers' networks and tokenizers have attributes that no stub describes
        self.network: Any = network
        self.tokenizer: Any = tokenizer
        self.labels = tuple(labels)
        self.pretrained = pretrained
        self.tuned = frozenset(tuned)
        self.packed: Mapping[str, Packing] = {}
        self.altered: tuple[Callable[[Model], AbstractContextManager[None]], ...] = ()
        self.handling = Handling()
        self._active = False
        self._mean: Tensor | None = None  # the vocabulary's mean embedding, known while the model is active

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    @property
    def precision(self) -> torch.dtype:
        """The coarsest numbers that the network computes with: what its outputs are known to.

        Layers may compute in other numbers than their weights are stored in; those that do name them `compute_dtype`,
        as bitsandbytes' do.
        """
        stored = {parameter.dtype for parameter in self.network.parameters() if parameter.is_floating_point()}
        computed = {module.compute_dtype for module in self.network.modules() if hasattr(module, "compute_dtype")}
        return max(stored | computed, key=lambda dtype: torch.finfo(dtype).eps)

    def around(self, network: nn.Module, packed: Mapping[str, Packing] | None = None) -> Model:
        """The same model around another network of the same shape, whose weights may be stored otherwise."""
        other = copy.copy(self)
        other.network = network
        other.packed = self.packed if packed is None else packed
        other._active, other._mean = False, None
        vars(other).pop("_operations", None)  # adapters are operations too
        return other

    def handled(self, handling: Handling) -> Model:
        """The same model, whose network is called so."""
        other = copy.copy(self)
        other.handling = handling
        return other

    def require_pretrained(self) -> Model:
        """The model that this one was fine-tuned from: block for block of the same shape, and of the same words.

        Raises:
            Unsupported: it is not known; it has another depth, width or vocabulary. Fine-tuning may have added tokens.
        """
        origin = self.pretrained
        if origin is None:
            raise Unsupported(NO_PRETRAINED)
        for what, mine, theirs in (
            ("blocks", len(self.blocks()), len(origin.blocks())),
            ("dimensions", self.network.config.hidden_size, origin.network.config.hidden_size),
        ):
            if mine != theirs:
                raise Unsupported(f"the network has {mine} {what} and the one it is said to come from has {theirs}")
        if len(distinct(self.blocks())) < len(self.blocks()):
            raise Unsupported("layers share a block, whose contribution is not each layer's own")
        if origin.tokenizer is not self.tokenizer:
            words = self.tokenizer.get_vocab()
            for word, number in origin.tokenizer.get_vocab().items():
                if words.get(word) != number:
                    told = "is missing" if word not in words else f"is {words[word]}"
                    raise Unsupported(f"the token {word!r} is {number} before fine-tuning and {told} after it")
        return origin

    @contextmanager
    def active(self) -> Iterator[None]:
        """Evaluation mode, parameters without gradients: entered once by the harness, and undone at its end.

        What alters the network does so once, however often this is entered.
        """
        with ExitStack() as undone:
            undone.enter_context(self._frozen())
            if not self._active:
                undone.callback(setattr, self, "_active", False)
                undone.callback(setattr, self, "_mean", None)
                self._active = True
                for alter in self.altered:
                    undone.enter_context(alter(self))
            yield

    @contextmanager
    def _frozen(self) -> Iterator[None]:
        modes = [(module, module.training) for module in self.network.modules()]
        gradients = [(parameter, parameter.requires_grad) for parameter in self.network.parameters()]
        try:
            self.network.eval()
            for parameter, _ in gradients:
                parameter.requires_grad_(False)
            yield
        finally:
            for module, mode in modes:
                module.training = mode
            for parameter, wanted in gradients:
                parameter.requires_grad_(wanted)

    # From text to rows

    @abstractmethod
    def encode(self, example: Example, granularity: Granularity = "word") -> Encoded:
        """One example as one row.

        Raises:
            Unsupported: the text is empty, longer than the network takes, or has more segments than it takes.
        """

    def decide(self, rows: Sequence[Encoded], how: How = "predicted") -> list[Encoded]:
        """The rows with their target: the predicted label, the gold label, or one fixed label for all.

        Raises:
            Unsupported: a gold label that is missing or unknown, a fixed label outside the model's labels.
        """
        if how == "predicted":
            return [row.aimed_at(Target((int(best),))) for row, best in zip(rows, self.predict(rows), strict=True)]
        return [row.aimed_at(Target((self._label_index(row, how),))) for row in rows]

    def require_one_of_labels(self) -> None:
        """Raises Unsupported where the model does not decide for one of several labels."""
        if not self.labels:
            raise Unsupported("this model only writes, and decides between no labels")
        if self.head == "sigmoid":
            raise Unsupported("this head decides each label for itself, so that none is the predicted one")
        if self.head == "scalar":
            raise Unsupported("this head gives a score and decides between no classes")

    def predict(self, rows: Sequence[Encoded], rows_a_batch: int = 16) -> list[int]:
        """The index of the most probable label for each row.

        Raises:
            Unsupported: the head does not decide for one of several labels.
        """
        self.require_one_of_labels()
        best: list[int] = []
        with torch.no_grad():
            for start in range(0, len(rows), rows_a_batch):
                best += self.outputs(self.collate(rows[start : start + rows_a_batch])).argmax(-1).tolist()
        return best

    def sharing(self, rows: Sequence[Encoded]) -> list[list[int]]:
        """Indices of the rows that may share a forward, longest rows first: all of them, unless padding or company
        changes the network's numbers."""
        order = sorted(range(len(rows)), key=lambda index: len(rows[index]), reverse=True)
        if self.handling.sharing == "padded":
            return [order]
        if self.handling.sharing == "alone":
            return [[index] for index in order]
        return [list(group) for _, group in groupby(order, key=lambda index: self.lengths(rows[index]))]

    def remove(self, row: Encoded, keep: Bool[np.ndarray, " features"], operator: Operator) -> Encoded:
        """The row without the features that are not kept. See `removal.remove`.

        Where deleting leaves no token (a classifier may have no special ones), one is put there: the tokenizer's first
        of those that begin, end or pad a text.
        """
        removed = removal.remove(row, keep, operator, self.tokenizer.mask_token_id, self.pad_id)
        return removed if len(removed) else removal.emptied(row, self._begin())

    @property
    def operators(self) -> tuple[Operator, ...]:
        """The removal operators that this tokenizer allows."""
        return tuple(operator for operator in OPERATORS if self.refusal(operator) is None)

    def refusal(self, need: str) -> str | None:
        """Why this model cannot be asked for a removal operator, gradients or attentions; None where it can."""
        missing = {"mask": self.tokenizer.mask_token_id is None, "pad": self.pad_id is None}
        if missing.get(need):
            return f"this tokenizer has no {need} token"
        return self.handling.refused.get(need)

    @property
    def default_operator(self) -> Operator:
        return "mask" if "mask" in self.operators else "delete"

    def collate(self, rows: Sequence[Encoded]) -> Batch:
        left = self.left_padded or self.handling.left
        return collate(tuple(rows), left=left, pad_id=self.pad_id or 0, device=self.device)

    @property
    def pad_id(self) -> int | None:
        return self.tokenizer.pad_token_id

    @property
    def longest(self) -> int:
        """The number of tokens that the network takes."""
        return longest_of(self.network) - self.first_position

    @cached_property
    def first_position(self) -> int:
        """The position of a row's first token."""
        return first_position(self.network)

    # From rows to numbers

    def embed(self, batch: Batch) -> Float[Tensor, "batch tokens dim"]:
        """Word embeddings (positions are added later, inside the network), averaged where the batch says so.

        Raises:
            Unsupported: the network takes no embeddings.
        """
        refused = self.handling.refused.get("gradients")
        if refused is not None:
            raise Unsupported(refused)
        table = self.network.get_input_embeddings()
        embeddings = table(batch.input_ids)
        if not batch.averaged.any():
            return embeddings
        mean = mean_embedding(table) if self._mean is None else self._mean
        self._mean = mean if self._active else None
        return torch.where(batch.averaged.unsqueeze(-1), mean.to(embeddings.dtype), embeddings)

    @final
    def outputs(
        self, batch: Batch, embeddings: Float[Tensor, "batch tokens dim"] | None = None
    ) -> Float[Tensor, "batch outputs"]:
        """Raw outputs in float32 or better: one score a label, or log p of each token of the continuation.

        Differentiable in `embeddings`, which stand in for `embed(batch)`. Rows that must not share a forward go
        through the network in several, without padding.

        Raises:
            InvalidNumbers: the network's numbers are not finite.
        """
        made = self._in_groups(batch, embeddings)
        if not made.isfinite().all():
            raise InvalidNumbers(f"outputs of {type(self.network).__name__} are NaN or infinite")
        return made

    def _in_groups(self, batch: Batch, embeddings: Float[Tensor, "batch tokens dim"] | None) -> Tensor:
        if self.handling.sharing == "padded":
            return self._outputs(batch, embeddings)
        order: list[int] = []
        parts: list[Tensor] = []
        for group in self.sharing(batch.rows):
            order += group
            some, columns = without_padding(batch, group)
            parts.append(self._outputs(some, None if embeddings is None else embeddings[group, columns]))
        width = max(part.shape[1] for part in parts)  # writers' rows may have longer and shorter continuations
        joined = torch.cat([nn.functional.pad(part, (0, width - part.shape[1])) for part in parts])
        return joined[torch.tensor(order, device=joined.device).argsort()]

    def forward(
        self,
        ids: Int[Tensor, "batch tokens"],
        embeddings: Float[Tensor, "batch tokens dim"] | None,
        **arguments: Any,
    ) -> Any:
        """What the network returns, called with those of the arguments that it takes.

        Args:
            embeddings: of the words, in place of what the network looks up for their ids.
        """
        accepted = arguments.keys() if self._accepted is None else self._accepted
        given = {name: value for name, value in arguments.items() if name in accepted}
        if not self.handling.positions:
            given.pop("position_ids", None)
        with self.each_call_the_first():
            if embeddings is None:
                return self.network(input_ids=ids, **given)
            if self.handling.embeddings == "argument":
                return self.network(inputs_embeds=embeddings, **given)
            with looked_up_as(self.network.get_input_embeddings(), embeddings):
                return self.network(input_ids=ids, **given)

    @contextmanager
    def each_call_the_first(self) -> Iterator[None]:
        """What a call's lengths make of the network is undone, before it and after."""
        if not self._switches_with_length:
            yield
            return
        forget_lengths(self.network)
        try:
            yield
        finally:
            forget_lengths(self.network)

    @abstractmethod
    def _outputs(
        self, batch: Batch, embeddings: Float[Tensor, "batch tokens dim"] | None = None
    ) -> Float[Tensor, "batch outputs"]:
        """The outputs of rows that share one forward."""

    @abstractmethod
    def value(
        self, outputs: Float[Tensor, "batch outputs"], targets: Sequence[Target], reading: Reading
    ) -> Float[Tensor, " batch"]:
        """The explained scalar of each row."""

    def generate(self, rows: Sequence[Encoded], most: int) -> list[str]:
        """At most `most` tokens of greedy continuation, decoded."""
        raise Unsupported("an encoder writes no text")

    def tails(self, row: Encoded) -> list[tuple[int, ...]]:
        """Continuations appended to the row when it is scored; one empty one where nothing is appended."""
        return [()]

    def lengths(self, row: Encoded) -> list[int]:
        """Tokens of each row that goes through the network to score this one alone."""
        return [len(row) + len(tail) for tail in self.tails(row)]

    def scoring_tree(self, rows: Sequence[Encoded]) -> ScoringTree | None:
        """The rows as one tree in which every shared beginning is computed once.

        None for encoders, whose tokens see what follows them: their rows go through the network one by one.
        """
        return None

    # The network's parts

    def blocks(self) -> Sequence[nn.Module]:
        """The transformer blocks in the order of a forward; a block that layers share comes once for each.

        Raises:
            Unsupported: see `architecture.blocks_of`.
        """
        return blocks_of(self.network)

    def flops(self, tokens: int, pairs: int | None = None) -> int:
        """Floating-point operations of the blocks for one row of `tokens`: products with weights and attention.

        Counted from shapes (two a multiply-add), so that it is the same on every machine and for every kernel.

        Args:
            pairs: how many pairs of tokens attention compares; by default each token with each.
        """
        weights, attention = self._operations
        return 2 * (tokens * weights + (tokens**2 if pairs is None else pairs) * attention)

    @cached_property
    def _operations(self) -> tuple[int, int]:
        """Multiply-adds of all blocks: for a token with weights, and for a pair of tokens in attention.

        Of a network whose blocks are not known, those of all its linear layers, each called once.
        """
        blocks = self._blocks_or_network
        shapes = [logical_shape(module) for block in blocks for module in block.modules()]
        weights = sum(rows * columns for rows, columns in filter(None, shapes))
        return weights, 2 * getattr(text_config(self.network), "hidden_size", 0) * self.depth

    @property
    def depth(self) -> int:
        """How many blocks a forward goes through."""
        blocks = self._blocks_or_network
        known = getattr(text_config(self.network), "num_hidden_layers", 1)
        return known if blocks[0] is self.network else len(blocks)

    @property
    def _blocks_or_network(self) -> Sequence[nn.Module]:
        try:
            return self.blocks()
        except Unsupported:
            return [self.network]

    @contextmanager
    def eager(self) -> Iterator[None]:
        """Plain attention, for methods that need attention weights: fused kernels return none."""
        before = self.network.config._attn_implementation
        self.network.set_attn_implementation("eager")
        try:
            yield
        finally:
            self.network.set_attn_implementation(before)

    # Shared by the final kinds

    @cached_property
    def _switches_with_length(self) -> bool:
        return switches_with_length(self.network)

    @cached_property
    def _accepted(self) -> frozenset[str] | None:
        return accepted(self.network)

    def _flags_of(self, ids: Sequence[int], places: Sequence[tuple[int, int, int]]) -> tuple[str, ...]:
        """ "special-tokens" where a text holds what no text should: all special tokens but that for the unknown."""
        special = set(self.tokenizer.all_special_ids) - {self.tokenizer.unk_token_id}
        written = {token for token, place in zip(ids, places, strict=True) if place[0] != PROTECTED}
        return ("special-tokens",) if special & written else ()

    def _begin(self) -> int:
        """A token that says nothing: of the tokenizer's, the first that begins, ends or pads a text."""
        for token in (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id, self.pad_id):
            if token is not None:
                return token
        raise Unsupported(
            "deleting every word leaves nothing, and the tokenizer has no token that begins, ends or pads a text: "
            "choose another operator, such as attention"
        )

    def _label_index(self, row: Encoded, how: How) -> int:
        label = row.example.label if how == "gold" else how
        if label not in self.labels:
            wanted = "a gold label" if label is None else f"the label {label!r}"
            raise Unsupported(f"example {row.example.id}: {wanted} is not one of {', '.join(self.labels)}")
        return self.labels.index(label)

    def _fits(self, tokens: int) -> None:
        if tokens > self.longest:
            raise Unsupported(f"the text has {tokens} tokens and the model takes {self.longest}: shorten or split it")

    def _row(
        self,
        example: Example,
        ids: Sequence[int],
        types: Sequence[int],
        places: Iterable[tuple[int, int, int]],
        granularity: Granularity,
        first_position: int = 0,
        flags: tuple[str, ...] = (),
    ) -> Encoded:
        """A row whose tokens are given the feature with which they share most characters.

        Args:
            places: for each token its segment (PROTECTED outside the text) and its characters there.
        """
        if not "".join(example.segments).strip():
            raise Unsupported(f"example {example.id}: the text is empty, so there is nothing to explain")
        places = list(places)
        features = (
            tuple(with_parents(_tokens(example, places), example.segments))
            if granularity == "token"
            else features_of(example.segments, granularity)
        )
        feature_of = np.array([_owner(place, features) for place in places], dtype=np.int64)
        if set(range(len(features))) - set(feature_of.tolist()):
            flags = (*flags, "tokenless")  # a word of characters that the tokenizer drops
        count = len(ids)
        return Encoded(
            example=example,
            ids=np.array(ids, dtype=np.int64),
            positions=np.arange(first_position, first_position + count, dtype=np.int64),
            visible=np.ones(count, dtype=bool),
            averaged=np.zeros(count, dtype=bool),
            types=np.array(types, dtype=np.int64),
            feature_of=feature_of,
            features=features,
            flags=flags,
        )


def logical_shape(module: Any) -> tuple[int, int] | None:
    """Inputs × outputs of a linear layer, also where its weight is packed to four bits; else None."""
    if isinstance(module, nn.Linear):
        return module.in_features, module.out_features
    if type(module).__name__ == "Conv1D":  # GPT-2's linear layer, stored transposed
        rows, columns = module.weight.shape
        return int(rows), int(columns)
    return None


def _owner(place: tuple[int, int, int], features: Sequence[Feature]) -> int:
    """The feature a token belongs to: most characters shared, else the word that its white space introduces."""
    segment, start, end = place
    if segment == PROTECTED or not features:
        return PROTECTED
    shared = [feature.overlap(segment, start, end) for feature in features]
    if max(shared) > 0:
        return int(np.argmax(shared))
    here = [index for index, feature in enumerate(features) if feature.segment == segment]
    following = [index for index in here if features[index].start >= end]
    return following[0] if following else here[-1] if here else PROTECTED


def _tokens(example: Example, places: Sequence[tuple[int, int, int]]) -> Iterator[Feature]:
    """One feature for each token of the text; tokens of the same characters (bytes of an emoji) share one."""
    seen: set[tuple[int, int, int]] = set()
    for place in places:
        segment, start, end = place
        if segment != PROTECTED and start < end and place not in seen:
            seen.add(place)
            yield Feature(example.segments[segment][start:end], segment, start, end)
