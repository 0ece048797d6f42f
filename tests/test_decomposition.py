"""Known components are recovered, are the textbook's mean squares, and have intervals that cover."""

from dataclasses import replace

import numpy as np
import pytest
from attrimark.statistics.bootstrap import FEW_SEEDS, SEEDS_ONLY
from attrimark.statistics.intervals import CROSSED
from attrimark.studies.stability.decomposition import ONE_REPLICATE, PARTS, SOURCES, answer, decompose

from tests.references.tiers import tiered

# which axes an effect differs along: strategy, seed, quantizer, replicate, word
WORD, STRATEGY, SEED = "w", "aw", "asw"
QUANTIZER, BY_STRATEGY, BY_SEED = "qw", "aqw", "asqw"
REPLICATE, RESIDUAL = "rw", "asqrw"
ALL = {
    WORD: 1.0,
    STRATEGY: 0.3,
    SEED: 0.5,
    QUANTIZER: 0.2,
    BY_STRATEGY: 0.1,
    BY_SEED: 0.15,
    REPLICATE: 0.1,
    RESIDUAL: 0.2,
}
TRUTH = {
    "word": 1.0,
    "strategy": 0.3,
    "seed": 0.5,
    "quantizer": 0.45,
    "estimator": 0.3,
    "everywhere": 0.2,
    "by_strategy": 0.1,
    "by_seed": 0.15,
}


def simulated(rng, variances, texts=10, strategies=2, seeds=6, quantizers=3, replicates=2, words=8, shared=0.0):
    """Scores that are sums of normal effects; shared: the variance of a seed's shift that is the same on all texts."""
    sizes = dict(zip("asqrw", (strategies, seeds, quantizers, replicates, words), strict=True))
    always = np.sqrt(shared) * rng.standard_normal((strategies, seeds, 1, 1, 1))

    def effect(axes, variance):
        return np.sqrt(variance) * rng.standard_normal([sizes[each] if each in axes else 1 for each in "asqrw"])

    zero = np.zeros(tuple(sizes.values()))
    return [zero + always + sum(effect(*each) for each in variances.items()) for _ in range(texts)]


def estimates(decomposition):
    return {name: getattr(decomposition, name).variance.mean for name in SOURCES + PARTS}


def repeated(of, variances, runs=50, **shape):
    """The mean over runs of what `of` takes from a decomposition, and the standard error of that mean."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(runs):
        texts = simulated(rng, variances, **shape)
        found.append(of(decompose(texts, rng, stochastic=True, scale=False, draws=2)))
    values = np.array([list(each.values()) for each in found])
    error = values.std(axis=0, ddof=1) / np.sqrt(runs)
    return {name: pair for name, *pair in zip(found[0], values.mean(axis=0), error, strict=True)}


def close(found, truth):
    """Within Monte-Carlo error: 3.5 standard errors, which one value in two thousand leaves."""
    mean, error = found
    return abs(mean - truth) < 3.5 * error + 1e-12


def test_every_component_is_recovered():
    found = repeated(estimates, ALL)
    assert {name: close(found[name], truth) for name, truth in TRUTH.items()} == dict.fromkeys(TRUTH, True), found


@pytest.mark.parametrize("kept", [SEED, QUANTIZER, BY_SEED, RESIDUAL])
def test_components_that_are_zero_come_out_as_zero(kept):
    truth = {
        SEED: {"seed": 1.0},
        QUANTIZER: {"quantizer": 1.0, "everywhere": 1.0},
        BY_SEED: {"quantizer": 1.0, "by_seed": 1.0},
        RESIDUAL: {"estimator": 1.0},
    }[kept]
    found = repeated(estimates, {kept: 1.0})
    assert {name: close(found[name], truth.get(name, 0.0)) for name in TRUTH} == dict.fromkeys(TRUTH, True), found


def mean_squares(scores):
    """Components of one word, scores [strategy, seed, quantizer], by the textbook's expected mean squares."""
    a, n, q = scores.shape
    grand, of_a, of_as = scores.mean(), scores.mean(axis=(1, 2)), scores.mean(axis=2)
    of_q, of_aq = scores.mean(axis=(0, 1)), scores.mean(axis=1)
    strategy = n * q * ((of_a - grand) ** 2).sum() / (a - 1)
    seed = q * ((of_as - of_a[:, None]) ** 2).sum() / (a * (n - 1))
    quantizer = a * n * ((of_q - grand) ** 2).sum() / (q - 1)
    crossed = n * ((of_aq - of_a[:, None] - of_q + grand) ** 2).sum() / ((a - 1) * (q - 1))
    residual = scores - of_as[:, :, None] - of_aq[:, None, :] + of_a[:, None, None]
    by_seed = (residual**2).sum() / (a * (n - 1) * (q - 1))
    return {
        "strategy": (strategy - seed - crossed + by_seed) / (n * q),
        "seed": (seed - by_seed) / q,
        "everywhere": (quantizer - crossed) / (a * n),
        "by_strategy": (crossed - by_seed) / n,
        "by_seed": by_seed,
    }


def of_words(scores):
    """The textbook's components [strategy, seed, quantizer, word], averaged over words."""
    each = [mean_squares(scores[..., word]) for word in range(scores.shape[-1])]
    return {name: np.mean([of[name] for of in each]) for name in each[0]}


def test_the_components_are_the_textbooks():
    rng = np.random.default_rng(1)
    texts = simulated(rng, ALL, texts=3, replicates=1)
    found = estimates(decompose(texts, rng, stochastic=False, scale=False))
    textbook = [of_words(text[:, :, :, 0]) for text in texts]
    for name in textbook[0]:
        assert found[name] == pytest.approx(np.mean([of[name] for of in textbook]))
    assert found["quantizer"] == pytest.approx(sum(found[part] for part in PARTS))


def test_replicates_take_their_mean_squares_off_the_textbooks():
    rng = np.random.default_rng(2)
    (text,) = texts = simulated(rng, ALL, texts=1, replicates=2)
    found = estimates(decompose(texts, rng, stochastic=True, scale=False))
    # the difference of two replicates is noise alone, with twice its variance; their mean holds half of it
    mean, difference = of_words(text.mean(axis=3)), of_words(text[:, :, :, 0] - text[:, :, :, 1])
    for name in mean:
        assert found[name] == pytest.approx(mean[name] - difference[name] / 4)
    assert found["estimator"] == pytest.approx(text.var(axis=3, ddof=1).mean())


def test_the_words_variance_is_that_of_their_means_less_the_means_error():
    rng = np.random.default_rng(3)
    (text,) = texts = simulated(rng, ALL, texts=1, replicates=1)
    decomposition = decompose(texts, rng, stochastic=False, scale=False)
    a, n, q, _, _ = text.shape
    divisors = {"strategy": a, "seed": a * n, "everywhere": q, "by_strategy": a * q, "by_seed": a * n * q}
    parts = {name: getattr(decomposition, name) for name in divisors}
    error = sum(parts[name].pattern.mean / divisor for name, divisor in divisors.items())
    means = text.mean(axis=(0, 1, 2, 3))
    assert decomposition.word.variance.mean == pytest.approx(means.var(ddof=1) - error)


def test_a_shift_of_all_words_is_counted_under_seed_and_shown_as_level():
    def of(decomposition):
        seed = decomposition.seed
        return {**estimates(decomposition), "level": seed.level.mean, "pattern": seed.pattern.mean}

    found = repeated(of, {WORD: 1.0, SEED: 0.5, "as": 0.7})
    truth = {**dict.fromkeys(TRUTH, 0.0), "word": 1.0, "seed": 1.2, "level": 0.7, "pattern": 0.5}
    assert {name: close(found[name], value) for name, value in truth.items()} == dict.fromkeys(truth, True), found


def test_centring_each_explanation_leaves_the_pattern_alone():
    rng = np.random.default_rng(4)
    texts = simulated(rng, {**ALL, "as": 3.0, "asq": 1.0})
    before = decompose(texts, np.random.default_rng(5), stochastic=True, scale=False)
    centred = [text - text.mean(axis=-1, keepdims=True) for text in texts]
    after = decompose(centred, np.random.default_rng(5), stochastic=True, scale=False)
    assert before.seed.level is not None
    assert before.seed.level.mean > 1
    assert (before.pattern_ratio, before.ratio) != (after.pattern_ratio, after.ratio)
    for ratio in (after.pattern_ratio, after.ratio):
        assert ratio is not None
        assert before.pattern_ratio is not None
        assert (ratio.mean, ratio.low, ratio.high) == pytest.approx(
            (before.pattern_ratio.mean, before.pattern_ratio.low, before.pattern_ratio.high)
        )
    for name in ("strategy", "seed", "quantizer", "estimator", *PARTS):
        ours, theirs = getattr(before, name).pattern, getattr(after, name).pattern
        assert (ours.mean, ours.low, ours.high) == pytest.approx((theirs.mean, theirs.low, theirs.high))


@pytest.mark.parametrize("noise", tiered(["asrw", "r", "rw", "arw", "qrw"], ("asrw", "r").__contains__))
def test_noise_that_networks_share_is_booked_under_the_estimator_alone(noise):
    # common random numbers: networks of a seed (or a strategy, a quantizer) err alike in a replicate
    found = repeated(estimates, {WORD: 1.0, SEED: 0.2, noise: 2.0}, replicates=3)
    truth = {**dict.fromkeys(TRUTH, 0.0), "word": 1.0, "seed": 0.2, "estimator": 2.0}
    assert {name: close(found[name], value) for name, value in truth.items()} == dict.fromkeys(truth, True), found


def test_one_replicate_books_the_noise_under_quantizer_and_says_so():
    rng = np.random.default_rng(6)
    texts = simulated(rng, {WORD: 1.0, SEED: 0.5, RESIDUAL: 0.3}, texts=40, replicates=1)
    decomposition = decompose(texts, rng, stochastic=True, scale=False, draws=2)
    assert decomposition.estimator is None
    assert decomposition.by_seed is not None
    assert decomposition.by_seed.variance.mean == pytest.approx(0.3, abs=0.03)
    assert decomposition.notes == (ONE_REPLICATE,)
    certain = decompose(texts, rng, stochastic=False, scale=False, draws=2)
    assert certain.estimator is not None
    assert certain.estimator.variance.mean == 0
    assert certain.notes == ()


def test_what_the_design_does_not_have_is_absent():
    rng = np.random.default_rng(7)
    one_strategy = decompose(simulated(rng, ALL, strategies=1), rng, stochastic=True)
    assert one_strategy.strategy is one_strategy.by_strategy is None
    assert None not in (one_strategy.quantizer, one_strategy.everywhere, one_strategy.by_seed, one_strategy.ratio)
    one_quantizer = decompose(simulated(rng, ALL, quantizers=1), rng, stochastic=True)
    assert one_quantizer.strategy is not None
    assert one_quantizer.quantizer is one_quantizer.everywhere is one_quantizer.by_strategy is None
    assert one_quantizer.by_seed is one_quantizer.ratio is None
    assert "only one quantizer" in answer(one_quantizer)


@pytest.mark.parametrize("shape", [{"strategies": 1}, {"quantizers": 1}, {"strategies": 1, "quantizers": 1}])
def test_what_there_is_one_of_is_booked_with_what_it_goes_with(shape):
    found = repeated(
        lambda each: {"word": each.word.variance.mean, "seed": each.seed.variance.mean}, ALL, texts=20, **shape
    )
    word = 1.0 + (0.3 if "strategies" in shape else 0.0) + (0.2 if "quantizers" in shape else 0.0)
    word += 0.1 if len(shape) == 2 else 0.0
    assert close(found["word"], word), found
    assert close(found["seed"], 0.5 + (0.15 if "quantizers" in shape else 0.0)), found


def test_shares_are_of_all_sources_and_add_up():
    rng = np.random.default_rng(8)
    decomposition = decompose(simulated(rng, {WORD: 1.0, SEED: 0.5}), rng, stochastic=True)
    shares = [getattr(decomposition, name).share for name in SOURCES]
    assert sum(shares) == pytest.approx(1.0)
    assert min(shares) >= 0
    assert min(estimates(decomposition).values()) < 0  # unclipped


def test_scaling_keeps_a_text_from_dominating():
    rng = np.random.default_rng(9)
    texts = simulated(rng, ALL, texts=6)
    loud = [texts[0] * 1000, *texts[1:]]
    once, again = (decompose(each, np.random.default_rng(1), stochastic=True) for each in (texts, loud))
    assert estimates(once) == pytest.approx(estimates(again))
    assert once.ratio is not None
    unscaled = decompose(loud, np.random.default_rng(1), stochastic=True, scale=False)
    alone = decompose(texts[:1], np.random.default_rng(1), stochastic=True, scale=False)
    assert unscaled.seed.share == pytest.approx(alone.seed.share, rel=1e-3)


def test_a_resample_of_few_seeds_takes_nothing_from_their_variance():
    rng = np.random.default_rng(19)
    variance = decompose(simulated(rng, {SEED: 1.0}, texts=60, seeds=5), rng, stochastic=True).seed.variance
    assert variance.low < variance.mean < variance.high
    assert variance.half < 0.15 * variance.mean  # with a fifth lost, the value would lie outside


@pytest.mark.long
@pytest.mark.parametrize("shared", [0.0, 1.0])
def test_intervals_cover(shared):
    # shared: an effect of a seed that is the same on all texts, so that more texts tell no more about it
    rng = np.random.default_rng(10)
    truth = {**TRUTH, "seed": 0.5 + shared}
    hits = {name: [] for name in (*truth, "ratio")}
    for _ in range(80):
        texts = simulated(rng, ALL, texts=20, seeds=10, shared=shared)
        decomposition = decompose(texts, rng, stochastic=True, scale=False)
        for name, value in truth.items():
            variance = getattr(decomposition, name).variance
            hits[name].append(variance.low <= value <= variance.high)
        ratio = decomposition.ratio
        assert ratio is not None
        hits["ratio"].append(ratio.low <= truth["quantizer"] / truth["seed"] <= ratio.high)
    assert {name: np.mean(each) >= 0.85 for name, each in hits.items()} == dict.fromkeys(hits, True), hits


@pytest.mark.parametrize(
    ("quantizer", "seed", "verdict"),
    [
        (0.02, 0.5, "Quantizing changes explanations less than reseeding does: "),
        (0.5, 0.02, "Quantizing changes explanations more than reseeding does: "),
        (0.3, 0.3, "Whether quantizing changes explanations more than reseeding does cannot be told: "),
    ],
)
def test_the_answer_follows_the_ratios_interval(quantizer, seed, verdict):
    rng = np.random.default_rng(11)
    texts = simulated(rng, {WORD: 1.0, SEED: seed, BY_SEED: quantizer}, replicates=1, seeds=8)
    decomposition = decompose(texts, rng, stochastic=False)
    said = answer(decomposition)
    assert said.startswith(verdict), said
    ratio = decomposition.ratio
    assert ratio is not None
    assert f"{ratio.mean:.2g} times" in said
    assert f"95% interval {ratio.low:.2g} to {ratio.high:.2g}" in said
    assert "Strategies 2, seeds of each 8, quantizers 3, texts 10" in said
    assert f"speak for {CROSSED}" in said


def test_few_seeds_give_no_answer_and_few_texts_one_for_these_texts():
    rng = np.random.default_rng(12)
    few_seeds = decompose(simulated(rng, ALL, seeds=4), rng, stochastic=True)
    assert np.isnan(few_seeds.seed.variance.low)
    assert few_seeds.ratio is not None
    assert few_seeds.ratio.method == FEW_SEEDS
    assert "cannot be told" in answer(few_seeds)
    assert FEW_SEEDS in answer(few_seeds)
    few_texts = decompose(simulated(rng, ALL, texts=2), rng, stochastic=True)
    assert few_texts.seed.variance.method == SEEDS_ONLY
    assert few_texts.seed.variance.low < few_texts.seed.variance.high
    assert "these texts only" in answer(few_texts)


def test_networks_that_all_agree_have_words_alone():
    rng = np.random.default_rng(13)
    texts = [text[:1, :1, :1, :1] + np.zeros((2, 6, 3, 1, 1)) for text in simulated(rng, {WORD: 1.0})]
    decomposition = decompose(texts, rng, stochastic=False)
    assert decomposition.word.share == 1
    assert (decomposition.seed.variance.low, decomposition.seed.variance.high) == pytest.approx((0, 0))
    assert decomposition.ratio is not None
    assert np.isnan(decomposition.ratio.mean)
    assert "cannot be told" in answer(decomposition)


def test_quantizers_without_any_effect_have_no_variance():
    rng = np.random.default_rng(14)
    texts = [np.repeat(text, 3, axis=2) for text in simulated(rng, {WORD: 1.0, SEED: 1.0}, quantizers=1, replicates=1)]
    decomposition = decompose(texts, rng, stochastic=False)
    assert decomposition.ratio is not None
    assert (decomposition.ratio.mean, decomposition.ratio.low, decomposition.ratio.high) == (0, 0, 0)
    assert "less than reseeding" in answer(decomposition)


def test_a_text_without_any_variance_is_not_blown_up():
    rng = np.random.default_rng(18)
    texts = [np.full((2, 6, 3, 1, 7), 0.1)] * 5  # whose mean is not 0.1 in floating point
    decomposition = decompose(texts, rng, stochastic=False)
    assert max(map(abs, estimates(decomposition).values())) < 1e-20


def test_an_incomplete_text_is_left_out_whole_and_said_to_be():
    rng = np.random.default_rng(15)
    texts = simulated(rng, ALL)
    broken = texts[3].copy()
    broken[0, 0, 0, 0, 0] = np.nan
    one_word = texts[4][..., :1]
    found = decompose([*texts, broken, one_word], np.random.default_rng(1), stochastic=True)
    assert found.notes == ("2 of 12 texts left out: fewer than two words, or a score missing",)
    assert replace(found, notes=()) == decompose(texts, np.random.default_rng(1), stochastic=True)


def test_texts_may_differ_in_words_and_not_in_networks():
    rng = np.random.default_rng(16)
    texts = [simulated(rng, ALL, texts=1, words=words)[0] for words in (2, 5, 30, 7, 9)]
    assert decompose(texts, rng, stochastic=True).seed.variance.texts == 5
    with pytest.raises(ValueError, match="differ in their networks"):
        decompose([*texts, texts[0][:, :5]], rng, stochastic=True)
    with pytest.raises(ValueError, match="two words"):
        decompose([], rng, stochastic=True)
    with pytest.raises(ValueError, match="at least 2 seeds"):
        decompose([text[:, :1] for text in texts], rng, stochastic=True)
