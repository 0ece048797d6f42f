"""The value of every subset of features that anybody asks for, computed once.

Methods and metrics are generators of subsets. This is the one place where their questions meet the network: it
removes duplicates (across methods, metrics and thresholds), computes beginnings that causal rows share once, fills
batches by tokens across texts, keeps the raw outputs so that every reading comes from one forward, and counts what
each asker would have cost alone. What a prompted model writes is a channel of its own, with a cost of its own.
"""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
import torch
from attrimark_registry.attribution import Cost, Scores, as_scores
from attrimark_registry.encoding import Encoded, Target
from attrimark_registry.errors import Unsupported
from attrimark_registry.memory import smaller_on_exhaustion
from attrimark_registry.model import Model
from attrimark_registry.plugin import Exploration, Keep, Values
from attrimark_registry.reading import Answer as Answered
from attrimark_registry.reading import Reading
from attrimark_registry.removal import Operator
from attrimark_registry.scoring_tree import ScoringTree, Walk, slice_size
from attrimark_registry.tree_trial import allows_trees
from jaxtyping import Float

from .border import asked_subsets, kept, numbers
from .decoding import Said, said

NETWORK = "the network's outputs"
TOKENS_A_BATCH = {"cpu": 2048, "cuda": 32768}

Key = tuple[str, tuple[int, ...], str, bytes]  # text, continuation, operator, packed subset
Voice = int | None  # which of a question's explorations: of one token of the target, or (None) of the whole target


@dataclass(frozen=True)
class Question:
    """One exploration, and how its subsets become values.

    Attributes:
        by_token: one more for each token of the target: its values are of that token alone. A subset's raw outputs
            hold all tokens, so what the first exploration asked for already costs nothing here.
    """

    row: Encoded
    operator: Operator
    reading: Reading | Answered
    exploration: Exploration
    by_token: tuple[Exploration, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What an exploration returned, and its cost; `scores` is None where it refused, with its reason.

    Attributes:
        own: what its subsets cost when nobody else asks: each once, and those that it asks for together as one
            batch. The same in every company and every order.
        actual: the part of that which nobody had computed for it. What several askers need at once is counted for
            the first of them.
        by_token: what the explorations of single tokens returned; both costs are of all explorations together.

    Both count, row by row or packed, every row that is scored as a forward. Packed rows share tokens: `tokens` is
    then the nodes of their tree, and `flops` those nodes' products with the weights and their attention to what
    stands before them (row by row, every token's attention to all of its row). Where answers are read, every token
    that is written is a forward.
    """

    scores: Scores | None
    reason: str | None = None
    own: Cost = field(default_factory=Cost)
    actual: Cost = field(default_factory=Cost)
    value_full: float | None = None
    value_empty: float | None = None
    by_token: tuple[Scores, ...] = ()


class _Asked:
    """What one question has asked so far, and what its explorations returned."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.explorations: Mapping[Voice, Exploration] = {
            None: question.exploration,
            **dict(enumerate(question.by_token)),
        }
        self.keys: set[Key] = set()
        self.own = Cost()
        self.actual = Cost()
        self.returned: dict[Voice, Scores] = {}
        self.refusal: str | None = None


@dataclass(eq=False)
class _Budget:
    """How many tokens go through a network at once; shared by the evaluators of one model."""

    tokens: int
    nodes: int | None


class SubsetEvaluator:
    """Values of subsets of a model's rows.

    Args:
        tokens: how many tokens go through the network at once, of whole rows with their padding or of a tree; by
            default as the device and the network's shapes make best. Once memory runs out, as many as fit.
        advanced: called after each batch with the numbers of subsets computed and wanted.
    """

    def __init__(
        self, model: Model, tokens: int | None = None, advanced: Callable[[int, int], None] = lambda done, wanted: None
    ) -> None:
        self.model = model
        self._budget = _Budget(tokens or TOKENS_A_BATCH.get(model.device.type, 2048), tokens)
        self.advanced = advanced
        self._outputs: dict[Key, np.ndarray] = {}
        self._said: dict[Key, Said] = {}
        self._trees: bool | None = None  # unknown before the first row

    @property
    def tokens(self) -> int:
        """How many tokens of whole rows go through the network at once."""
        return self._budget.tokens

    @property
    def nodes(self) -> int | None:
        """How many tokens of a tree go through the network at once; None before the first tree."""
        return self._budget.nodes

    def limit(self, tokens: int) -> None:
        """From now on at most so many tokens at once: more of them did not fit into memory."""
        self._budget.tokens = max(1, min(self._budget.tokens, tokens))

    def forget(self) -> None:
        """Share nothing with what comes next (a suite's `isolate`)."""
        self._outputs.clear()
        self._said.clear()

    def alone(self, row: Encoded) -> SubsetEvaluator:
        """An evaluator for one row that shares no values with this one, only what is known of the model and memory."""
        self._try_trees([row])
        other = copy.copy(self)
        other._outputs, other._said = {}, {}
        return other

    def explore(self, questions: Sequence[Question]) -> list[Answer]:
        """Drive every exploration to its end, all of them side by side, so that their subsets share batches."""
        self._try_trees([each.row for each in questions])
        started = time.perf_counter()
        asked = [_Asked(question) for question in questions]
        sent: list[dict[Voice, Values | None]] = [dict.fromkeys(asker.explorations) for asker in asked]
        while any(sent):
            wanted = [_wanted(asker, values) for asker, values in zip(asked, sent, strict=True)]
            # what one text's explorations want together is one batch
            together = {
                place: (asker, np.concatenate(list(keeps.values())))
                for place, (asker, keeps) in enumerate(zip(asked, wanted, strict=True))
                if keeps
            }
            self._compute({place: each for place, each in together.items() if not _of_answers(each[0])})
            self._decode({place: each for place, each in together.items() if _of_answers(each[0])})
            sent = [
                {voice: self._read(asker.question, keep, voice) for voice, keep in keeps.items()}
                for asker, keeps in zip(asked, wanted, strict=True)
            ]
        return _share_seconds([self._answer(asker) for asker in asked], time.perf_counter() - started)

    def outputs(self, wanted: Sequence[tuple[Encoded, Operator, np.ndarray]]) -> list[np.ndarray]:
        """The raw outputs of each row's subsets, [subsets, outputs], of which every reading is made.

        What they cost is charged to nobody.
        """
        questions = [Question(row, operator, "log-probability", _asking(keep)) for row, operator, keep in wanted]
        self.explore(questions)
        return [self._raw(question, keep) for question, (_, _, keep) in zip(questions, wanted, strict=True)]

    def _try_trees(self, rows: Sequence[Encoded]) -> None:
        if self._trees is None and rows:
            self._trees = allows_trees(self.model, max(rows, key=len))

    def _compute(self, wanted: dict[int, tuple[_Asked, Keep]]) -> None:
        """Fill the cache with the outputs that are missing."""
        missing: dict[Key, Encoded] = {}
        needed: list[int] = []  # the place of the first asker of each
        trees: list[tuple[list[Encoded], ScoringTree | None]] = []  # of each asker's rows
        for place, (asker, subsets) in wanted.items():
            asked: list[Encoded] = []
            for keep in subsets:
                key = _key(asker.question, keep)
                if key in asker.keys:
                    continue
                asker.keys.add(key)
                asked.append(self.model.remove(asker.question.row, keep, asker.question.operator))
                if key not in self._outputs and key not in missing:
                    missing[key] = asked[-1]
                    needed.append(place)
            if asked:
                trees.append((asked, self._tree(asked)))
                asker.own += self._costs(asked, [place] * len(asked), trees[-1][1])[place]
        if not missing:
            return
        rows, tree = trees[0]
        if len(trees) > 1 or len(rows) > len(missing):
            rows = list(missing.values())
            tree = self._tree(rows)
        if tree:
            self._walk(tree, list(missing))
        else:
            self._by_rows(missing, lambda keys: self._forward(keys, missing))
        for place, cost in self._costs(rows, needed, tree).items():
            wanted[place][0].actual += cost

    def _decode(self, wanted: dict[int, tuple[_Asked, Keep]]) -> None:
        """Let the model write the answers that are missing."""
        new: list[tuple[_Asked, Key, Encoded]] = []
        for asker, subsets in wanted.values():
            for keep in subsets:
                key = _key(asker.question, keep)
                if key not in asker.keys:
                    asker.keys.add(key)
                    new.append((asker, key, self.model.remove(asker.question.row, keep, asker.question.operator)))
        missing = {key: row for _, key, row in new if key not in self._said}

        def write(keys: Sequence[Key]) -> None:
            answers = said(self.model, [missing[key] for key in keys], cached=bool(self._trees))
            self._said.update(zip(keys, answers, strict=True))

        self._by_rows(missing, write)
        for asker, key, row in new:
            steps = self._said[key].steps
            # as where every token is computed once; the last one that is written is not read
            tokens = len(row) + steps - 1 if steps else 0
            cost = Cost(subsets=1, forwards=steps, tokens=tokens, flops=self.model.flops(tokens))
            asker.own += cost
            if missing.pop(key, None) is not None:
                asker.actual += cost

    def _tree(self, rows: Sequence[Encoded]) -> ScoringTree | None:
        return self.model.scoring_tree(rows) if self._trees else None

    def _walk(self, tree: ScoringTree, keys: Sequence[Key]) -> None:
        """Slice by slice of the tree, slices of equal size."""
        self._budget.nodes = self._budget.nodes or slice_size(self.model)
        walk, start = Walk(tree), 0
        while start < len(tree.tokens):
            left = len(tree.tokens) - start
            nodes = range(start, start + -(-left // -(-left // self._budget.nodes)))
            smaller_on_exhaustion(walk.advance, nodes, self._limit_nodes)
            start = nodes.stop
            self.advanced(tree.finished(start), len(keys))
        self._outputs.update(zip(keys, (numbers(each, NETWORK) for each in walk.outputs()), strict=True))

    def _by_rows(self, missing: dict[Key, Encoded], compute: Callable[[Sequence[Key]], None]) -> None:
        """Row by row, longest rows first."""
        order = sorted(missing, key=lambda key: len(missing[key]), reverse=True)
        while order:
            longest = sum(self.model.lengths(missing[order[0]]))
            count = max(1, self.tokens // longest)
            batch, order = order[:count], order[count:]
            smaller_on_exhaustion(compute, batch, lambda rows, longest=longest: self.limit(rows * longest))
            self.advanced(len(missing) - len(order), len(missing))

    def _forward(self, keys: Sequence[Key], rows: dict[Key, Encoded]) -> None:
        batch = self.model.collate([rows[key] for key in keys])
        with torch.no_grad():
            outputs = self.model.outputs(batch).cpu().numpy()
        for key, output in zip(keys, outputs, strict=True):
            self._outputs[key] = output

    def _limit_nodes(self, nodes: int) -> None:
        self._budget.nodes = nodes

    def _read(self, question: Question, keep: Keep, token: Voice = None) -> Values:
        """The values of subsets, or what one token of the target has of them."""
        if not len(keep):
            return np.zeros(0)
        if question.reading == "answer":
            return np.array([self._said[_key(question, subset)].label for subset in keep], dtype=np.float64)
        target = question.row.target
        if target and token is not None:
            target = Target((target.chosen[token],), target.ids)
        targets = [target] * len(keep)
        outputs = torch.from_numpy(self._raw(question, keep)).double()
        return self.model.value(outputs, targets, question.reading).numpy()  # pyright: ignore[reportArgumentType]

    def _raw(self, question: Question, keep: Keep) -> Float[np.ndarray, "subsets outputs"]:
        target = question.row.target
        # behind the continuation of a row is what made it as wide as those that it was computed with
        width = len(target.ids) if target and target.ids else None
        return np.stack([self._outputs[_key(question, subset)][:width] for subset in keep])

    def _answer(self, asker: _Asked) -> Answer:
        if asker.refusal is not None:
            return Answer(None, asker.refusal)
        count = len(asker.question.row.features)
        full, empty = (self._known(asker, np.full((1, count), kept)) for kept in (True, False))
        tokens = tuple(asker.returned[token] for token in range(len(asker.question.by_token)))
        return Answer(asker.returned[None], None, asker.own, asker.actual, full, empty, tokens)

    def _known(self, asker: _Asked, keep: Keep) -> float | None:
        known = _key(asker.question, keep[0]) in asker.keys
        return float(self._read(asker.question, keep)[0]) if known else None

    def _costs(self, rows: Sequence[Encoded], places: Sequence[int], tree: ScoringTree | None) -> dict[int, Cost]:
        """What rows cost their askers, by their places; a node of a tree costs the first whose rows pass through it."""
        lengths: dict[int, list[list[int]]] = {place: [] for place in places}
        for row, place in zip(rows, places, strict=True):
            lengths[place].append(self.model.lengths(row))
        first = tree.first_needed(np.array(places)) if tree else np.empty(0)
        costs = {}
        for place, mine in lengths.items():
            each = list(chain.from_iterable(mine))
            if tree:
                depths = tree.tokens.depths[first == place]
                tokens, flops = len(depths), self.model.flops(len(depths), int(depths.sum()))
            else:
                counts = Counter(each)
                tokens, flops = sum(each), sum(times * self.model.flops(length) for length, times in counts.items())
            costs[place] = Cost(subsets=len(mine), forwards=len(each), tokens=tokens, flops=flops)
        return costs


def _of_answers(asker: _Asked) -> bool:
    return asker.question.reading == "answer"


def _asking(keep: Keep) -> Exploration:
    """Asks for some subsets, and that is all."""
    yield keep
    return 0.0


def _wanted(asker: _Asked, sent: Mapping[Voice, np.ndarray | None]) -> dict[Voice, np.ndarray]:
    """The subsets that each exploration asks for, given the values of those before: as many as each likes."""
    wanted: dict[Voice, np.ndarray] = {}
    for voice, values in sent.items():
        try:
            asked = asker.explorations[voice].send(values)  # pyright: ignore[reportArgumentType]
            wanted[voice] = asked_subsets(asked, len(asker.question.row.features))
        except StopIteration as end:
            asker.returned[voice] = kept(as_scores(end.value))
        except Unsupported as refusal:
            asker.refusal = str(refusal)
            return {}
    return wanted


def _key(question: Question, keep: np.ndarray) -> Key:
    # with every feature kept, operators do not differ
    operator = "" if keep.all() else question.operator
    target = question.row.target
    return question.row.example.id, target.ids if target else (), operator, np.packbits(keep).tobytes()


def _share_seconds(answers: Iterable[Answer], seconds: float) -> list[Answer]:
    """Wall time in proportion to the tokens that each asker needed."""
    answers = list(answers)
    total = sum(answer.own.tokens for answer in answers)
    shares = [answer.own.tokens / total if total else 1 / len(answers) for answer in answers]
    return [
        replace(
            answer,
            own=replace(answer.own, seconds=seconds * share),
            actual=replace(answer.actual, seconds=seconds * share),
        )
        for answer, share in zip(answers, shares, strict=True)
    ]
