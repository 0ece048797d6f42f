"""A network tried on three short texts before anything is explained: is what we compute what a plain call computes?

The plain call is the oracle: `network(**tokenizer(text))` for a classifier; for a causal model the ids of its row with
what it is to write, one row, without mask or positions. Rows in a padded batch, rows given as embeddings and rows with
hidden tokens must agree with it. Where they do not, the network is called otherwise (padded on the other side, without
padding, one row at a time, …), and what then still differs is refused, for the methods and operators that need it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from .architecture import switches_with_length
from .classifier import Classifier
from .encoding import Encoded, Target
from .errors import AttrimarkError, InvalidNumbers, Unsupported
from .handling import Handling, Reads
from .memory import is_exhaustion
from .model import Model
from .reads import is_mean_of_parts, last_states, probes, reads_of, replaced_states
from .text import Example

LENGTHS = (3, 5, 8)  # words of the texts: no two texts have as many tokens
SLIGHTLY = 2**-20
LONGEST_WORD = 20  # characters: without spaces between words, a text would be one
FLOAT32 = float(torch.finfo(torch.float32).eps ** 0.5)  # relative: what is left of single precision, at the least
MOST_FORWARDS = 12  # calls of the network that a check may take

log = logging.getLogger("attrimark.check")

Outputs = Float[np.ndarray, "rows outputs"]


@dataclass
class SelfCheck:
    """What was tried, and what came of it.

    Attributes:
        handling: how the network is to be called.
        differences: the largest difference from the plain call, relative to the largest output, by what was compared;
            None where the network refused to be called so.
        remarks: what a user should know, in sentences: what was solved, and how; what is refused.
        forwards: how many calls it took.
    """

    handling: Handling = field(default_factory=Handling)
    differences: dict[str, float | None] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    forwards: int = 0

    @property
    def plain(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "handling": self.handling.plain,
            "differences": self.differences,
            "remarks": self.remarks,
            "forwards": self.forwards,
        }


def self_check(model: Model, examples: Sequence[Example]) -> SelfCheck:
    """How the model's network is to be called, tried on three short texts made of the examples' words.

    Raises:
        AttrimarkError: the tokenizer knows none of the words; the network's numbers cannot be had by any way of
            calling it; a causal model sees what follows.
    """
    rows = _rows(model, examples)
    if not rows:
        return SelfCheck(remarks=["no text is short enough to be tried"])
    _require_known_words(model, rows)
    with model.active(), _quiet():
        return _Trial(model, rows).run()


class _Trial:
    """One check under way."""

    def __init__(self, model: Model, rows: Sequence[Encoded]) -> None:
        self.model = model
        self.rows = rows
        self.found = SelfCheck()
        self.oracle = np.empty((0, 0))
        self.reads: Reads | None = "other"
        self.looked_at: tuple[nn.Module, Tensor] | None = None

    def run(self) -> SelfCheck:
        self.found.handling = replace(self.model.handling, refused={})
        with torch.no_grad():
            self.oracle = np.stack([self._plain_call(row) for row in self.rows])
            self._require_repeatable()
            self._find_sharing()
            self._try_hidden()
        self._try_embeddings()
        return self.found

    def _plain_call(self, row: Encoded) -> Float[np.ndarray, " outputs"]:
        """What the oracle says of a row.

        Raises:
            AttrimarkError: the network cannot be called so.
        """
        try:
            return self._counted(lambda: _plain(self.model, row))
        except Exception as error:  # an architecture may refuse in whatever way it likes
            if is_exhaustion(error):
                raise
            kind = type(self.model.network).__name__
            raise AttrimarkError(
                f"a plain call of {kind} on a text of {row.example.id} fails ({type(error).__name__}: {error}): see "
                "that network(**tokenizer(text)).logits works"
            ) from error

    def _require_repeatable(self) -> None:
        """Raises AttrimarkError where outputs are no numbers, or not the same numbers twice."""
        kind = type(self.model.network).__name__
        if not np.isfinite(self.oracle).all():
            raise InvalidNumbers(f"outputs of {kind} are NaN or infinite: see that its weights are finite")
        if not self._is_close("a second call", self._plain_call(self.rows[-1])[None], self.oracle[-1:]):
            raise AttrimarkError(
                f"{kind} does not compute the same numbers twice for one text, so they cannot be explained"
            )

    # How rows share a forward

    def _find_sharing(self) -> None:
        model, kind = self.model, type(self.model.network).__name__
        if switches_with_length(model.network):
            self._settle(
                sharing="equal lengths",
                remark="its numbers depend on the longest row of a call: only rows of one length share one",
            )
        ways: list[dict[str, Any]] = [{}, {"left": True}] if self.found.handling.sharing == "padded" else []
        if self.model.left_padded:
            ways = ways[:1]
        for changes in [*ways, {"sharing": "alone"}, {"sharing": "alone", "positions": False}]:
            if self._agrees(changes):
                equal: dict[str, Any] = {"sharing": "equal lengths"}
                if changes == {"sharing": "alone"} and self._agrees(equal):
                    changes = equal
                if changes:
                    self._settle(
                        **changes, remark=f"{kind} depends on padding or company: it is called {_named(changes)}"
                    )
                return
        raise AttrimarkError(self._why_nothing_agrees())

    def _why_nothing_agrees(self) -> str:
        kind = type(self.model.network).__name__
        if isinstance(self.model, Classifier):
            return (
                f"{kind} gives other numbers than a plain call, whichever way its rows share a forward: explanations "
                "would be of another network"
            )
        return (
            f"what {kind} predicts depends on tokens that follow, so it cannot be asked to write a continuation: set "
            "is_decoder = true in its configuration if it was trained as a decoder"
        )

    def _agrees(self, changes: dict[str, Any]) -> bool:
        """Whether rows that are called so have the outputs of the plain calls."""
        rows, what, handling = self.rows, _named(changes), replace(self.found.handling, **changes)
        model = self.model.handled(handling)
        if handling.sharing == "padded":
            return self._close(what, lambda: _outputs(model, rows), self.oracle)
        if handling.sharing == "equal lengths":  # rows of one length: the first one three times
            return self._close(what, lambda: _outputs(model, [rows[0]] * 3), self.oracle[[0, 0, 0]])
        return self._close(what, lambda: _outputs(model, rows[:1]), self.oracle[:1])

    def _settle(self, remark: str, **changes: Any) -> None:
        self.found.handling = replace(self.found.handling, **changes)
        self.found.remarks.append(remark)

    # What a hidden token does

    def _try_hidden(self) -> None:
        """Features that attention hides are given other ids, which may change nothing; nor may what follows."""
        model = self.model.handled(self.found.handling)
        row = self.rows[0]
        none = np.zeros(len(row.features), dtype=bool)
        inner = none.copy()
        inner[1:-1] = True
        kept = [none] if self.found.handling.sharing == "alone" else [none, inner]
        hidden = [model.remove(row, keep, "attention") for keep in kept]
        trial = [each for one in hidden for each in (one, _exchanged(model, one, ~one.visible))]
        outputs = self._tried("hidden tokens", lambda: _outputs(model, trial))
        # two calls of one shape round alike, in half precision too
        allowed = min(tolerance(self.model), max(FLOAT32, 2 * torch.finfo(model.precision).eps))
        if outputs is None or not self._is_close("hidden tokens", outputs[1::2], outputs[::2], allowed):
            self._refuse(
                "attention", f"{type(model.network).__name__} also reads tokens that attention is told not to look at"
            )

    # Embeddings, and what the head reads

    def _try_embeddings(self) -> None:
        rows = self.rows if self.found.handling.sharing == "padded" else self.rows[:1]
        oracle = self.oracle[: len(rows)]
        for embeddings in ("argument", "table"):
            model = self.model.handled(replace(self.found.handling, embeddings=embeddings))
            outputs = self._tried(f"embeddings as {embeddings}", lambda model=model: self._by_embeddings(model, rows))
            if outputs is not None and self._is_close(f"embeddings as {embeddings}", outputs, oracle):
                self.found.handling = model.handling
                break
        else:
            reason = f"{type(self.model.network).__name__} takes no word embeddings in place of its own"
            self._refuse("gradients", reason)
            self._refuse("mean", reason)
        self._find_what_is_read()

    def _by_embeddings(self, model: Model, rows: Sequence[Encoded]) -> Outputs:
        batch = model.collate(rows)
        # not quite those of words: a network may look for the words that embeddings are of
        embeddings = (model.embed(batch).detach() * (1 + SLIGHTLY)).requires_grad_(True)
        if model.handling.embeddings == "table":
            # the embeddings alone may decide: a network may read ids elsewhere too
            others = [_exchanged(model, row, row.feature_of >= 0) for row in rows]
            batch = replace(batch, input_ids=model.collate(others).input_ids)
        with torch.enable_grad(), last_states(model.network) as found:
            outputs = model.outputs(batch, embeddings)
        torch.autograd.grad(outputs.sum(), embeddings, retain_graph=True)
        if isinstance(model, Classifier):
            real = batch.real[0]
            of_first = found.states if found.states is None or found.states.shape[1] == len(real) else None
            self.reads = reads_of(outputs[0], of_first, real)
            if self.reads is None and found.module and found.states is not None:
                self.looked_at = found.module, found.states[0][real].detach()
        outputs = outputs.detach().cpu().numpy()
        return outputs if isinstance(model, Classifier) else outputs[:, :1]

    def _find_what_is_read(self) -> None:
        network = self.model.network
        if not isinstance(self.model, Classifier) or any(
            getattr(each, "is_causal", False) for each in network.modules()
        ):
            self._refuse("attentions", "attention methods explain encoders with a head, and this network is a decoder")
        if not isinstance(self.model, Classifier):
            return
        model = self.model.handled(self.found.handling)
        reads = self.reads or "other"
        if self.reads is None and self.looked_at and self.found.handling.sharing != "alone":
            module, states = self.looked_at
            with replaced_states(module, probes(states)):
                outputs = self._tried("states exchanged", lambda: _outputs(model, [self.rows[0]] * 5))
            reads = "mean" if outputs is not None and is_mean_of_parts(torch.from_numpy(outputs)) else "other"
        self.found.handling = replace(self.found.handling, reads=reads)
        if reads == "other":
            kind = type(self.model.network).__name__
            self._refuse("attentions", f"the head of {kind} reads neither one token's last state nor their mean")

    # Comparing

    def _refuse(self, need: str, reason: str) -> None:
        refused = {**self.found.handling.refused, need: reason}
        self.found.handling = replace(self.found.handling, refused=refused)
        if reason not in self.found.remarks:
            self.found.remarks.append(reason)

    def _close(self, what: str, compute: Callable[[], Outputs], oracle: Outputs) -> bool:
        outputs = self._tried(what, compute)
        return outputs is not None and self._is_close(what, outputs, oracle)

    def _is_close(self, what: str, outputs: Outputs, oracle: Outputs, allowed: float | None = None) -> bool:
        scale = max(float(np.abs(self.oracle).max()), 1e-6)
        same_shape = outputs.shape == oracle.shape and np.isfinite(outputs).all()
        difference = float(np.abs(outputs - oracle).max() / scale) if same_shape else None
        self.found.differences[what] = difference
        return difference is not None and difference <= (allowed or tolerance(self.model))

    def _tried(self, what: str, compute: Callable[[], Outputs]) -> Outputs | None:
        try:
            return self._counted(compute)
        except Exception as error:  # an architecture may refuse in whatever way it likes
            if is_exhaustion(error):
                raise
            log.info("%s, %s: %r", type(self.model.network).__name__, what, error)
            self.found.differences[what] = None
            return None

    def _counted(self, compute: Callable[[], Any]) -> Any:
        def count(*_: object) -> None:
            self.found.forwards += 1

        hook = self.model.network.register_forward_pre_hook(count)
        try:
            return compute()
        finally:
            hook.remove()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' warnings of what is only tried here."""
    logger = logging.getLogger("transformers")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def tolerance(model: Model) -> float:
    """How far two ways of computing one output may lie apart, relative to the largest: what precision allows."""
    eps = float(torch.finfo(model.precision).eps)
    return max(FLOAT32, min(eps**0.5, 8 * eps))  # half precision rounds at every step, but not by as much as its root


def _named(changes: dict[str, Any]) -> str:
    """A way to call a network, in words."""
    if changes.get("left"):
        return "padded on the left"
    with_words = {"equal lengths": "with rows of equal length", "alone": "with one row at a time"}
    named = with_words.get(changes.get("sharing", ""), "padded")
    return f"{named} and without positions" if changes.get("positions") is False else named


def _rows(model: Model, examples: Sequence[Example]) -> list[Encoded]:
    """Three rows of different lengths, of words that the examples hold."""
    rows = []
    for words in LENGTHS:
        segments = (_words(examples, place) for place in range(len(examples[0].segments)))
        texts = tuple(" ".join(islice(cycle(each), words)) for each in segments)
        try:
            row = model.encode(Example(f"{words} words", texts))
        except Unsupported:  # longer than a tiny network takes
            continue
        rows.append(row.aimed_at(_first_target(model, row)))
    return rows


def _words(examples: Sequence[Example], segment: int) -> list[str]:
    """Words of one segment of the first examples: enough for the longest row."""
    found: list[str] = []
    for example in examples:
        if segment < len(example.segments):
            found += [word[:LONGEST_WORD] for word in example.segments[segment].split()]
        if len(found) >= LENGTHS[-1]:
            break
    return found[: LENGTHS[-1]] or ["a"]


def _require_known_words(model: Model, rows: Sequence[Encoded]) -> None:
    """Raises AttrimarkError where every token of every row is the one for what is unknown."""
    known = [set(row.ids[row.feature_of >= 0].tolist()) for row in rows]
    words = {word.text for row in rows for word in row.features}
    if set.union(*known) == {model.tokenizer.unk_token_id} and len(words) > 2:
        raise AttrimarkError(
            f"the tokenizer knows none of the words {', '.join(sorted(words))}: it is another model's, or its files "
            "are missing; save the model's own with tokenizer.save_pretrained"
        )


def _first_target(model: Model, row: Encoded) -> Target:
    """A target that costs nothing to find: a writer is tried on writing its own first token."""
    return Target((0,)) if model.labels else Target((0,), (int(row.ids[0]),))


def _plain(model: Model, row: Encoded) -> Float[np.ndarray, " outputs"]:
    """What the network says of a row when it is called as its makers show."""
    if isinstance(model, Classifier):
        encoding = model.tokenizer(*row.example.segments, return_tensors="pt", verbose=False).to(model.device)
        with model.each_call_the_first():
            logits = model.network(**encoding).logits[0]
        return logits.float().cpu().numpy()
    tree = model.scoring_tree([row])
    written = tree.continuations[0][0] if tree else ()
    ids = torch.tensor([[*row.ids.tolist(), *written]], device=model.device)
    steps = model.forward(ids, None, use_cache=False).logits[0, len(row) - 1 : -1].double().log_softmax(-1)
    return np.array([float(steps[torch.arange(len(written)), list(written)].sum())])


def _outputs(model: Model, rows: Sequence[Encoded]) -> Outputs:
    """The same as we compute it."""
    outputs = model.outputs(model.collate(rows)).cpu().numpy()
    return outputs if isinstance(model, Classifier) else outputs[:, :1]


def _exchanged(model: Model, row: Encoded, where: np.ndarray) -> Encoded:
    """The row with other ids at some of its features' tokens: each takes that of the token before it, or another."""
    special = set(model.tokenizer.all_special_ids)
    words = (each for each in sorted(model.tokenizer.get_vocab().values()) if each not in special)
    spare = next((each for each in words if each not in row.ids), 0)
    mine = row.feature_of >= 0
    before = np.roll(row.ids[mine], 1)
    ids = row.ids.copy()
    ids[mine] = np.where(before == row.ids[mine], spare, before)
    return replace(row, ids=np.where(where, ids, row.ids))
