"""Seeds are equivalent by the paper's rule, or by a test that can show it."""

import numpy as np
import pytest
from attrimark.studies.stability.equivalence import Equivalence, Selection, equivalent, most_accurate, z
from scipy.stats import norm


def right(share, texts=1000):
    """Correct on the first texts, wrong on the others."""
    return np.arange(texts) < round(share * texts)


@pytest.mark.parametrize(("two_sample", "expected"), [(False, 3.227), (True, 2.282)])
def test_z_is_the_papers(two_sample, expected):
    assert z(0.97, 0.95, 1000, two_sample) == pytest.approx(expected, abs=5e-4)
    assert z(0.95, 0.97, 1000, two_sample) == z(0.97, 0.95, 1000, two_sample)
    assert z(0.97, 0.95, 1000) == pytest.approx(0.02 / (0.96 * 0.04 / 1000) ** 0.5)


@pytest.mark.parametrize(("two_sample", "worst"), [(False, 0.954), (True, 0.949)])
def test_the_worst_allowed_accuracy_is_the_papers(two_sample, worst):
    accuracies = {correct: correct / 1000 for correct in range(900, 967)}
    kept = most_accurate(accuracies, 1000, Equivalence(two_sample=two_sample)).seeds
    assert kept == tuple(range(966, round(1000 * worst) - 1, -1))


def test_proportions_without_variance_differ_by_nothing():
    assert z(1.0, 1.0, 10) == z(0.0, 0.0, 10) == 0.0


def test_z_grows_as_the_worst_accuracy_falls():
    grid = np.linspace(0, 1, 101)
    for best in grid[1:]:
        assert (np.diff([z(best, worst, 50) for worst in grid[grid <= best]]) < 0).all()


def test_as_many_as_are_equivalent_are_kept_and_most_keeps_the_first_of_them():
    accuracies = {3: 0.96, 1: 0.966, 2: 0.90, 0: 0.955}
    assert most_accurate(accuracies, 1000, Equivalence()) == Selection((1, 3, 0), z(0.966, 0.955, 1000))
    assert most_accurate(accuracies, 1000, Equivalence(most=2)) == Selection((1, 3), z(0.966, 0.96, 1000))


def test_a_tie_at_the_border_goes_to_the_smaller_seed():
    accuracies = {9: 0.95, 4: 0.95, 7: 0.95, 1: 0.96}
    assert most_accurate(accuracies, 100, Equivalence(most=3)).seeds == (1, 4, 7)
    assert most_accurate(accuracies, 100, Equivalence()).seeds == (1, 4, 7, 9)


def test_too_few_equivalent_seeds_are_returned_with_the_remedy():
    selection = most_accurate({0: 0.96, 1: 0.95, 2: 0.5}, 1000, Equivalence(most=3))
    assert selection.seeds == (0, 1)
    assert selection.shortfall is not None
    assert selection.shortfall.startswith("3 equivalent seeds are needed, but of 3 seeds 2")
    assert "more seeds" in selection.shortfall
    assert most_accurate({0: 0.96, 1: 0.5}, 1000, Equivalence()).shortfall is not None  # one seed has no spread
    assert most_accurate({0: 0.96, 1: 0.5}, 1000, Equivalence(most=1)).shortfall is None


@pytest.mark.parametrize("margin", [None, 0.02])
def test_seeds_and_texts_without_gold_labels_are_left_out(margin):
    unjudged = np.full(500, np.nan)
    gold = {seed: np.append(right(0.9, 400) * 1.0, np.full(100, np.nan)) for seed in range(3)}
    rule = Equivalence(margin=margin)
    kept = {seed: right(0.9, 400) for seed in range(3)}
    assert equivalent({**gold, 3: unjudged}, rule) == equivalent(kept, rule)
    assert equivalent({**gold, 3: unjudged}, rule).seeds == (0, 1, 2)
    nothing = equivalent({0: unjudged, 1: unjudged}, rule)
    assert nothing.seeds == ()
    assert np.isnan(nothing.z)
    assert "gold labels" in str(nothing.shortfall)
    assert "gold labels" in str(equivalent({}, rule).shortfall)
    assert most_accurate({0: 0.9, 1: np.nan}, 100, Equivalence(most=1)).seeds == (0,)


def test_correctness_per_text_gives_the_same_seeds_as_accuracy():
    shares = {0: 0.95, 1: 0.97, 2: 0.92, 3: 0.966}
    by_text = equivalent({seed: right(share) for seed, share in shares.items()}, Equivalence())
    assert by_text == most_accurate(shares, 1000, Equivalence())


def test_correctness_is_right_or_wrong():
    with pytest.raises(ValueError, match="right on a text"):
        equivalent({0: np.full(10, 0.7), 1: np.ones(10)}, Equivalence())


@pytest.mark.parametrize("margin", [0.0, 1.0, -0.1])
def test_a_margin_is_a_difference_of_accuracy(margin):
    with pytest.raises(ValueError, match="between 0 and 1"):
        Equivalence(margin=margin)


def disagreeing(rng, texts, gained, lost):
    """A reference with accuracy 0.9, and a seed that is right on some texts more and wrong on others."""
    draw = rng.random(texts)
    reference = draw < 0.9
    ours = np.where(draw < lost, False, np.where(draw > 1 - gained, True, reference))
    return {0: reference, 1: ours}


def test_the_margins_test_is_the_likelihoods_score_test():
    texts, gained, lost, margin = 300, 4, 7, 0.05
    reference = np.arange(texts) < 250
    ours = reference.copy()
    ours[:lost], ours[-gained:] = False, True

    def p_value(gained, lost):
        def surprise(q):  # of the counts, where a share q is lost and q − margin gained
            agreed = texts - gained - lost
            return -(gained * np.log(q - margin) + lost * np.log(q) + agreed * np.log(1 - 2 * q + margin))

        grid = np.linspace(margin, (1 + margin) / 2, 1_000_001)[1:-1]
        q = grid[surprise(grid).argmin()]
        return float(norm.sf(((gained - lost) / texts + margin) / np.sqrt((2 * q - margin - margin**2) / texts)))

    p = max(p_value(gained, lost), p_value(lost, gained))
    # the median of two seeds is the less accurate one; the other one is kept from this error on
    for error, kept in ((p * 0.999, 1), (p * 1.001, 2)):
        assert len(equivalent({0: reference, 1: ours}, Equivalence(margin=margin, error=error)).seeds) == kept


def test_a_seed_at_the_margin_is_rarely_kept():
    rng = np.random.default_rng(0)
    rule = Equivalence(margin=0.03)
    kept = [len(equivalent(disagreeing(rng, 1000, 0.01, 0.04), rule).seeds) == 2 for _ in range(1000)]
    assert np.mean(kept) <= 0.05 + 2 * (0.05 * 0.95 / 1000) ** 0.5


def test_a_seed_as_good_as_the_median_is_kept_if_texts_are_many():
    rng = np.random.default_rng(1)
    rule = Equivalence(margin=0.03)
    kept = {
        texts: np.mean([len(equivalent(disagreeing(rng, texts, 0.02, 0.02), rule).seeds) == 2 for _ in range(300)])
        for texts in (100, 1000)
    }
    assert kept[100] < 0.5
    assert kept[1000] > 0.95


def test_agreeing_on_few_texts_shows_nothing_although_z_is_zero():
    few = {seed: right(0.9, 30) for seed in range(4)}
    assert equivalent(few, Equivalence()).seeds == (0, 1, 2, 3)
    selection = equivalent(few, Equivalence(margin=0.02))
    assert selection.seeds == (2,)
    assert "more validation texts" in str(selection.shortfall)


def test_no_wrong_seed_is_kept_however_many_there_are():
    # every second seed is at the margin, on texts of its own; the chance that any of them is kept stays at 5 %
    rng, wrong = np.random.default_rng(2), []
    for _ in range(300):
        hard = rng.random((21, 1000))
        correct = {seed: hard[seed] < (0.95 if seed % 2 else 0.90) for seed in range(20)}
        correct |= {seed: hard[seed % 20] < 0.95 for seed in range(20, 32)}
        kept = equivalent(correct, Equivalence(margin=0.05)).seeds
        wrong.append(any(seed < 20 and seed % 2 == 0 for seed in kept))
    assert np.mean(wrong) <= 0.05 + 2 * (0.05 * 0.95 / 300) ** 0.5


def test_the_most_accurate_of_the_equivalent_are_kept():
    correct = {0: right(0.950), 1: right(0.952), 2: right(0.951), 3: right(0.99), 4: right(0.949)}
    selection = equivalent(correct, Equivalence(margin=0.02, most=2))
    assert selection == Selection((1, 2), z(0.952, 0.951, 1000))  # the best seed is no more equivalent than a bad one
    short = equivalent(correct, Equivalence(margin=0.02, most=5))
    assert short.seeds == (1, 2, 0, 4)
    assert "within 0.02 of the median seed's accuracy" in str(short.shortfall)
