"""How likely the next network shows the same sign."""

import numpy as np
import pytest
from attrimark.statistics.next_seed import holds_on_next_seed
from scipy import stats


def table(seed=0, seeds=6, texts=40, by_seed=0.5, by_text=0.5, mean=0.5):
    rng = np.random.default_rng(seed)
    effects = by_seed * rng.standard_normal((seeds, 1)) + by_text * rng.standard_normal((1, texts))
    return mean + effects + rng.standard_normal((seeds, texts))


def test_where_only_seeds_differ_it_is_the_prediction_interval_of_student():
    means = np.random.default_rng(1).standard_normal(8) + 0.5
    values = np.tile(means[:, None], (1, 30))
    expected = stats.t.cdf(abs(means.mean()) / (means.std(ddof=1) * (1 + 1 / 8) ** 0.5), 7)
    assert holds_on_next_seed(values) == pytest.approx(expected)


def test_where_seeds_agree_only_the_average_is_unsure():
    texts = np.random.default_rng(2).standard_normal(30) + 0.3
    expected = stats.t.cdf(abs(texts.mean()) / stats.sem(texts), 4)  # 5 seeds are still only 5
    assert holds_on_next_seed(np.tile(texts, (5, 1))) == pytest.approx(expected)


def test_its_variance_is_the_textbook_one():
    values = table(3, seeds=7, texts=12, by_seed=1.0, by_text=1.0)
    grand, rows, columns = values.mean(), values.mean(axis=1), values.mean(axis=0)
    seed, text = 12 * rows.var(ddof=1), 7 * columns.var(ddof=1)
    residual = ((values - rows[:, None] - columns + grand) ** 2).sum() / 66
    assert min(seed, text) > residual
    component, of_mean = (seed - residual) / 12, (seed + text - residual) / 84
    combined = (8 * seed) ** 2 / 6 + text**2 / 11 + (8 * residual) ** 2 / 66
    freedom = min(6, (84 * (component + of_mean)) ** 2 / combined)
    expected = stats.t.cdf(abs(grand) / (component + of_mean) ** 0.5, freedom)
    assert holds_on_next_seed(values) == pytest.approx(expected)


def test_seeds_that_vary_more_make_it_less_sure():
    calm, wild = (np.mean([holds_on_next_seed(table(seed, by_seed=each)) for seed in range(40)]) for each in (0.1, 1.5))
    assert 0.5 < wild < calm < 1


def test_the_sign_and_the_unit_do_not_matter():
    values = table(4)
    assert holds_on_next_seed(-1000 * values) == pytest.approx(holds_on_next_seed(values))


@pytest.mark.parametrize(
    "values",
    [
        table(seeds=4),
        table(texts=1),
        np.full((6, 40), 0.25),
        np.zeros((6, 40)),
        np.tile([-1.0, 1.0], (6, 3)),
        np.full((6, 40), np.nan),
    ],
    ids=["four seeds", "one text", "all alike", "all zero", "average zero", "all missing"],
)
def test_where_nothing_can_be_foretold_nothing_is(values):
    assert holds_on_next_seed(values) is None


def test_an_incomplete_text_is_left_out():
    values = table(5)
    broken = values.copy()
    broken[1, 7] = np.inf
    assert holds_on_next_seed(broken) == holds_on_next_seed(np.delete(values, 7, axis=1))
