"""What a suite calls things (`as = "my-model"`) is what every table, figure and answer calls them; no number moves."""

from __future__ import annotations

import re
import shutil
import tarfile
from pathlib import Path

import pytest
from attrimark.cli import main
from attrimark.document.titles import fitted, set_panel_title, set_title
from attrimark.run.job import Job, Task, from_json, to_json
from attrimark.suite.matrix import _loaded, cells_of
from attrimark.suite.names import cell_name
from attrimark.suite.reading.suites import ConfigError, read_suite
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.models.hub_classifier import HubClassifier
from attrimark_plugins.strategies.full import Full
from attrimark_registry.catalog import load_catalog
from attrimark_registry.spelling import LONGEST
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from tests.test_golden import GOLDEN

# what the golden suites name, and what it is called here
CALLED = {
    'name = "text-file"': "the films",
    'name = "planted"': "found words",
    'name = "tiny-encoder", layers = 1, width = 16, heads = 2': "small encoder",
    'name = "tiny-encoder", width = 8': "eight",
    'name = "tiny-encoder", width = 16': "sixteen",
    'name = "tiny-encoder", width = 32': "thirty-two",
    'name = "tiny-causal"': "decoder",
    'name = "frozen"': "head only",
    'name = "full"': "whole",
    'name = "lora"': "low rank",
    'name = "nf4"': "four bits",
    'name = "leave-one-out", reading = "logit"': "LOO of logits",
    'name = "shapley-sampling"': "Shapley",
    'name = "comprehensiveness"': "comp at half",
    'name = "noise"': "wobble",
    'name = "accuracy"': "share of right answers",
}
# how other keys of the suites refer to them
REFERRED = {
    'method = "leave-one-out(reading=logit)"': 'method = "LOO of logits"',
    'metric = "noise"': 'metric = "wobble"',
    'chain = "frozen"': 'chain = "head only"',
    'than = "full"': 'than = "whole"',
    'level = "full"': 'level = "whole"',
    'than = "lora"': 'than = "low rank"',
    'level = "lora"': 'level = "low rank"',
}
WRITTEN = ("tiny-encoder", "tiny-causal", "text-file", "planted(", "reading=logit", "ratio=0.5", "debiased", "first=10")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The golden suites, in which everything of a long name has another, and the same stored results."""
    made = tmp_path_factory.mktemp("names")
    _loaded.cache_clear()
    shutil.copy(GOLDEN / "films.csv", made)
    text = (GOLDEN / "benchmarks.toml").read_text()
    for plugin, name in CALLED.items():
        text = re.sub(rf"{{ {re.escape(plugin)}(?=[, ])", f'{{ as = "{name}", {plugin}', text)
    for written, meant in REFERRED.items():
        text = text.replace(written, meant)
    (made / "benchmarks.toml").write_text(text)
    with tarfile.open(GOLDEN / "store.tar.gz") as archive:
        archive.extractall(made, filter="data")
    yield made
    _loaded.cache_clear()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (
            "leaderboard films --details",
            ["the films × small encoder × whole", "decoder", "LOO of logits", "comp at half"],
        ),
        pytest.param("leaderboard films --format json", ["the films", "small encoder"], marks=pytest.mark.long),
        pytest.param(
            "leaderboard films --format latex",
            [r"the films $\times$ small encoder $\times$ whole"],
            marks=pytest.mark.long,
        ),
        (["leaderboard", "films", "--metric", "comp at half", "--format", "csv"], ["comp at half", "LOO of logits"]),
        pytest.param(
            "leaderboard films --across ranks", ["small encoder × whole", "WEAK MODEL"], marks=pytest.mark.long
        ),
        ("stability seeds", ["found words × small encoder", "head only", "LOO of logits", "wobble of head only"]),
        ("stability seeds --format json", ["LOO of logits", "share of right answers"]),
        pytest.param("compare again seeds", ["found words × small encoder", "whole"], marks=pytest.mark.long),
        ("plan films", ["the films × small encoder × whole × seed 0", "Shapley"]),
        pytest.param("strategies strategies", ["found words × eight", "low rank", "four bits"], marks=pytest.mark.long),
        pytest.param("multiverse analyses", ["found words × small encoder × whole"], marks=pytest.mark.long),
        pytest.param("contribution scaled", ["decoder"], marks=pytest.mark.long),
    ],
)
def test_everything_is_called_as_the_suite_calls_it(folder, words, names, monkeypatch):
    monkeypatch.chdir(folder)
    ran = CliRunner().invoke(main, [*(words.split() if isinstance(words, str) else words), "--store", "store"])
    printed = " ".join(ran.output.split())
    assert ran.exit_code == 0
    assert not [name for name in names if name not in printed]
    assert not [written for written in WRITTEN if written in printed]


@pytest.mark.long
def test_the_report_gives_the_options_only_where_it_reproduces(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert CliRunner().invoke(main, ["report", "films", "-o", "page.html", "--store", "store"]).exit_code == 0
    page = Path("page.html").read_text()
    assert "the films × small encoder × whole" in page
    assert "as = &#34;small encoder&#34;" in page
    # a listing is what makes a cell again, and needs every option
    shown = re.sub(r"<pre.*?</pre>", "", page, flags=re.DOTALL)
    assert not [written for written in WRITTEN if written in shown]


@pytest.mark.parametrize("suite", ["films", "seeds"])
def test_names_are_no_part_of_any_identity(folder, suite, monkeypatch):
    monkeypatch.chdir(folder)
    catalog = load_catalog()
    called = cells_of(read_suite(folder / "benchmarks.toml", suite, catalog))
    _loaded.cache_clear()
    plain = cells_of(read_suite(shutil.copy(GOLDEN / "benchmarks.toml", folder / "plain.toml"), suite, catalog))
    assert [cell.id for cell in called] == [cell.id for cell in plain]
    assert [cell.specs for cell in called] == [cell.specs for cell in plain]
    assert {*map(str, called)}.isdisjoint(map(str, plain))


def test_names_travel_to_workers(folder, monkeypatch):
    monkeypatch.chdir(folder)
    catalog = load_catalog()
    cell = cells_of(read_suite(folder / "benchmarks.toml", "films", catalog))[-1]
    again = from_json(to_json(Job(cell.variant, (0,), (Task(cell, ()),))), catalog)
    assert str(again.variant) == str(cell.variant) == "the films × decoder × whole × seed 2"
    assert str(again.tasks[0].cell) == str(cell)


SUITE = """\
[suites.mine]
datasets = [{ name = "planted", train = 8 }]
models = ["tiny-encoder"]
strategies = ["none"]
methods = METHODS
metrics = ["sufficiency"]
"""


@pytest.mark.parametrize(
    ("methods", "complaint"),
    [
        ('[{ name = "gradient", as = "lrp" }]', 'methods[0].as: "lrp" is an installed plugin'),
        ('[{ name = "gradient", as = "a × b" }]', "methods[0].as: must be a name of at most 40 letters"),
        ('[{ name = "gradient", as = "../up" }]', "methods[0].as: must be a name of at most 40 letters"),
        ('[{ name = "gradient", as = "" }]', "methods[0].as: must be a name of at most 40 letters"),
        ('[{ name = "gradient", as = 3 }]', "methods[0].as: must be a name of at most 40 letters"),
        (f'[{{ name = "gradient", as = "{"x" * 41}" }}]', "methods[0].as: must be a name of at most 40 letters"),
        ('[{ name = "random", as = "luck" }]', "methods[0].as: random keeps its name: it is the control"),
        (
            '[{ name = "gradient", as = "mine" }, { name = "lrp", as = "mine" }]',
            'methods[1]: gradient is called "mine" too: choose another name',
        ),
        ('["gradient", { name = "gradient", as = "mine" }]', "the same as methods[0]: name each once"),
        ('[{ name = "gradient", az = "mine" }]', "unknown key (allowed: name, as, "),
    ],
)
def test_a_name_that_would_mislead_is_refused(tmp_path, methods, complaint):
    (tmp_path / "benchmarks.toml").write_text(SUITE.replace("METHODS", methods))
    with pytest.raises(ConfigError) as refused:
        read_suite(tmp_path / "benchmarks.toml", "mine", load_catalog())
    assert complaint in str(refused.value)


def test_one_thing_has_one_name_in_all_matrices(tmp_path):
    matrices = """
[[suites.mine.matrix]]
methods = ["gradient"]
[[suites.mine.matrix]]
methods = [{ name = "gradient", as = "slope" }]
"""
    (tmp_path / "benchmarks.toml").write_text(SUITE.replace("METHODS", '["lrp"]') + matrices)
    with pytest.raises(ConfigError, match=r'matrix\[1\].methods\[0\]: gradient is called "gradient" elsewhere'):
        read_suite(tmp_path / "benchmarks.toml", "mine", load_catalog())


def test_a_long_name_is_shortened_and_stays_different_from_others():
    revision = "0123456789abcdef0123456789abcdef01234567"
    one, other = (HubClassifier(reference=f"hf:some-owner/a-very-long-model-name-{each}@{revision}") for each in "ab")
    assert str(one) == f"hub-classifier(reference=…y-long-model-name-a@0123456 #{one.digest[:4]})"
    assert str(one) != str(other)
    assert max(map(len, map(str, (one, other)))) <= LONGEST
    assert revision in one.written


@given(st.text(min_size=1, max_size=300), st.text(max_size=300))
def test_no_name_is_longer_than_tables_can_show(reference, base):
    model = HubClassifier(reference=reference, base=base or None, label_map={"positive": reference})
    assert len(str(model)) <= max(LONGEST, len(model.name) + 20)


def test_a_plugin_is_the_same_under_any_name():
    method = LeaveOneOut()
    assert method.called("mine") == method
    assert hash(method.called("mine")) == hash(method)
    assert {method.called("mine").identity["name"], method.called("mine").written} == {"leave-one-out"}
    assert method.called("mine") != Full()
    assert all(map(method.called("mine").goes_by, ("mine", "leave-one-out")))


@pytest.mark.parametrize("deep", [True, False])
def test_a_copy_with_other_options_is_another_plugin(deep):
    method = LeaveOneOut().called("mine")
    known = method.digest, method.written, method.identity, str(method.called(None))
    other = method.model_copy(update={"reading": "logit"}, deep=deep)
    assert (other.digest, other.written) == (LeaveOneOut(reading="logit").digest, "leave-one-out(reading=logit)")
    assert other == LeaveOneOut(reading="logit") != method
    assert known == (method.digest, method.written, method.identity, "leave-one-out")


def test_a_cell_is_spelled_one_way():
    assert cell_name("films", "minilm", "frozen", seed=0, method="lrp") == "films × minilm × frozen × seed 0 × lrp"
    assert cell_name("films", None, seed=2, replicate=1) == "films × seed 2 × replicate 1"


@pytest.mark.parametrize("text", ["short", "word " * 60, "x" * 400, "W" * 400, "a\n" + "LONG " * 90])
def test_titles_are_no_wider_than_their_figure(text):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3), layout="constrained")
    first, second = figure.subplots(1, 2)
    set_title(figure, text)
    set_panel_title(first, text, panels=2)
    set_panel_title(second, "b", panels=2)
    figure.draw_without_rendering()
    whole, panel = figure.bbox, first.title.get_window_extent()
    title = figure.get_suptitle() and figure._suptitle.get_window_extent()
    assert whole.x0 <= title.x0
    assert title.x1 <= whole.x1
    assert panel.x1 <= second.get_window_extent().x0
    assert fitted(text, 5.0, 10).count("\n") < 3
