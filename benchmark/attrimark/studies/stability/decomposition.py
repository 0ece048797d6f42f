"""How much of the scores' variance comes from the word, the strategy, the training seed, the quantizer, the estimator.

A mixed analysis of variance for each word of each text: seeds are nested in strategies, quantizers crossed with both.
In this balanced design the estimators are those that set mean squares equal to their expectations (Searle, Casella &
McCulloch, *Variance Components*, 1992, ch. 4). They are computed as covariances between networks (Koch,
Technometrics, 1967): what two networks of one seed with different quantizers have in common, beyond what two seeds
have in common, is the seed's. On a resample only different seeds are compared, so that a seed which was drawn twice
takes nothing from the variance.

Replicates of a stochastic method run on the same random numbers in every network, so their errors are alike where
networks are alike and would pass for an effect of what these share. Errors are taken to be independent between
replicates only, whatever they are between networks: the noise that replicates show is taken out of each covariance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from attrimark.statistics.bootstrap import FEWEST_TEXTS, SEEDS_ONLY, resamples, with_interval
from attrimark.statistics.intervals import CROSSED, Estimate

Scores = Float[np.ndarray, "strategies seeds quantizers replicates _"]  # the last axis: the words of one text

SOURCES = ("word", "strategy", "seed", "quantizer", "estimator")
PARTS = ("everywhere", "by_strategy", "by_seed")

ONE_REPLICATE = (
    "one replicate of a stochastic method: the estimator's noise is booked under quantizer, and under seed where the "
    "networks of a seed share it; replicates ≥ 2 tell them apart"
)

_ROUNDING = 1e-12  # a smaller share of the whole is 0
_AT_ONCE = 4_000_000  # numbers of products held in memory


@dataclass(frozen=True)
class Component:
    """The variance that one source gives to a word's score, averaged over words and texts.

    Attributes:
        variance: unclipped: where there is none it is negative as often as not. `seeds` counts one strategy's.
        share: of the sources' total, each clipped at 0.
        level: the part that moves all words of a text together: the covariance of two of its words.
        pattern: the rest, which moves words against each other. The word itself has neither.
    """

    variance: Estimate
    share: float
    level: Estimate | None = None
    pattern: Estimate | None = None


@dataclass(frozen=True)
class Decomposition:
    """Where the scores' variance comes from; None for what the design does not have or cannot tell.

    Attributes:
        word: what the words of a text differ in, in networks that share neither strategy, seed nor quantizer (of
            what there is one of only, that one).
        strategy: what a strategy's networks have in common.
        seed: what a seed's networks have in common, whatever their quantizer, beyond their strategy's.
        quantizer: all that quantizing changes: the sum of the next three.
        everywhere: what it changes alike in all networks.
        by_strategy: what it changes alike in all seeds of a strategy, and otherwise in another strategy.
        by_seed: what it changes in each network alone.
        estimator: the variance of one replicate of a stochastic method around its expectation.
        ratio: the quantizer's variance over the seed's, both clipped at 0; infinite where only the seed's is 0.
        pattern_ratio: the same of their patterns, which a shift of all words of a text does not touch.
        strategies, quantizers: how many there are; the intervals do not speak for others.
    """

    word: Component
    strategy: Component | None
    seed: Component
    quantizer: Component | None
    everywhere: Component | None
    by_strategy: Component | None
    by_seed: Component | None
    estimator: Component | None
    ratio: Estimate | None
    pattern_ratio: Estimate | None
    strategies: int
    quantizers: int
    notes: tuple[str, ...] = ()


def decompose(
    texts: Sequence[Scores],
    rng: np.random.Generator,
    *,
    stochastic: bool,
    scale: bool = True,
    draws: int = 500,
    level: float = 0.95,
) -> Decomposition:
    """The components, with intervals for new seeds of these strategies, with these quantizers, on new texts.

    Seeds are drawn again within each strategy (one draw for all quantizers), texts for all networks together. With
    fewer than 5 seeds there are no intervals; with fewer than 5 texts they speak for these texts only.

    Args:
        texts: for each text its words' scores in every network, explained for the same target. A text with fewer
            than two words, or with a score that is missing or infinite, is left out whole.
        stochastic: whether the method would give other scores on other random numbers.
        scale: first divide a text's scores by their standard deviation over networks, replicates and words, so that
            no text dominates the average. Variances are then in units of a text's variance.

    Raises:
        ValueError: where no text is left, texts come from different numbers of networks, or a strategy has one seed.
    """
    complete = [text for text in texts if text.shape[-1] > 1 and np.isfinite(text).all()]
    if len({text.shape[:-1] for text in complete}) != 1:
        raise ValueError("no text has two words and all scores" if not complete else "texts differ in their networks")
    strategies, seeds, quantizers, replicates, _ = complete[0].shape
    if seeds < 2:
        raise ValueError("with one seed a strategy, seed and strategy cannot be told apart: train at least 2 seeds")
    notes = []
    if left_out := len(texts) - len(complete):
        notes.append(f"{left_out} of {len(texts)} texts left out: fewer than two words, or a score missing")

    crossed = len(complete) >= FEWEST_TEXTS
    sizes = [seeds] * strategies + [len(complete)] * crossed
    weights = resamples(rng, draws, *sizes)
    text_weights = weights.pop() if crossed else np.ones((len(weights[0]), len(complete)))
    products = _Products.of([_scaled(text) if scale else text for text in complete])
    values = products.components(np.stack(weights, axis=1), text_weights)
    if stochastic and replicates == 1:
        del values["estimator"]
        notes.append(ONE_REPLICATE)

    def interval(rows: Float[np.ndarray, " rows"]) -> Estimate:
        return with_interval(rows, sizes, level, seeds, len(complete), CROSSED if crossed else SEEDS_ONLY)

    total = sum(max(values[name][0, 0], 0.0) for name in SOURCES if name in values)

    def component(name: str) -> Component:
        whole, pattern = values[name]
        share = float(max(whole[0], 0.0) / total) if total > 0 else np.nan
        if name == "word":
            return Component(interval(whole), share)
        return Component(interval(whole), share, interval(whole - pattern), interval(pattern))

    def if_told(name: str) -> Component | None:
        return component(name) if name in values else None

    ratios = (None, None)
    if quantizers > 1:
        pairs = zip(values["quantizer"], values["seed"], strict=True)
        ratios = tuple(interval(_ratio(above, below, rounding=_ROUNDING * total)) for above, below in pairs)
    return Decomposition(
        word=component("word"),
        strategy=if_told("strategy"),
        seed=component("seed"),
        quantizer=if_told("quantizer"),
        everywhere=if_told("everywhere"),
        by_strategy=if_told("by_strategy"),
        by_seed=if_told("by_seed"),
        estimator=if_told("estimator"),
        ratio=ratios[0],
        pattern_ratio=ratios[1],
        strategies=strategies,
        quantizers=quantizers,
        notes=tuple(notes),
    )


def answer(decomposition: Decomposition) -> str:
    """Does quantizing change explanations more than reseeding does? In words, with the evidence and its scope.

    Reseeding counts for what a seed does whatever the quantizer: what it adds in a quantized network alone
    (`by_seed`) is quantizing's.
    """
    ratio, pattern = decomposition.ratio, decomposition.pattern_ratio
    open_question = "Whether quantizing changes explanations more than reseeding does cannot be told"
    if ratio is None or pattern is None:
        return f"{open_question}: there is only one quantizer."
    found = f"the quantizer's variance is {ratio.mean:.2g} times the seed's"
    if np.isnan(ratio.low):
        return f"{open_question}: {found}, but there is {ratio.method}."
    if ratio.low > 1:
        verdict = "Quantizing changes explanations more than reseeding does"
    elif ratio.high < 1:
        verdict = "Quantizing changes explanations less than reseeding does"
    else:
        verdict = open_question
    return (
        f"{verdict}: {found} ({ratio.level:.0%} interval {_ends(ratio)}); without shifts of all words together "
        f"{pattern.mean:.2g} times ({_ends(pattern)}). Strategies {decomposition.strategies}, seeds of each "
        f"{ratio.seeds}, quantizers {decomposition.quantizers}, texts {ratio.texts}. The intervals speak for "
        f"{ratio.method}, and for no other strategy or quantizer."
    )


def _ends(estimate: Estimate) -> str:
    return f"{estimate.low:.2g} to {estimate.high:.2g}"


@dataclass(frozen=True)
class _Products:
    """Mean products over a text's words, of the scores of two networks: all that the components are made of.

    Attributes:
        pairs: of each two seeds, those of all strategies in one row. Axis 1: products of the scores themselves (0),
            or of their deviations from the mean over words, with divisor words − 1 (1). Axis 2: in networks with the
            same quantizer (0) or with different ones (1), averaged over quantizers; alike where there is one.
        noise: of each seed, the variance over replicates; axis 1 as above.
        quantizers: how many there are.
    """

    pairs: Float[np.ndarray, "texts 2 2 networks networks"]
    noise: Float[np.ndarray, "texts 2 strategies seeds"]
    quantizers: int

    @classmethod
    def of(cls, texts: Sequence[Scores]) -> _Products:
        pairs, noise = zip(*map(_products, texts), strict=True)
        strategies, seeds, quantizers = texts[0].shape[:3]
        return cls(np.stack(pairs), np.stack(noise).reshape(-1, 2, strategies, seeds), quantizers)

    def components(
        self, seed_weights: Float[np.ndarray, "rows strategies seeds"], text_weights: Float[np.ndarray, "rows texts"]
    ) -> dict[str, Float[np.ndarray, "2 rows"]]:
        """For each row of weights the variance of each component, and the part of it that is pattern."""
        seed_shares = seed_weights / seed_weights.sum(axis=-1, keepdims=True)
        text_shares = text_weights / text_weights.sum(axis=-1, keepdims=True)
        step = max(1, _AT_ONCE // self.pairs[0].size)
        parts = [
            self._components(seed_shares[at : at + step], text_shares[at : at + step])
            for at in range(0, len(seed_shares), step)
        ]
        return {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}

    def _components(
        self, seed_shares: Float[np.ndarray, "rows strategies seeds"], text_shares: Float[np.ndarray, "rows texts"]
    ) -> dict[str, Float[np.ndarray, "2 rows"]]:
        rows, strategies, seeds = seed_shares.shape
        pairs = np.tensordot(text_shares, self.pairs, 1).reshape(rows, 2, 2, strategies, seeds, strategies, seeds)
        own = np.einsum("rvqasas,ras->vqra", pairs, seed_shares)  # of a seed with itself
        means = np.einsum("ras,rvqasbt,rbt->vqrab", seed_shares, pairs, seed_shares, optimize=True)
        mean = np.einsum("vqraa->vqra", means)  # of a strategy's mean with itself
        # the chance that two draws are one seed: for ones 1 / seeds, more on a resample
        twice = (seed_shares**2).sum(axis=-1)
        with np.errstate(invalid="ignore", divide="ignore"):  # a resample of a single seed has no value
            between_seeds = (own - mean) / (1 - twice)
        common = mean - twice * between_seeds  # of two different seeds of a strategy
        elsewhere = common.mean(axis=-1)  # of networks of different strategies, where there are any
        if strategies > 1:
            elsewhere = (means.sum(axis=(-2, -1)) - mean.sum(axis=-1)) / (strategies * (strategies - 1))
        seed, strategy, network = between_seeds.mean(axis=-1), common.mean(axis=-1) - elsewhere, own.mean(axis=-1)
        spread = np.einsum("rt,tvas,ras->vr", text_shares, self.noise, seed_shares, optimize=True)
        found = {
            "word": elsewhere[[1, 1], 1],  # of deviations from the mean over words, so the words' variance
            "strategy": strategy[:, 1],
            "seed": seed[:, 1],
            "quantizer": network[:, 0] - network[:, 1],
            "estimator": spread / strategies,
            "by_strategy": strategy[:, 0] - strategy[:, 1],
            "by_seed": seed[:, 0] - seed[:, 1],
        }
        found["everywhere"] = found["quantizer"] - found["by_strategy"] - found["by_seed"]
        absent = {"strategy", "by_strategy"} if strategies == 1 else set()
        absent |= {"quantizer", *PARTS} if self.quantizers == 1 else set()
        return {name: values for name, values in found.items() if name not in absent}


def _products(scores: Scores) -> tuple[Float[np.ndarray, "2 2 networks networks"], Float[np.ndarray, "2 networks"]]:
    """`_Products.pairs` and `_Products.noise` of one text."""
    strategies, seeds, quantizers, replicates, words = scores.shape
    scores = scores.astype(np.float64).reshape(strategies * seeds, quantizers, replicates, words)
    # what all networks share cancels in the components, but not in floating point
    centred = scores - scores.mean(axis=(0, 1, 2))
    deviations = scores - scores.mean(axis=-1, keepdims=True)
    pairs, noise = [], []
    for values, divisor in ((centred, words), (deviations, words - 1)):
        mean = values.mean(axis=2, keepdims=True)
        pair, spread = _by_quantizer(mean) / divisor, np.zeros(len(values))
        if replicates > 1:
            error = values - mean
            pair -= _by_quantizer(error) / (divisor * replicates * (replicates - 1))
            spread = (error**2).sum(axis=(1, 2, 3)) / (divisor * quantizers * (replicates - 1))
        pairs.append(pair)
        noise.append(spread)
    return np.stack(pairs), np.stack(noise)


def _by_quantizer(
    values: Float[np.ndarray, "networks quantizers replicates words"],
) -> Float[np.ndarray, "2 networks networks"]:
    """Sums of products over replicates and words, averaged over pairs of the same quantizer and of different ones."""
    networks, quantizers, _, _ = values.shape
    flat, summed = values.reshape(networks, -1), values.sum(axis=1).reshape(networks, -1)
    same, every = flat @ flat.T, summed @ summed.T
    other = (every - same) / (quantizers * (quantizers - 1)) if quantizers > 1 else same
    return np.stack([same / quantizers, other])


def _scaled(scores: Scores) -> Scores:
    """Scores with standard deviation 1; those that are all the same stay so."""
    spread = scores.std()
    return scores / spread if spread > _ROUNDING * np.abs(scores).max() else scores


def _ratio(
    above: Float[np.ndarray, " rows"], below: Float[np.ndarray, " rows"], rounding: float
) -> Float[np.ndarray, " rows"]:
    """Of variances clipped at 0; NaN where both are 0, or one has no value."""
    above, below = np.where(above <= rounding, 0.0, above), np.where(below <= rounding, 0.0, below)
    with np.errstate(divide="ignore", invalid="ignore"):
        return above / below
