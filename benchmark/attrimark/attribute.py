"""One method over the texts of a prepared variant: attributions with their cost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from attrimark_registry.attribution import Attribution, Cost, Scores
from attrimark_registry.encoding import Batch, Encoded
from attrimark_registry.errors import Unsupported
from attrimark_registry.memory import smaller_on_exhaustion
from attrimark_registry.model import Model
from attrimark_registry.plugin import Method, ModelMethod, SubsetMethod
from attrimark_registry.removal import Operator
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from torch import Tensor

from .evaluator import Question
from .meter import counted
from .prepare import Prepared
from .randomness import generator_for
from .suite import Pooling


@dataclass(frozen=True, eq=False)
class Attributions:
    """A method's explanations, and the texts that it refused."""

    explained: tuple[Attribution, ...]
    left_out: Mapping[str, str]


class InvalidScores(Exception):
    """A method returned something else than one finite number a feature."""


def attribute(
    prepared: Prepared,
    method: Method,
    operator: Operator | None = None,
    pooling: Pooling = "sum",
    suite_seed: int = 0,
    replicate: int = 0,
) -> Attributions:
    """Explain every row.

    Raises:
        Unsupported: no text could be explained, or the operator is not for this model.
        InvalidScores: scores that are not one finite number a feature.
    """
    if not prepared.rows:
        raise Unsupported(next(iter(prepared.left_out.values()), "there are no texts"))
    rngs = [generator_for(suite_seed, method, row.example.id, replicate) for row in prepared.rows]
    if isinstance(method, SubsetMethod):
        operator = operator or prepared.model.default_operator
        prepared.require(operator)
        made = _by_subsets(prepared, method, operator, rngs)
    elif isinstance(method, ModelMethod):
        made = _by_network(prepared, method, pooling, rngs)
    else:
        raise TypeError(f"{method} is neither a SubsetMethod nor a ModelMethod")
    refused = {row.example.id: each for row, each in zip(prepared.rows, made, strict=True) if isinstance(each, str)}
    explained = tuple(each for each in made if isinstance(each, Attribution))
    if not explained:
        raise Unsupported(next(iter(refused.values())))
    for attribution in explained:
        if not np.isfinite(attribution.scores).all():
            raise InvalidScores(f"{method}: scores of text {attribution.example.id} are not finite")
    return Attributions(explained, {**prepared.left_out, **refused})


def _by_subsets(
    prepared: Prepared, method: SubsetMethod, operator: Operator, rngs: Sequence[np.random.Generator]
) -> list[Attribution | str]:
    questions = [
        Question(row, operator, method.reading, method.explore(row.features, rng))
        for row, rng in zip(prepared.rows, rngs, strict=True)
    ]
    made: list[Attribution | str] = []
    for question, answer in zip(questions, prepared.evaluator.explore(questions), strict=True):
        if answer.scores is None:
            made.append(answer.reason or "refused")
            continue
        attribution = _attribution(prepared.model, question.row, answer.scores.values, answer.scores.diagnostics)
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


def _by_network(
    prepared: Prepared, method: ModelMethod, pooling: Pooling, rngs: Sequence[np.random.Generator]
) -> list[Attribution | str]:
    made: dict[int, Attribution | str] = {}

    def explain(places: Sequence[int]) -> None:
        batch = prepared.model.collate([prepared.rows[place] for place in places])
        scores, costs = _metered(prepared.model, method, batch, [rngs[place] for place in places])
        values = as_array(scores.values)
        if values.shape != tuple(batch.input_ids.shape):
            raise InvalidScores(f"{method}: scores of shape {values.shape} for tokens {tuple(batch.input_ids.shape)}")
        for line, place in enumerate(places):
            row = prepared.rows[place]
            tokens = values[line][batch.real[line].cpu().numpy()]
            diagnostics = {name: as_array(each)[line] for name, each in scores.diagnostics.items()}
            scored = pooled(tokens, row.feature_of, len(row.features), pooling)
            attribution = _attribution(prepared.model, row, scored, diagnostics)
            made[place] = replace(attribution, own=costs[line], actual=costs[line])
        prepared.advance(str(method), len(made), len(prepared.rows))

    for places in _batches(prepared):
        smaller_on_exhaustion(explain, places)
    return [made[place] for place in range(len(prepared.rows))]


def _metered(
    model: Model, method: ModelMethod, batch: Batch, rngs: Sequence[np.random.Generator]
) -> tuple[Scores, list[Cost]]:
    """Scores of a batch, and each row's cost: a method treats all rows of a batch alike."""
    started = time.perf_counter()
    with counted(model) as passes:
        scores = method.attribute(model, batch, rngs)
    seconds = time.perf_counter() - started
    rows = [model.lengths(row) for row in batch.rows]
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


def as_array(values: Tensor | ArrayLike) -> np.ndarray:
    """Numbers on this side of the network, wherever a method left them."""
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def _batches(prepared: Prepared) -> Iterator[list[int]]:
    """Places of rows of similar length, as many as the evaluator's token budget allows."""
    order = sorted(range(len(prepared.rows)), key=lambda place: len(prepared.rows[place]), reverse=True)
    while order:
        count = max(1, prepared.evaluator.tokens // len(prepared.rows[order[0]]))
        yield order[:count]
        order = order[count:]


def _attribution(model: Model, row: Encoded, scores: np.ndarray, diagnostics: Mapping[str, object]) -> Attribution:
    if np.shape(scores) != (len(row.features),):
        raise InvalidScores(f"scores of shape {np.shape(scores)} for {len(row.features)} features")
    if row.target is None:
        raise ValueError(f"text {row.example.id} has no target")
    return Attribution(
        example=row.example,
        features=row.features,
        scores=np.asarray(scores, dtype=np.float32),
        target=row.target,
        explained=explained(model, row),
        # arrays (a standard error for each feature) are kept as their mean: one number says how noisy scores are
        diagnostics={name: float(np.mean(value)) for name, value in diagnostics.items()},  # pyright: ignore[reportArgumentType, reportCallIssue]
        flags=row.flags,
    )


def explained(model: Model, row: Encoded) -> str:
    """The label explained, or the text written."""
    if row.target is None:
        raise ValueError(f"text {row.example.id} has no target")
    if model.labels:
        return " + ".join(model.labels[index] for index in row.target.chosen)
    return str(model.tokenizer.decode(list(row.target.ids)))
