"""One method over the texts of a prepared variant: attributions with their cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from attrimark_registry.attribution import Attribution, Cost, Scores
from attrimark_registry.encoding import PROTECTED, Batch, Encoded
from attrimark_registry.errors import InvalidNumbers, Unsupported
from attrimark_registry.memory import smaller_on_exhaustion
from attrimark_registry.model import Model
from attrimark_registry.plugin import Method, ModelMethod, SubsetMethod
from attrimark_registry.removal import Operator
from attrimark_registry.text import Feature
from jaxtyping import Float, Int

from attrimark.suite.suite import Pooling

from .border import exploration, maybe_missing, single
from .evaluator import Question, SubsetEvaluator
from .meter import counted
from .peak import peak_of_memory
from .prepare import Prepared
from .randomness import generator_for
from .target_tokens import aimed_at_each_token, require_writer, with_tokens

Draw = Callable[[Encoded], np.random.Generator]  # a row's generator, always new and always the same


@dataclass(frozen=True, eq=False)
class Attributions:
    """A method's explanations, and the texts that it refused."""

    explained: tuple[Attribution, ...]
    left_out: Mapping[str, str]


def attribute(
    prepared: Prepared,
    method: Method,
    operator: Operator | None = None,
    pooling: Pooling = "sum",
    suite_seed: int = 0,
    replicate: int = 0,
    each_token: bool = False,
) -> Attributions:
    """Explain every row; the longest one alone, to measure its peak of memory.

    Where counting memory takes time (on a CPU), the clock of that one row says nothing, and explaining it again would
    double the cost of a single text: its seconds are then those of its FLOPs at the rate of the other rows, and so
    leave the mean to these. Without other rows they are as measured, counting included.

    Args:
        each_token: explain also every token of a written text, with the same draws as the whole. A method that scores
            parts of the network explains the whole only.

    Raises:
        Unsupported: no text could be explained, the operator is not for this model, or it writes no tokens to explain.
        InvalidNumbers: scores that are not one finite number a feature; outputs of the network that are not finite.
    """
    if not prepared.rows:
        prepared.refuse()

    if each_token:
        require_writer(prepared.model)

    def draw(row: Encoded) -> np.random.Generator:
        return generator_for(suite_seed, method, row.example.id, replicate)

    def explain(rows: Sequence[Encoded], evaluator: SubsetEvaluator) -> list[Attribution | str]:
        some = replace(prepared, rows=tuple(rows), evaluator=evaluator)
        if isinstance(method, SubsetMethod):
            return _by_subsets(some, method, operator or prepared.model.default_operator, draw, each_token)
        if isinstance(method, ModelMethod) and each_token and method.features == "tokens":
            return _each_token_by_network(some, method, pooling, draw)
        if isinstance(method, ModelMethod):
            return list(_by_network(some, method, pooling, draw))
        raise TypeError(f"{method} is neither a SubsetMethod nor a ModelMethod")

    if isinstance(method, SubsetMethod):
        prepared.require(operator or prepared.model.default_operator)
    longest = max(range(len(prepared.rows)), key=lambda place: len(prepared.rows[place]))
    evaluator = prepared.evaluator
    if isinstance(method, SubsetMethod):
        # what others have computed of this text already would be missing from its peak
        evaluator = evaluator.alone(prepared.rows[longest])
    with peak_of_memory(prepared.model.device) as peak:
        (alone,) = explain(prepared.rows[longest : longest + 1], evaluator)
    if isinstance(alone, Attribution):
        alone = replace(alone, own=replace(alone.own, peak=peak.bytes))
    made = explain((*prepared.rows[:longest], *prepared.rows[longest + 1 :]), prepared.evaluator)
    if isinstance(alone, Attribution) and peak.slows:
        alone = _timed_as(alone, [each.own for each in made if isinstance(each, Attribution)])
    made.insert(longest, alone)
    refused = {row.example.id: each for row, each in zip(prepared.rows, made, strict=True) if isinstance(each, str)}
    explained = tuple(each for each in made if isinstance(each, Attribution))
    if not explained:
        raise Unsupported(next(iter(refused.values())))
    return Attributions(explained, {**prepared.left_out, **refused})


def _timed_as(alone: Attribution, others: Sequence[Cost]) -> Attribution:
    """With the seconds that its FLOPs take at the rate of others; their mean where nothing goes through the network."""
    if not others:
        return alone
    total = sum(others, Cost())
    share = alone.own.flops / total.flops if total.flops else 1 / len(others)
    seconds = total.seconds * share
    own, actual = (replace(cost, seconds=seconds) for cost in (alone.own, alone.actual))
    return replace(alone, own=own, actual=actual)


def _by_subsets(
    prepared: Prepared, method: SubsetMethod, operator: Operator, draw: Draw, each_token: bool
) -> list[Attribution | str]:
    questions = []
    for row in prepared.rows:
        aimed = [row, *aimed_at_each_token(row)] if each_token else [row]
        whole, *by_token = (exploration(method.explore(each.features, draw(each)), method) for each in aimed)
        questions.append(Question(row, operator, method.reading, whole, tuple(by_token)))
    made: list[Attribution | str] = []
    for question, answer in zip(questions, prepared.evaluator.explore(questions), strict=True):
        if answer.scores is None:
            made.append(answer.reason or "refused")
            continue
        row, where = question.row, f"{method}, text {question.row.example.id}"
        attribution = _attribution(prepared.model, row, answer.scores.values, answer.scores.diagnostics, where)
        if answer.by_token:
            by_token = [single(each.values, where, (len(row.features),)) for each in answer.by_token]
            attribution = with_tokens(attribution, by_token, prepared.model)
        made.append(
            replace(
                attribution,
                # a method that asked for nothing has removed nothing, and has no home among the operators
                operator=operator if answer.own.subsets else None,
                value_full=answer.value_full,
                value_empty=answer.value_empty,
                own=answer.own,
                actual=answer.actual,
            )
        )
    return made


def _each_token_by_network(
    prepared: Prepared, method: ModelMethod, pooling: Pooling, draw: Draw
) -> list[Attribution | str]:
    """Each row goes through the network for the whole text and for every token; its cost is that of all."""
    aimed = [[row, *aimed_at_each_token(row)] for row in prepared.rows]
    made = iter(_by_network(replace(prepared, rows=tuple(chain.from_iterable(aimed))), method, pooling, draw))
    joined: list[Attribution | str] = []
    for rows in aimed:
        whole, *tokens = (next(made) for _ in rows)
        own = sum((each.own for each in tokens), whole.own)
        attribution = with_tokens(whole, [each.scores for each in tokens], prepared.model)
        joined.append(replace(attribution, own=own, actual=own))
    return joined


def _by_network(prepared: Prepared, method: ModelMethod, pooling: Pooling, draw: Draw) -> list[Attribution]:
    made: dict[int, Attribution] = {}
    components = _components(prepared.model, method)

    def explain(places: Sequence[int]) -> None:
        batch = prepared.model.collate([prepared.rows[place] for place in places])
        scores, costs = _metered(prepared.model, method, batch, [draw(row) for row in batch.rows])
        what, wanted = "tokens", tuple(batch.input_ids.shape)
        if components is not None:
            what, wanted = "components", (len(places), len(components))
        # a batch's padding may hold anything
        values = maybe_missing(scores.values, f"{method}, scores of {what}")
        if values.shape != wanted:
            raise InvalidNumbers(f"{method}: scores of shape {values.shape} for {what} {wanted}")
        notes = {name: maybe_missing(each, f"{method}, {name}") for name, each in scores.diagnostics.items()}
        for line, place in enumerate(places):
            row = prepared.rows[place]
            where = f"{method}, text {row.example.id}"
            diagnostics = {name: each[line] for name, each in notes.items()}
            if components is None:
                real = values[line][batch.real[line].cpu().numpy()]
                scored = pooled(real, row.feature_of, len(row.features), pooling)
                mine = row.feature_of >= 0
                feature_of = row.feature_of[mine]
                unpooled = single(real[mine], where, feature_of.shape)  # pooling by the largest hides an infinite one
            else:
                row, scored, unpooled, feature_of = replace(row, features=components), values[line], None, None
            attribution = _attribution(prepared.model, row, scored, diagnostics, where)
            attribution = replace(attribution, unpooled=unpooled, feature_of=feature_of)
            made[place] = replace(attribution, own=costs[line], actual=costs[line])
        prepared.advance(str(method), len(made), len(prepared.rows))

    def limit(tokens: int) -> None:
        prepared.limits[method.digest] = max(1, min(most(), tokens))

    def most() -> int:
        return min(prepared.evaluator.tokens, prepared.limits.get(method.digest, prepared.evaluator.tokens))

    for places in _batches(prepared, most):
        longest = len(prepared.rows[places[0]])
        smaller_on_exhaustion(explain, places, lambda rows, longest=longest: limit(rows * longest))
    return [made[place] for place in range(len(prepared.rows))]


def _components(model: Model, method: ModelMethod) -> tuple[Feature, ...] | None:
    """What a method scores instead of the text: parts of the network, which stand in no segment."""
    if method.features == "tokens":
        return None
    return tuple(Feature(name, PROTECTED, 0, 0) for name in method.components(model))


def _metered(
    model: Model, method: ModelMethod, batch: Batch, rngs: Sequence[np.random.Generator]
) -> tuple[Scores, list[Cost]]:
    """Scores of a batch, and each row's cost: a method treats all rows of a batch alike."""
    started = time.perf_counter()
    with counted(model) as passes:
        scores = method.attribute(model, batch, rngs)
    seconds = time.perf_counter() - started
    # a decision may take several rows, one for each answer; what parts of the network add is read in the text's own
    rows = [model.lengths(row) if method.features == "tokens" else [len(row)] for row in batch.rows]
    total = sum(map(sum, rows))
    through = len(batch) * len(rows[0])
    forwards, backwards = passes.forwards // through, passes.backwards // through
    return scores, [
        Cost(
            forwards=forwards * len(lengths),
            backwards=backwards * len(lengths),
            tokens=forwards * sum(lengths),
            flops=(forwards + 2 * backwards) * sum(map(model.flops, lengths)),
            seconds=seconds * sum(lengths) / total,
        )
        for lengths in rows
    ]


def pooled(
    tokens: Float[np.ndarray, " tokens"], feature_of: Int[np.ndarray, " tokens"], features: int, pooling: Pooling
) -> Float[np.ndarray, " features"]:
    """Scores of tokens pooled to features; protected tokens belong to none."""
    mine = feature_of >= 0
    if pooling == "max":
        scores = np.full(features, -np.inf, dtype=tokens.dtype)
        np.maximum.at(scores, feature_of[mine], tokens[mine])
        return np.where(np.isfinite(scores), scores, 0.0).astype(tokens.dtype)
    scores = np.zeros(features, dtype=tokens.dtype)
    np.add.at(scores, feature_of[mine], tokens[mine])
    if pooling == "mean":
        scores /= np.maximum(1, np.bincount(feature_of[mine], minlength=features))
    return scores


def _batches(prepared: Prepared, most: Callable[[], int]) -> Iterator[list[int]]:
    """Places of rows of similar length, of as many tokens together as there is memory for."""
    for order in prepared.model.sharing(prepared.rows):
        while order:
            count = max(1, most() // len(prepared.rows[order[0]]))
            yield order[:count]
            order = order[count:]


def _attribution(model: Model, row: Encoded, scores: Any, diagnostics: Mapping[str, Any], where: str) -> Attribution:
    if row.target is None:
        raise ValueError(f"text {row.example.id} has no target")
    return Attribution(
        example=row.example,
        features=row.features,
        scores=single(scores, where, (len(row.features),)),
        target=row.target,
        explained=explained(model, row),
        # arrays (a standard error for each feature) are kept as their mean: one number says how noisy scores are
        diagnostics={
            name: float(np.mean(maybe_missing(value, f"{where}, {name}"))) for name, value in diagnostics.items()
        },
        flags=row.flags,
    )


def explained(model: Model, row: Encoded) -> str:
    """The label explained, or the text written."""
    if row.target is None:
        raise ValueError(f"text {row.example.id} has no target")
    if model.labels:
        return " + ".join(model.labels[index] for index in row.target.chosen)
    return str(model.tokenizer.decode(list(row.target.ids)))
