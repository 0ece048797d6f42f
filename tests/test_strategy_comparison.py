"""Strategies, quantizers and models compared end to end, on stored results whose truth is planted."""

from __future__ import annotations

import json
import xml.etree.ElementTree
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from attrimark.cli import main
from attrimark.document.figures import save_drawings
from attrimark.document.section import drawings_of
from attrimark.results.bundle import write_bundle
from attrimark.results.results import Results
from attrimark.results.store import Store
from attrimark.studies.comparisons.comparison import findings
from attrimark.studies.comparisons.factors import factors, trained_and_stored
from attrimark.studies.comparisons.networks import networks
from attrimark.studies.comparisons.sections import section_of, sections
from attrimark.studies.comparisons.tables import as_json
from attrimark.suite.matrix import Cell, cells_of, variants_of
from attrimark.suite.reading.suites import ConfigError, read_suite
from attrimark_registry import (
    Attribution,
    AttrimarkError,
    Measure,
    ModelMetric,
    Record,
    SpanMetric,
    Target,
    features_of,
    load_catalog,
)

from tests.references.written import rendered


def as_text(found, form="table"):
    return rendered([section_of(found)], form)


CATALOG = load_catalog()
SHARED = """
[suites.made]
datasets = [{ name = "planted", train = 16, validation = 4, test = 12 }]
seeds = 6
target = "gold"
methods = ["leave-one-out", "gradient"]
metrics = ["focus-entropy", "average-precision", "lexicon-agreement", "accuracy", "parameters", "sufficiency"]
explain = 10
models = [{ name = "tiny-encoder", width = 8, heads = 2 }]
strategies = ["full", "lora", "qlora"]
"""
BY_STRATEGY = """
[[suites.made.comparisons]]
over = "strategy"
metrics = ["focus-entropy", "average-precision", "accuracy"]

[[suites.made.comparisons.claims]]
says = "Full fine-tuning is more focused than LoRA"
metric = "focus-entropy"
level = "full"
than = "lora"
expect = "lower"

[[suites.made.comparisons.claims]]
says = "QLoRA is more focused than LoRA"
metric = "focus-entropy"
level = "qlora"
than = "lora"
expect = "lower"

[[suites.made.comparisons.claims]]
says = "Full fine-tuning attributes differently"
level = "lora"
than = "full"
expect = "different"
"""
BY_QUANTIZER = """
[[suites.made.comparisons]]
over = "quantizer"
metrics = ["focus-entropy"]
method = "leave-one-out"
"""
BY_MODEL = """
[[suites.made.comparisons]]
over = "model"
against = "parameters"
metrics = ["accuracy", "focus-entropy"]
method = "leave-one-out"

[[suites.made.comparisons.claims]]
says = "Larger models are better"
metric = "accuracy"
expect = "rising"
"""
MATRICES = """
[[suites.made.matrix]]
quantizers = ["none", { name = "nf4", backend = "fake" }]

[[suites.made.matrix]]
models = [{ name = "tiny-encoder", width = 16, heads = 2 }, { name = "tiny-encoder", width = 64, heads = 2 }]
strategies = ["full"]
"""
SUITE = SHARED + BY_STRATEGY + BY_QUANTIZER + BY_MODEL + MATRICES


@pytest.fixture(scope="module")
def suite_of(tmp_path_factory):
    def read(text: str):
        path = tmp_path_factory.mktemp("suites") / "benchmarks.toml"
        path.write_text(text)
        return read_suite(path, "made", CATALOG), path

    return read


def planted(
    cell: Cell, missing: frozenset[int] = frozenset(), written: Mapping[str, int] | None = None
) -> tuple[Record, tuple[Attribution, ...]]:
    """A cell's outcome made up: full fine-tuning puts more on one word, larger models are right more often.

    Args:
        missing: places of texts of which average precision says nothing.
        written: for each strategy, how many tokens its networks write at least; they decide between labels without.
    """
    variant = cell.variant
    training, stored = trained_and_stored(variant.chain)
    key = [str(variant.model), str(training), variant.seed]
    rng = np.random.default_rng(zlib.crc32(repr(key).encode()))  # quantizers share their seed's network
    measures: list[Measure] = []
    if cell.method is None:
        right = 0.4 + 0.005 * variant.model.model_dump()["width"] + 0.02 * rng.random()
        for digest, metric in cell.judgements.items():
            assert isinstance(metric, ModelMetric)
            if metric.name == "parameters":
                measures.append(Measure(digest, "", "", 1000.0 * variant.model.model_dump()["width"]))
            else:
                measures += [Measure(digest, each.id, "", right) for each in variant.examples]
        return Record(cell.id, cell.specs, "ok", measures=tuple(measures)), ()
    made = []
    tokens = (written or {}).get(training[-1].name, 0)
    tokens += int(rng.integers(3)) if written else 0
    sharpness = {"full": 4.0, "lora": 1.0, "qlora": 1.0}[training[-1].name]
    for place, example in enumerate(variant.examples):
        features = features_of(example.segments, "word")
        scores = 0.3 * rng.random(len(features)) + 0.01 * len(stored) + 0.1
        scores[place % len(features)] += sharpness * (1 + 0.3 * rng.random())
        asked = cell.method.name == "leave-one-out"
        made.append(
            Attribution(
                example,
                features,
                np.asarray(scores, dtype=np.float32),
                Target((0,), tuple(range(tokens))),
                example.label or "",
                value_full=float(rng.normal()) if asked else None,
            )
        )
    for digest, metric in cell.judgements.items():
        if isinstance(metric, SpanMetric):
            for place, each in enumerate(made):
                silent = metric.name == "average-precision" and place in missing
                value = None if silent else metric.compare(each, each.example)
                measures.append(Measure(digest, each.example.id, "", value))
    return Record(cell.id, cell.specs, "ok", measures=tuple(measures)), tuple(made)


def filled(
    suite,
    folder: Path,
    leave_out=lambda cell: False,
    missing: frozenset[int] = frozenset(),
    written: Mapping[str, int] | None = None,
) -> Store:
    store = Store(folder)
    for cell in cells_of(suite):
        if leave_out(cell):
            continue
        record, made = planted(cell, missing, written)
        bundle = store.adopt(write_bundle(made, store.spool)) if made else None
        store.save(Record(**{**vars(record), "bundle": bundle}))
    return store


@pytest.fixture(scope="module")
def ran(suite_of, tmp_path_factory):
    suite, path = suite_of(SUITE)
    return suite, filled(suite, tmp_path_factory.mktemp("store"), missing=frozenset({2, 5})), path


@pytest.fixture(scope="module")
def found(ran):
    return findings(Results(*ran[:2]))


def of(found, over, method, metric):
    first = next(each for each in found if each.over == over)
    return next(each for each in first.compared if (each.method, each.metric) == (method, metric))


# What is compared with what


def test_factors_hold_all_else_equal(ran):
    suite, *_ = ran
    variants = [each for matrix in suite.matrices for each in variants_of(matrix)]
    by_strategy = factors(variants, "strategy")
    assert len(by_strategy) == 2
    assert all(list(each.levels) == ["full", "lora", "qlora"] for each in by_strategy)
    by_quantizer = factors(variants, "quantizer")
    assert [list(each.levels) for each in by_quantizer] == [["none", "nf4"]] * 3
    by_model = factors(variants, "model")
    assert [list(each.levels) for each in by_model] == [
        [f"tiny-encoder(width={width}, heads=2)" for width in (8, 16, 64)]
    ]
    for factor in (*by_strategy, *by_quantizer, *by_model):
        assert all([each.seed for each in level] == list(range(6)) for level in factor.levels.values())
        assert len({(each.dataset, each.target) for level in factor.levels.values() for each in level}) == 1
    assert by_strategy[1].held.endswith("width=8, heads=2) × nf4(backend=fake)")


def test_quantizers_before_training_belong_to_the_strategy():
    nf4 = CATALOG.make("quantizer", "nf4")
    lora = CATALOG.make("strategy", "lora")
    assert trained_and_stored((nf4, lora, nf4)) == ((nf4, lora), (nf4,))
    assert trained_and_stored((nf4,)) == ((), (nf4,))
    assert trained_and_stored(()) == ((), ())


def test_networks_have_what_is_stored_of_them(ran):
    suite, store, _ = ran
    cells = cells_of(suite)
    known = networks(Results(suite, store))
    assert len(known) == (3 * 2 + 2) * 6
    first = next(iter(known.values()))
    cell = next(each for each in cells if each.variant == first.variant and each.method is not None)
    record = store.records([cell.id])[cell.id]
    digest = next(digest for digest, metric in cell.judgements.items() if metric.name == "focus-entropy")
    stored = {each.example: each.value for each in record.measures if each.metric == digest}
    assert first.judged["leave-one-out", "focus-entropy"] == stored
    # the gradient asks for no value, and explains the same log-odds
    for text, each in first.explanations["gradient"].items():
        assert each.value == first.explanations["leave-one-out"][text].value is not None


# What is found


def test_a_planted_difference_is_found_over_networks_and_over_texts(found):
    focus = of(found, "strategy", "leave-one-out", "focus-entropy")
    assert {name: each.seeds for name, each in focus.means.items()} == {"full": 6, "lora": 6, "qlora": 6}
    contrasts = {(each.first, each.second): each for each in focus.over_networks.contrasts}
    full, none = contrasts["full", "lora"], contrasts["lora", "qlora"]
    assert full.holm <= 0.05
    assert full.mean == pytest.approx(focus.means["full"].mean - focus.means["lora"].mean)
    assert full.high < 0
    assert none.holm > 0.05
    assert focus.over_networks.p < 0.01
    assert focus.over_texts.contrasts[0].holm <= 0.05
    assert focus.adjusted.contrasts[0].holm <= 0.05


def test_texts_without_a_value_are_left_out_and_counted(found):
    column = of(found, "strategy", "leave-one-out", "average-precision")
    assert (column.texts, column.left_out) == (8, 2)
    assert "8 of 10 texts" in as_text(found[0])


def test_distances_are_of_the_stored_explanations(found):
    apart = next(each for each in found[0].apart if each.method == "leave-one-out")
    assert (apart.distances.texts, apart.left_out, apart.same_target) == (10, 0, 10)
    table = np.array(apart.distances.table)
    assert table[0, 1] > table[1, 2] > 0
    assert np.allclose(table, table.T)
    excesses = {(each.first, each.second): each for each in apart.distances.excesses}
    assert excesses["full", "lora"].holm_networks <= 0.05
    assert excesses["lora", "qlora"].holm_networks > 0.05


def test_quantizers_are_paired_with_their_seed(found):
    quantized = next(each for each in found if each.over == "quantizer")
    assert quantized.networks == {"none": 6, "nf4": 6}
    (focus,) = quantized.compared
    assert focus.over_networks.contrasts[0].p == 2 / 2**6  # every seed moves the same way, however little
    apart = quantized.apart[0].distances
    assert apart.same_seed[0][1] < apart.table[0][0]


def test_trends_are_against_the_size_of_models(found):
    (trends,) = [each for each in found if each.over == "model"]
    accuracy = next(each for each in trends.compared if each.metric == "accuracy")
    assert list(accuracy.trend.sizes.values()) == [8000, 16000, 64000]
    assert accuracy.trend.over_networks[0] > 0
    assert accuracy.over_networks is None
    assert not trends.apart


def test_claims_are_judged_by_the_rule_that_was_written_down(found):
    by_claim = {(each.claim.says, each.method): each for each in found[0].judged}
    full = by_claim["Full fine-tuning is more focused than LoRA", "gradient"]
    assert full.verdict == "holds"
    assert full.high < 0
    assert by_claim["QLoRA is more focused than LoRA", "leave-one-out"].verdict == "cannot be told"
    different = by_claim["Full fine-tuning attributes differently", "leave-one-out"]
    assert (different.verdict, different.metric) == ("holds", "distance")
    rising = next(each for each in found if each.over == "model").judged
    assert [(each.metric, each.verdict) for each in rising] == [("accuracy", "holds")]


def test_a_metric_is_meant_as_tables_show_it_and_else_by_its_name(suite_of, tmp_path):
    both = 'metrics = ["focus-top-mass", { name = "focus-top-mass", ratio = 0.3 }]\nexplain'
    text = SHARED.replace("\nexplain", f"\n{both}", 1).replace('metrics = ["focus-entropy", "average', '# "', 1)
    asked = """
[[suites.made.comparisons]]
over = "strategy"
method = "gradient"
metrics = ["focus-top-mass"]
"""
    claim = """
[[suites.made.comparisons.claims]]
says = "so"
metric = "focus-top-mass"
level = "full"
than = "lora"
expect = "higher"
"""
    suite, _ = suite_of(text + asked + claim)
    (found,) = findings(Results(suite, filled(suite, tmp_path / "both")))
    assert [each.metric for each in found.compared] == ["focus-top-mass", "focus-top-mass(ratio=0.3)"]
    assert [each.metric for each in found.judged] == ["focus-top-mass"]
    only = text.replace('"focus-top-mass", {', '{ name = "focus-top-mass", ratio = 0.2 }, {')
    suite, _ = suite_of(only + asked + claim)
    (found,) = findings(Results(suite, filled(suite, tmp_path / "only")))
    assert [each.metric for each in found.judged] == ["focus-top-mass(ratio=0.2)", "focus-top-mass(ratio=0.3)"]


def test_few_networks_are_refused_and_the_rest_is_told(suite_of, tmp_path):
    suite, _ = suite_of((SHARED + BY_STRATEGY).replace("seeds = 6", "seeds = 4"))
    first, *_ = findings(Results(suite, filled(suite, tmp_path)))
    focus = next(each for each in first.compared if (each.method, each.metric) == ("leave-one-out", "focus-entropy"))
    assert "needs 5 networks" in focus.over_networks
    assert focus.over_texts.contrasts[0].p < 0.05
    assert all(each.p_networks is None for each in first.apart[0].distances.excesses)
    assert {each.verdict for each in first.judged} == {"cannot be told"}
    text = as_text(first).replace("\n  ", " ")
    assert "no claim: a claim needs 5 networks" in text
    assert "these checkpoints only" in text


def test_what_is_missing_is_named(suite_of, tmp_path):
    matrix = MATRICES.partition("\n\n")[0]
    suite, _ = suite_of(SHARED + BY_STRATEGY + BY_QUANTIZER + matrix)

    def left_out(cell: Cell) -> bool:
        last = cell.variant.chain[0].name
        return (last == "lora" and cell.variant.seed == 3) or (last == "qlora" and cell.method is not None)

    first, *rest = findings(Results(suite, filled(suite, tmp_path, left_out)))
    assert first.networks == {"full": 6, "lora": 5, "qlora": 6}
    focus = next(each for each in first.compared if (each.method, each.metric) == ("gradient", "focus-entropy"))
    assert list(focus.means) == ["full", "lora"]
    assert "lora: 5 of 6 networks are compared; of the others something is missing" in first.notes
    assert "qlora, seed 0: gradient: no result yet" in first.notes
    quantized = [each for each in rest if each.over == "quantizer"]
    assert quantized[1].networks == {"none": 5, "nf4": 5}
    assert not quantized[2].compared


def test_a_claim_about_a_level_without_networks_cannot_be_told_and_says_why(suite_of, tmp_path):
    suite, _ = suite_of(SHARED + BY_STRATEGY)
    store = filled(suite, tmp_path, lambda cell: cell.variant.chain[-1].name == "full")
    (first,) = findings(Results(suite, store))
    assert first.networks == {"lora": 6, "qlora": 6}
    gone = [each for each in first.judged if "Full" in each.claim.says]
    assert {each.claim.says for each in gone} == {
        "Full fine-tuning is more focused than LoRA",
        "Full fine-tuning attributes differently",
    }
    for each in gone:
        assert (each.verdict, each.p) == ("cannot be told", None)
        assert np.isnan(each.found)
    text = as_text(first).replace("\n  ", " ")
    assert "Cannot be told: focus-entropy of full − lora: no network of full has a value; expected lower" in text
    # and the others are told as ever
    assert {each.verdict for each in first.judged if each.claim.level == "qlora"} == {"cannot be told"}
    assert all(each.reason is None and each.p is not None for each in first.judged if each.claim.level == "qlora")


def test_no_claim_vanishes_where_one_level_alone_has_networks(suite_of, tmp_path):
    suite, _ = suite_of(SHARED + BY_STRATEGY + BY_MODEL + MATRICES)
    store = filled(suite, tmp_path, lambda cell: "width=16" not in str(cell.variant.model))
    for each in findings(Results(suite, store)):
        claims = next(asked.claims for asked in suite.asks["comparisons"] if asked.over == each.over)
        assert {judged.claim for judged in each.judged} == set(claims)
        assert {judged.verdict for judged in each.judged} == {"cannot be told"}
        assert all(judged.reason for judged in each.judged)


@pytest.mark.long
def test_claims_about_trends_are_judged_together(suite_of, tmp_path):
    second = BY_MODEL.split("\n\n")[1].replace("accuracy", "focus-entropy").replace("rising", "falling")
    suite, _ = suite_of(SHARED + BY_MODEL + second + MATRICES)
    (found,) = findings(Results(suite, filled(suite, tmp_path)))
    accuracy, focus = found.judged
    trends = {each.metric: each.trend.p_networks for each in found.compared}
    assert accuracy.p == pytest.approx(2 * trends["accuracy"])  # the smaller of two, by Holm
    assert focus.p == max(trends["focus-entropy"], accuracy.p)
    assert (accuracy.verdict, focus.verdict) == ("holds", "cannot be told")
    assert "by Holm over networks, expected rising" in as_text(found).replace("\n  ", " ")


@pytest.mark.long
def test_length_is_that_of_the_text_written_where_networks_write_differently(suite_of, tmp_path):
    suite, _ = suite_of(SHARED + BY_STRATEGY)
    (alike,) = findings(Results(suite, filled(suite, tmp_path / "labels")))
    focus = next(each for each in alike.compared if each.metric == "focus-entropy")
    assert focus.adjusted.covariates == ("explained value",)
    assert focus.adjusted.alike == ("number of features", "number of tokens written")
    written = {"full": 4, "lora": 5, "qlora": 12}
    (found,) = findings(Results(suite, filled(suite, tmp_path / "texts", written=written)))
    focus = next(each for each in found.compared if each.metric == "focus-entropy")
    assert focus.adjusted.covariates == ("explained value", "number of tokens written")
    by_pair = {(each.first, each.second): each for each in focus.adjusted.contrasts}
    assert by_pair["full", "lora"].p is not None
    assert by_pair["lora", "qlora"].p is None  # no network of one writes as much as any of the other
    text = as_text(found).replace("\n  ", " ")
    assert "between networks of like explained value and number of tokens written" in text
    assert "lora and qlora have hardly any networks of like" in text
    assert "Alike in all networks, and adjusting nothing: number of features." in text


def test_without_an_explained_value_nothing_is_adjusted(suite_of, tmp_path):
    suite, _ = suite_of((SHARED + BY_STRATEGY).replace('["leave-one-out", "gradient"]', '["gradient"]'))
    first, *_ = findings(Results(suite, filled(suite, tmp_path)))
    focus = next(each for each in first.compared if each.metric == "focus-entropy")
    assert focus.adjusted == (
        "not adjusted: no method of this reading asked for the explained value, as leave-one-out does"
    )
    assert "not adjusted" in as_text(first)


# What is printed and drawn


@pytest.mark.parametrize("format", ["table", "markdown"])
def test_all_of_it_is_in_the_text(found, format):
    text = "\n\n".join(as_text(each, format) for each in found)
    for expected in (
        "full − lora, focus-entropy",
        "Jensen–Shannon",
        "of the same seed",
        "these checkpoints only",
        "Kendall's W",
        "Predicted: Full fine-tuning is more focused than LoRA",
        "doubling of parameters",
        "over quantizers",
    ):
        assert expected in text.replace("\n  ", " "), expected
    if format == "table":
        assert max(map(len, text.splitlines())) <= 100


def test_json_holds_plain_data(found):
    told = json.loads(json.dumps([as_json(each) for each in found], allow_nan=False))
    assert told[0]["over"] == "strategy"
    assert told[0]["judged"][0]["claim"]["says"] == "Full fine-tuning is more focused than LoRA"
    assert told[0]["apart"][0]["distances"]["table"][0][1] > 0


@pytest.mark.long
def test_figures_are_drawn_and_drawn_again_alike(found, tmp_path):
    over_models = next(each for each in found if each.over == "model")
    one_method = replace(found[0], compared=found[0].compared[:1], apart=found[0].apart[:1])
    first, again = (
        save_drawings(drawings_of(sections([one_method, over_models])), tmp_path / name) for name in ("first", "again")
    )
    # metrics and distances of one method; trends of the model and of one method
    assert len(first) == 2 * (1 + 1 + 2)
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes()
    drawn = next(path for path in first if path.name == "1-strategy-leave-one-out-distances.svg")
    text = "".join(xml.etree.ElementTree.parse(drawn).getroot().itertext())
    between = found[0].apart[0].distances.table[0][1]
    assert f"{between:.2f}" in text
    assert all(name in text for name in ("full", "lora", "qlora"))


@pytest.mark.long
def test_the_command_prints_and_draws(ran, suite_of, capsys, tmp_path):
    _, store, _ = ran
    _, path = suite_of(SHARED + BY_MODEL + MATRICES)  # other questions of the same cells
    for extra in (["--json"], ["--figures", str(tmp_path / "f")]):
        with pytest.raises(SystemExit) as ended:
            main(["strategies", "made", "-c", str(path), "--store", str(store.folder), *extra])
        assert ended.value.code == 0
        printed = capsys.readouterr()
        assert json.loads(printed.out) if extra == ["--json"] else "over models" in printed.out
    assert "4 figures" in printed.err


def test_a_suite_without_comparisons_and_an_empty_store_are_told_apart(ran, suite_of, tmp_path):
    suite, *_ = ran
    with pytest.raises(AttrimarkError, match="run the suite first"):
        findings(Results(suite, Store(tmp_path / "empty")))
    plain, _ = suite_of(SHARED)
    with pytest.raises(AttrimarkError, match=r"\[\[suites.made.comparisons\]\]"):
        findings(Results(plain, Store(tmp_path / "empty")))


# What is wrong is said before anything runs


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('metrics = ["focus-entropy"]', 'metrics = ["focus-entrpy"]',
         'comparisons[1].metrics[0]: "focus-entrpy" is not in this suite'),
        ('metrics = ["focus-entropy"]', 'metrics = ["sufficiency"]',
         'comparisons[1].metrics[0]: networks are not compared by "sufficiency"'),
        ('against = "parameters"', 'against = "focus-entropy"', 'comparisons[2].against: "focus-entropy" is not'),
        ('against = "parameters"\n', "", '"rising" needs to know against what'),
        ('over = "quantizer"', 'over = "quantiser"', "comparisons[1].over: must be"),
        ('over = "quantizer"', 'over = "quantizer"\nagainst = "parameters"', "only models stand in an order"),
        ('than = "lora"', 'than = "lore"', 'claims[0].than: "lore" is not in this suite (there are: full'),
        ('expect = "rising"', 'expect = "rising"\nlevel = "full"', '"rising" speaks of a metric over all models'),
        ('quantizers = ["none", { name = "nf4", backend = "fake" }]', 'quantizers = ["none"]',
         "comparisons[1].over: no two networks of this suite differ in their quantizer alone"),
    ],
)  # fmt: skip
def test_comparisons_that_cannot_be_made_are_refused(suite_of, before, after, told):
    assert before in SUITE
    with pytest.raises(ConfigError) as error:
        suite_of(SUITE.replace(before, after, 1))
    assert told in str(error.value)


def test_the_example_of_the_documentation_is_a_suite(suite_of):
    documented = (Path(__file__).parents[1] / "docs" / "strategies.md").read_text().split("```toml")[1].split("```")[0]
    suite, _ = suite_of(documented.replace("suites.mine", "suites.made"))
    assert suite.asks["comparisons"][0].claims[0].expect == "lower"


# A whole run


@pytest.mark.long
def test_a_run_compares_strategies_at_its_end(suite_of, tmp_path, capsys):
    text = """
[suites.made]
datasets = [{ name = "planted", train = 16, validation = 4, test = 6 }]
models = [{ name = "tiny-encoder", layers = 1, width = 8, heads = 2 }]
strategies = [{ name = "frozen", epochs = 1 }, { name = "full", epochs = 1 }]
seeds = 5
methods = ["leave-one-out"]
metrics = ["focus-entropy", "focus-gini", "focus-top-mass", "effective-features", "accuracy", "parameters"]
explain = 4

[[suites.made.comparisons]]
over = "strategy"
metrics = ["focus-entropy", "focus-gini", "focus-top-mass", "effective-features", "accuracy"]
"""
    suite, path = suite_of(text)
    with pytest.raises(SystemExit) as ended:
        main(["run", "made", "-c", str(path), "--store", str(tmp_path / "store"), "--quiet"])
    assert ended.value.code == 0
    assert "over strategies" in capsys.readouterr().out
    assert list((tmp_path / "store" / "figures" / "made").glob("*distances.svg"))
    with Store(tmp_path / "store") as store:
        (found,) = findings(Results(suite, store))
    assert found.networks == {"frozen": 5, "full": 5}
    assert [(each.metric, each.method) for each in found.compared] == [
        ("focus-entropy", "leave-one-out"),
        ("focus-gini", "leave-one-out"),
        ("focus-top-mass", "leave-one-out"),
        ("effective-features", "leave-one-out"),
        ("accuracy", None),
    ]
    for each in found.compared:
        assert each.texts == 4
        assert each.over_networks.least == 2 / 252
    assert [each.method for each in found.apart] == ["leave-one-out"]
