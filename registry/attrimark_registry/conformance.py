"""Checks that a plugin must pass before its numbers enter a leaderboard: one function each, to parametrise.

    @pytest.mark.parametrize("check", SUBSET_METHOD_CHECKS)
    def test_my_method_conforms(check):
        check(MyMethod())

A check raises AssertionError with what is wrong. Methods and metrics over subsets are played on seeded set
functions, without a network; metrics of a population on drawn scores; model methods take a model (tiny and random
will do) and two or more rows of different lengths with their targets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from .attribution import Attribution, Scores, as_scores
from .encoding import Encoded, Target
from .model import Model
from .plugin import (
    Exploration,
    Keep,
    Metric,
    ModelMethod,
    PopulationMetric,
    SpanMetric,
    SubsetMethod,
    SubsetMetric,
    Values,
)
from .reading import NO_LABEL, Answer, Reading
from .text import Example, Feature, Span, features_of

Game = Callable[[Keep], Values]

TEXTS = ("gorgeous", "a gorgeous film", "witty , gorgeous and sad . A film !")  # 1, 3 and 9 words
# Holds spans of every kind that most built-in metrics read; checks of other metrics take another example. With a
# reference, metrics see a text of one token that writes all of it.
MARKED = Example(
    id="marked",
    segments=("a gorgeous but dull film",),
    label="positive",
    spans=(
        Span(0, 2, 10, "rationale"),
        Span(0, 19, 23, "rationale"),
        Span(0, 2, 10, "lexicon", 3.0),
        Span(0, 15, 19, "lexicon", -1.5),
    ),
)


# Set functions to play on


def additive_game(weights: Float[np.ndarray, " features"], empty: float = 0.0) -> Game:
    """The value of a subset is `empty` and the weights of what it keeps."""
    return lambda keep: empty + keep @ weights


def random_game(features: int, seed: int = 0, reading: Reading | Answer = "log-odds") -> Game:
    """Weights and interactions of all pairs, drawn from a seed, with values that the reading can have.

    Under `decision` the full text has the value 1, as it has for the label predicted. An `answer` is one of two labels
    or none.
    """
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal(features)
    pairs = np.triu(rng.standard_normal((features, features)), k=1)

    def value(keep: Keep) -> Values:
        kept = keep.astype(np.float64)
        odds = 0.3 + kept @ weights + np.einsum("si,ij,sj->s", kept, pairs, kept)
        if reading == "decision":
            return np.where(keep.all(axis=1), 1.0, (odds > 0).astype(np.float64))
        if reading == "answer":
            return np.select([odds > 0.5, odds > -0.5], [1.0, float(NO_LABEL)], 0.0)
        if reading == "probability":
            return 1 / (1 + np.exp(-odds))
        return -np.logaddexp(0, -odds) if reading == "log-probability" else odds

    return value


def play(exploration: Exploration, value: Game, features: int | None = None) -> Scores:
    """Answer a generator from a set function until it returns, and check what it yields.

    Args:
        features: the width that subsets must have; not checked where it is None.

    Raises:
        AssertionError: it yields something else than boolean subsets of that width, or writes to the values.
    """
    values: Values | None = None
    while True:
        before = deepcopy(values)
        try:
            keep = next(exploration) if values is None else exploration.send(values)
        except StopIteration as stop:
            _unwritten(values, before)
            return as_scores(stop.value)
        _unwritten(values, before)
        _demand(isinstance(keep, np.ndarray), f"a {type(keep).__name__} was yielded: yield a boolean array")
        _demand(keep.dtype == bool, f"subsets of dtype {keep.dtype} were yielded: they must be bool")
        _demand(keep.ndim == 2, f"an array {keep.shape} was yielded: it must be [subsets, features]")
        width = keep.shape[1]
        _demand(features in (None, width), f"subsets of {width} features were yielded for {features} features")
        values = value(keep.copy())


# Subset methods


def check_scores_are_finite_and_one_a_feature(method: SubsetMethod) -> None:
    """Every feature has one finite score, in texts of one word and of several; diagnostics are numbers."""
    for features in _feature_lists():
        scores = _explain(method, features)
        values = np.asarray(scores.values)
        _demand(
            values.shape == (len(features),),
            f"scores {values.shape} were returned for {len(features)} features",
        )
        _demand(np.issubdtype(values.dtype, np.floating), f"scores have dtype {values.dtype}: they must be floats")
        _demand(bool(np.isfinite(values).all()), f"scores are not finite: {values}")
        for name, number in scores.diagnostics.items():
            _demand(
                np.issubdtype(np.asarray(number).dtype, np.number),
                f"the diagnostic {name} is no number: {number!r}",
            )


def check_same_generator_gives_same_scores(method: SubsetMethod) -> None:
    """The generator passed in decides every draw; where `stochastic` is not declared, it decides nothing."""
    for features in _feature_lists():
        first, again, other = (_values(_explain(method, features, seed)) for seed in (1, 1, 2))
        _demand(np.array_equal(first, again), "the same generator gives other scores: draw from `rng` only")
        if not method.stochastic:
            _demand(
                np.array_equal(first, other),
                "another generator gives other scores: declare `stochastic = True`",
            )


def check_inputs_are_not_mutated(method: SubsetMethod) -> None:
    """Features and values are as they were, and so are the global random generators."""
    for features in _feature_lists():
        before = deepcopy(features)
        with _global_generators_left_alone():
            _explain(method, features)  # `play` looks after the values
        _demand(features == before, "the list of features was changed")


def check_additive_games_are_recovered(method: SubsetMethod) -> None:
    """Where `additive` is declared: an additive set function's scores are its weights."""
    if not method.additive:
        return
    for seed, features in enumerate(_feature_lists()):
        weights = np.random.default_rng(seed).standard_normal(len(features))
        scores = _values(_explain(method, features, game=additive_game(weights, empty=0.5)))
        _close(scores, weights, "an additive set function's scores are not its weights (is the method additive?)")


def check_scores_sum_to_the_value_gained(method: SubsetMethod) -> None:
    """Where `complete` is declared: scores sum to v(all) − v(none)."""
    if not method.complete:
        return
    for seed, features in enumerate(_feature_lists()):
        game = random_game(len(features), seed)
        full, empty = game(np.array([[True], [False]]).repeat(len(features), axis=1))
        total = _values(_explain(method, features, game=game)).sum()
        _close(total, full - empty, "scores do not sum to v(all) − v(none) (is the method complete?)")


def check_constant_values_are_no_trouble(method: SubsetMethod) -> None:
    """A model that never changes its mind gets finite scores."""
    for features in _feature_lists():
        scores = _values(_explain(method, features, game=additive_game(np.zeros(len(features)), empty=1.0)))
        _demand(bool(np.isfinite(scores).all()), f"scores of a constant set function are not finite: {scores}")


SUBSET_METHOD_CHECKS = (
    check_scores_are_finite_and_one_a_feature,
    check_same_generator_gives_same_scores,
    check_inputs_are_not_mutated,
    check_additive_games_are_recovered,
    check_scores_sum_to_the_value_gained,
    check_constant_values_are_no_trouble,
)


# Model methods


def check_token_scores_are_finite_and_shaped_as_the_batch(
    method: ModelMethod, model: Model, rows: Sequence[Encoded]
) -> None:
    """Scores are [batch, tokens], finite where a token is real, or [batch, components]; diagnostics: a row each."""
    with model.active():
        batch = model.collate(rows)
        scores = method.attribute(model, batch, _generators(range(len(rows))))
        tokens = method.features == "tokens"
        shape = tuple(batch.input_ids.shape) if tokens else (len(rows), len(method.components(model)))
    values = _array(scores.values)
    _demand(values.shape == shape, f"scores {values.shape} were returned for a batch {shape}")
    real = values[_array(batch.real)] if tokens else values
    _demand(bool(np.isfinite(real).all()), "scores of real tokens are not finite")
    for name, numbers in scores.diagnostics.items():
        shape = _array(numbers).shape
        _demand(shape[:1] == (len(rows),), f"the diagnostic {name} {shape} does not begin with the batch axis")


def check_same_generators_give_same_token_scores(method: ModelMethod, model: Model, rows: Sequence[Encoded]) -> None:
    """The generators passed in decide every draw; where `stochastic` is not declared, they decide nothing."""
    first, again, other = (_attribute(method, model, rows, offset=offset) for offset in (0, 0, 100))
    same = all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    _demand(same, "the same generators give other scores: draw from `rngs` only")
    if not method.stochastic:
        same = all(np.array_equal(one, two) for one, two in zip(first, other, strict=True))
        _demand(same, "other generators give other scores: declare `stochastic = True`")


def check_batching_and_padding_change_nothing(method: ModelMethod, model: Model, rows: Sequence[Encoded]) -> None:
    """A row scores the same alone, in a batch and at another place in it, to 1e-5 of max(1, |scores|)."""
    order = range(len(rows))
    together = _attribute(method, model, rows)
    reverse = _attribute(method, model, rows, order[::-1])[::-1]
    for place, row, here, there in zip(order, rows, together, reverse, strict=True):
        alone = _attribute(method, model, rows, [place])[0]
        for other, what in ((alone, "alone"), (there, "at another place of the batch")):
            _close(other, here, f"example {row.example.id}: scores are others {what}")


def check_the_model_is_left_as_found(method: ModelMethod, model: Model, rows: Sequence[Encoded]) -> None:
    """Weights, gradients, modes, hooks, patches and the kind of attention are as they were."""
    with model.active():
        before = _state(model)
        with _global_generators_left_alone():
            method.attribute(model, model.collate(rows), _generators(range(len(rows))))
        after = _state(model)
    changed = [name for name in {**before, **after} if not _same(before.get(name), after.get(name))]
    _demand(not changed, f"the model was not left as found: {', '.join(changed[:5])}")


def check_rows_are_not_mutated(method: ModelMethod, model: Model, rows: Sequence[Encoded]) -> None:
    """The batch and its rows are as they were."""
    with model.active():
        batch = model.collate(rows)
        before = (
            deepcopy([vars(row) for row in rows]),
            {name: tensor.clone() for name, tensor in vars(batch).items() if name != "rows"},
        )
        method.attribute(model, batch, _generators(range(len(rows))))
    for row, was in zip(rows, before[0], strict=True):
        for name, value in was.items():
            _demand(_same(vars(row)[name], value), f"a row's {name} were changed")
    for name, value in before[1].items():
        _demand(_same(getattr(batch, name), value), f"the batch's {name} were changed")


MODEL_METHOD_CHECKS = (
    check_token_scores_are_finite_and_shaped_as_the_batch,
    check_same_generators_give_same_token_scores,
    check_batching_and_padding_change_nothing,
    check_the_model_is_left_as_found,
    check_rows_are_not_mutated,
)


# Metrics that remove features


def check_measure_is_finite_and_within_bounds(metric: SubsetMetric) -> None:
    """One finite number within the metric's `bounds`, for texts of one word and of several."""
    for features in _feature_lists():
        measured = float(_judge(metric, features, _ranking(len(features))).values)
        _demand(bool(np.isfinite(measured)), f"{measured} is not finite")
        _within_bounds(metric, measured)


def check_same_generator_gives_same_measure(metric: SubsetMetric) -> None:
    """The generator passed in decides every draw, and a ranking without ties needs none where it declares none."""
    for features in _feature_lists():
        tied, distinct = np.zeros(len(features)), _ranking(len(features))
        first, again = (float(_judge(metric, features, tied, seed=1).values) for _ in range(2))
        _demand(first == again, "the same generator gives another number: draw from `rng` only")
        if not metric.stochastic:
            first, other = (float(_judge(metric, features, distinct, seed=seed).values) for seed in (1, 2))
            told = "another generator gives another number, although no scores tie: declare `stochastic = True`"
            _demand(first == other, told)


def check_explanations_are_not_mutated(metric: SubsetMetric) -> None:
    """The explanation is as it was, and so are the values and the global random generators."""
    for features in _feature_lists():
        attribution = _attribution(features, _ranking(len(features)))
        before = attribution.scores.copy()
        game = random_game(len(features), 0, metric.reading)
        with _global_generators_left_alone():
            play(metric.explore(attribution, np.random.default_rng(0)), game, len(features))
        _demand(np.array_equal(attribution.scores, before), "the explanation's scores were changed")


def check_places_of_features_do_not_matter(metric: SubsetMetric) -> None:
    """Features may stand in any order: tied scores are never told apart by their position."""
    features = _feature_lists()[1]
    for scores in ([1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [2.0, 1.0, 1.0], [2.0, 1.0, 0.0]):
        here = float(_judge(metric, features, np.array(scores)).values)
        for order in permutations(range(len(features))):
            there = float(_judge(metric, features, np.array(scores)[list(order)], order=order).values)
            _close(
                there,
                here,
                f"scores {scores} are judged otherwise when the features stand in the order {order}",
            )


def check_constant_scores_equal_the_average_over_orders(metric: SubsetMetric) -> None:
    """Constant scores get what a random ranking gets on average.

    Lets off metrics that look at the size of scores and not only at their order, such as those with a
    threshold.
    """
    _check_ties_of_rankings(metric, [[0.0, 0.0, 0.0, 0.0, 0.0]])


def check_ties_score_as_the_average_over_their_orders(metric: SubsetMetric) -> None:
    """Tied scores get the average over all rankings that break the ties.

    Lets off metrics that look at the size of scores and not only at their order, such as those with a
    threshold.
    """
    _check_ties_of_rankings(metric, [[1.0, 0.0, 1.0, 0.0, 1.0], [2.0, 1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]])


SUBSET_METRIC_CHECKS = (
    check_measure_is_finite_and_within_bounds,
    check_same_generator_gives_same_measure,
    check_explanations_are_not_mutated,
    check_places_of_features_do_not_matter,
    check_constant_scores_equal_the_average_over_orders,
    check_ties_score_as_the_average_over_their_orders,
)


# Metrics that compare scores with what is known of the text


def check_comparison_is_within_bounds_or_none(metric: SpanMetric, example: Example = MARKED) -> None:
    """A number within `bounds` where the example has spans to compare with, None where it has none."""
    measured = _compare(metric, example, _ranking(len(_words(example))))
    _demand(measured is not None, "the example says nothing to this metric: pass one that does")
    _within_bounds(metric, float(measured or 0.0))
    bare = Example(example.id, example.segments, example.label)
    measured = _compare(metric, bare, _ranking(len(_words(example))))
    _demand(measured is None, f"{measured} was returned for an example without spans: return None")


def check_comparison_is_deterministic_and_changes_nothing(metric: SpanMetric, example: Example = MARKED) -> None:
    """The same explanation gets the same number, and is as it was."""
    scores = _ranking(len(_words(example)))
    before = scores.copy()
    with _global_generators_left_alone():
        first, again = (_compare(metric, example, scores) for _ in range(2))
    _demand(first == again, f"the same explanation got {first} and then {again}")
    _demand(np.array_equal(scores, before), "the explanation's scores were changed")


def check_constant_scores_compare_as_the_average_over_orders(metric: SpanMetric, example: Example = MARKED) -> None:
    """Constant scores get what a random ranking gets on average."""
    _check_ties_of_a_comparison(metric, example, np.zeros(len(_words(example))))


def check_ties_compare_as_the_average_over_their_orders(metric: SpanMetric, example: Example = MARKED) -> None:
    """Tied scores get the average over all rankings that break the ties."""
    count = len(_words(example))
    for groups in (2, 3):
        _check_ties_of_a_comparison(metric, example, (np.arange(count) % groups).astype(float))
        _check_ties_of_a_comparison(metric, example, (np.arange(count) * groups // count).astype(float))


SPAN_METRIC_CHECKS = (
    check_comparison_is_within_bounds_or_none,
    check_comparison_is_deterministic_and_changes_nothing,
    check_constant_scores_compare_as_the_average_over_orders,
    check_ties_compare_as_the_average_over_their_orders,
)


# Metrics of a population of seeds


def check_population_values_are_within_bounds(metric: PopulationMetric) -> None:
    """Terms are [draws, terms] and values [draws], within `bounds`: infinite only if the bounds are.

    Scores that say nothing (of one word, equal for all seeds or all words) may have no value, NaN; others have one.
    """
    for kind, scores in _populations():
        weights = _draws(scores)
        terms = metric.terms(scores, weights)
        _demand(
            terms.ndim == 2 and len(terms) == len(weights) and terms.shape[1] > 0,
            f"terms {terms.shape} were returned for {len(weights)} draws",
        )
        values = metric.value(terms)
        _demand(values.shape == (len(weights),), f"values {values.shape} were returned for terms {terms.shape}")
        for value in values[~np.isnan(values)]:
            _within_bounds(metric, float(value))
        if kind == "drawn":
            _demand(bool(np.isfinite(values[0])), f"{values[0]} is not finite, although seeds and words differ")


def check_draws_are_judged_one_by_one(metric: PopulationMetric) -> None:
    """A draw of seeds has the same terms and value alone as beside others."""
    for _, scores in _populations():
        weights = _draws(scores)
        together = metric.terms(scores, weights)
        values = metric.value(together)
        for place in range(len(weights)):
            here = slice(place, place + 1)
            alone = metric.terms(scores, weights[here])
            _alike(alone, together[here], "a draw's terms are others alone")
            _alike(metric.value(alone), values[here], "a draw's value is another alone")


def check_weights_count_how_often_a_seed_was_drawn(metric: PopulationMetric) -> None:
    """A seed of weight 2 counts as if it stood there twice, and one of weight 0 as if it did not.

    A metric that compares pairs of seeds may leave out the pairs of a seed with itself. The mean over pairs of the
    seeds repeated is then made of two means, over pairs of different seeds and over those pairs.
    """
    for _, scores in _populations():
        for drawn in ([1, 1, 1, 0], [1, 1, 0, 0], [2, 1, 1, 0], [3, 2, 1, 0]):
            counts = np.array(drawn)
            weighted = metric.terms(scores, counts[None, :].astype(np.float64))[0]
            repeated = without = _as_they_are(metric, scores.repeat(counts, axis=0))
            pairs, twins = _pairs(counts.sum()), _pairs(counts)
            for seed in np.flatnonzero(twins):
                # takes out what the seed's pairs with itself put into the mean
                own = _as_they_are(metric, scores[[seed, seed]])
                without = without + twins[seed] / (pairs - twins.sum()) * (repeated - own)
            _demand(
                _equal(weighted, repeated) or _equal(weighted, without),
                f"weights {drawn} give {weighted}, and seeds repeated as often {repeated}",
            )


def check_seeds_may_stand_in_any_order(metric: PopulationMetric) -> None:
    """A seed's place says nothing."""
    for _, scores in _populations():
        weights = _draws(scores)
        here = metric.terms(scores, weights)
        for order in permutations(range(len(scores))):
            there = metric.terms(scores[list(order)], weights[:, list(order)])
            _alike(there, here, f"the seeds are judged otherwise in the order {order}")


def check_words_may_stand_in_any_order(metric: PopulationMetric) -> None:
    """A feature's place says nothing, if all seeds' features move alike: ties are not told apart by it."""
    for _, scores in _populations():
        weights = _draws(scores)
        here = metric.terms(scores, weights)
        for seed in range(5):
            order = np.random.default_rng(seed).permutation(scores.shape[1])
            _alike(metric.terms(scores[:, order], weights), here, f"features are judged otherwise in the order {order}")


def check_population_is_not_mutated(metric: PopulationMetric) -> None:
    """Scores and weights are as they were, nothing is drawn, and the same scores get the same terms."""
    for _, scores in _populations():
        weights = _draws(scores)
        before = scores.copy(), weights.copy()
        with _global_generators_left_alone():
            first = metric.terms(scores, weights)
            kept = first.copy()
            metric.value(first)
        _demand(_same((scores, weights), before), "the scores or the weights were changed")
        _demand(np.array_equal(first, kept, equal_nan=True), "the terms were changed when their value was taken")
        again = metric.terms(scores, weights)
        _demand(np.array_equal(again, kept, equal_nan=True), "the same scores got other terms the second time")


POPULATION_METRIC_CHECKS = (
    check_population_values_are_within_bounds,
    check_draws_are_judged_one_by_one,
    check_weights_count_how_often_a_seed_was_drawn,
    check_seeds_may_stand_in_any_order,
    check_words_may_stand_in_any_order,
    check_population_is_not_mutated,
)


# What the checks share


def _demand(condition: bool, message: str) -> None:
    # not an assert statement, which python -O leaves out
    if not condition:
        raise AssertionError(message)


def _unwritten(values: Values | None, before: Values | None) -> None:
    _demand(_same(values, before), "the values were written to: they are shared, so copy them first")


def _close(actual: Any, wanted: Any, message: str) -> None:
    """Equal to 1e-5 of max(1, |wanted|)."""
    scale = max(1.0, float(np.abs(wanted).max(initial=0.0)))
    apart = float(np.abs(np.asarray(actual) - wanted).max(initial=0.0))
    _demand(apart <= 1e-5 * scale, f"{message}: {actual} instead of {wanted}, {apart:.2g} apart")


def _equal(actual: np.ndarray, wanted: np.ndarray) -> bool:
    """Equal to 1e-9 of max(1, |wanted|), with NaN and infinity at the same places."""
    return bool(np.allclose(actual, wanted, rtol=1e-9, atol=1e-9, equal_nan=True))


def _alike(actual: np.ndarray, wanted: np.ndarray, message: str) -> None:
    _demand(_equal(actual, wanted), f"{message}: {actual} instead of {wanted}")


def _within_bounds(metric: Metric, measured: float) -> None:
    low, high = metric.bounds
    _demand(low - 1e-9 <= measured <= high + 1e-9, f"{measured} lies outside the metric's bounds {metric.bounds}")


@contextmanager
def _global_generators_left_alone() -> Iterator[None]:
    # not the generator of the module `random`, from which run-time type checkers draw
    before = np.random.get_state(), torch.get_rng_state()
    yield
    after = np.random.get_state(), torch.get_rng_state()
    names = ("numpy.random", "torch")
    drawn = [name for name, was, now in zip(names, before, after, strict=True) if not _same(was, now)]
    _demand(not drawn, f"drawn from the global generator of {', '.join(drawn)}: draw from the one passed in")


def _same(one: Any, other: Any) -> bool:
    """Equal, also for arrays and tensors within tuples."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and one == other


def _array(values: Any) -> np.ndarray:
    return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)


def _feature_lists() -> list[list[Feature]]:
    return [list(features_of((text,), "word")) for text in TEXTS]


def _explain(method: SubsetMethod, features: Sequence[Feature], seed: int = 0, game: Game | None = None) -> Scores:
    game = game or random_game(len(features), 0, method.reading)
    return play(method.explore(features, np.random.default_rng(seed)), game, len(features))


def _values(scores: Scores) -> np.ndarray:
    return np.asarray(scores.values)


def _generators(places: Sequence[int], offset: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng([offset, place]) for place in places]


def _attribute(
    method: ModelMethod,
    model: Model,
    rows: Sequence[Encoded],
    places: Sequence[int] | None = None,
    offset: int = 0,
) -> list[np.ndarray]:
    """Scores of the rows at these places, unpadded; a row keeps its generator wherever it stands."""
    places = range(len(rows)) if places is None else places
    with model.active():
        batch = model.collate([rows[place] for place in places])
        values = _array(method.attribute(model, batch, _generators(places, offset)).values)
    if method.features == "components":
        return [*values]
    return [line[real] for line, real in zip(values, _array(batch.real), strict=True)]


def _state(model: Model) -> Mapping[str, Any]:
    """What a method may borrow and must give back, by name."""
    network = model.network
    state: dict[str, Any] = {f"weight {name}": value.clone() for name, value in network.state_dict().items()}
    for name, parameter in network.named_parameters():
        state[f"requires_grad of {name}"] = parameter.requires_grad
        state[f"gradient of {name}"] = None if parameter.grad is None else parameter.grad.clone()
    for name, module in network.named_modules():
        state[f"training mode of {name or 'the network'}"] = module.training
        state[f"class of {name or 'the network'}"] = type(module)
        state[f"forward of {name or 'the network'}"] = (
            id(type(module).forward),
            id(vars(module).get("forward")),
        )
        for hooks in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"):
            state[f"{hooks.strip('_').replace('_', ' ')} of {name or 'the network'}"] = tuple(vars(module)[hooks])
    state["attention implementation"] = getattr(network.config, "_attn_implementation", None)
    state["gradient mode"] = torch.is_grad_enabled()
    state["default dtype"] = torch.get_default_dtype()
    state.update(_process_wide())
    return state


def _process_wide() -> Mapping[str, Any]:
    """Functions that libraries are known to replace for the whole process, with no way back."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    state: dict[str, Any] = {f"{name} attention": id(ALL_ATTENTION_FUNCTIONS[name]) for name in ALL_ATTENTION_FUNCTIONS}
    for kind in (torch.nn.Linear, torch.nn.LayerNorm, torch.nn.Dropout, torch.nn.Softmax, torch.nn.GELU):
        state[f"torch.nn.{kind.__name__}.forward"] = id(kind.forward)
    for name in ("softmax", "layer_norm", "gelu", "silu", "linear", "scaled_dot_product_attention"):
        state[f"torch.nn.functional.{name}"] = id(getattr(torch.nn.functional, name))
    return state


def _ranking(count: int) -> np.ndarray:
    """Distinct scores of both signs, in no order."""
    return np.random.default_rng(count).permutation(count) - (count - 1) / 2


def _attribution(features: Sequence[Feature], scores: np.ndarray, example: Example | None = None) -> Attribution:
    example = example or Example("played", (" ".join(each.text for each in features),), "positive")
    attribution = Attribution(example, tuple(features), scores, Target((1,)), explained="positive")
    if example.reference is None:
        return attribution
    # one token that writes the whole reference, explained as the text is
    return replace(attribution, by_token=scores[None], written=(example.reference,))


def _judge(
    metric: SubsetMetric,
    features: Sequence[Feature],
    scores: np.ndarray,
    seed: int = 0,
    order: Sequence[int] | None = None,
) -> Scores:
    """The metric on a random game; under `order`, feature i of the text is player order[i] of the game."""
    count = len(features)
    game = random_game(count, 3, metric.reading)
    players = np.argsort(range(count) if order is None else order)
    exploration = metric.explore(_attribution(features, scores), np.random.default_rng(seed))
    return play(exploration, lambda keep: game(keep[:, players]), count)


def _check_ties_of_rankings(metric: SubsetMetric, rankings: Sequence[Sequence[float]]) -> None:
    features = list(features_of(MARKED.segments, "word"))

    def judged(given: np.ndarray) -> float:
        return float(_judge(metric, features, given).values)

    orders = [np.array(order, dtype=float) for order in permutations(range(len(features)))]
    # increasing functions of the scores: whoever looks at their order alone sees no difference
    for order in orders[::7]:
        if any(abs(judged(order) - judged(increasing)) > 1e-9 for increasing in _increasing(order)):
            return
    for scores in rankings:
        # each way to break the ties comes equally often among all orders
        untied = {tuple(np.lexsort((order, np.array(scores))).argsort().astype(float)) for order in orders}
        average = np.mean([judged(np.array(ranking)) for ranking in untied])
        _close(judged(np.array(scores)), average, f"scores {list(scores)} do not get the average over their orders")


def _increasing(order: np.ndarray) -> tuple[np.ndarray, ...]:
    """The same ranking with one feature, or all but one, above the mean; all of it above zero, or below."""
    return np.exp(3 * order), -np.exp(-3 * order), order + 10.0, order - 10.0


def _words(example: Example) -> tuple[Feature, ...]:
    return features_of(example.segments, "word")


def _compare(metric: SpanMetric, example: Example, scores: np.ndarray) -> float | None:
    return metric.compare(_attribution(_words(example), scores, example), example)


def _check_ties_of_a_comparison(metric: SpanMetric, example: Example, scores: np.ndarray) -> None:
    count = len(scores)
    _demand(count <= 7, "the average over orders is taken by counting them: pass an example of at most 7 words")
    orders = permutations(range(count))
    broken = [_compare(metric, example, scores + 1e-3 * np.array(order)) for order in orders]
    _demand(None not in broken, "the example says nothing to this metric: pass one that does")
    average = np.mean([value for value in broken if value is not None])
    _close(
        _compare(metric, example, scores),
        average,
        f"scores {scores} do not get the average over their orders",
    )


def _populations() -> list[tuple[str, np.ndarray]]:
    """Scores of texts of 1, 3 and 9 words by four seeds, which is what the lists of weights are made for."""
    made = []
    for count in (len(features) for features in _feature_lists()):
        drawn = np.random.default_rng(count).standard_normal((4, count))
        kinds = {
            "drawn" if count > 1 else "one word": drawn,
            "tied": np.round(drawn),
            "equal seeds": np.repeat(drawn[:1], 4, axis=0),
            "equal words": np.repeat(drawn[:, :1], count, axis=1),
            "one constant seed": np.vstack([drawn[:3], np.zeros((1, count))]),
        }
        made += kinds.items()
    return made


def _draws(scores: np.ndarray) -> np.ndarray:
    """The seeds as they are, draws of a bootstrap, and a draw that found one seed alone."""
    seeds = len(scores)
    drawn = np.random.default_rng(0).multinomial(seeds, np.full(seeds, 1 / seeds), size=5)
    return np.vstack([np.ones(seeds), drawn, seeds * np.eye(seeds)[0]])


def _pairs(count: Any) -> Any:
    return count * (count - 1) / 2


def _as_they_are(metric: PopulationMetric, scores: np.ndarray) -> np.ndarray:
    return metric.terms(scores, np.ones((1, len(scores))))[0]
