"""The figure of one text's words: drawn from what is stored, with a panel a method and a bar a word."""

import numpy as np
import pytest
from attrimark.cli import main
from attrimark.document.figures import save_drawings, word_bars
from attrimark.results.results import Results
from attrimark.results.store import Store
from attrimark.run.local import Slot
from attrimark.run.scheduler import run
from attrimark.studies.words.word_figures import word_figures
from attrimark.suite.reading.suites import read_suite
from attrimark_registry.catalog import load_catalog

SUITE = """
[suites.words]
datasets = [{ name = "planted", train = 20, validation = 2, test = 6 }]
models = [{ name = "tiny-causal", layers = 1 }]
methods = ["random", "leave-one-out", "input-x-gradient"]
metrics = ["sufficiency"]
explain = 3
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    (folder / "benchmarks.toml").write_text(SUITE)
    catalog = load_catalog()
    suite = read_suite(folder / "benchmarks.toml", "words", catalog)
    with Store(folder / "store") as store:
        run(suite, store, [Slot(0, "cpu", 1)], catalog.manager)
        yield folder, Results(suite, store)


@pytest.mark.long
def test_the_longest_text_is_drawn_for_each_method_and_drawn_again_alike(ran, tmp_path):
    _, results = ran
    first, again = (save_drawings(word_figures(results), tmp_path / name) for name in ("first", "again"))
    assert [path.suffix for path in first] == [".svg", ".png"]
    assert first[0].read_bytes() == again[0].read_bytes()
    drawn = first[0].read_text()
    longest = max(results.cells[0].variant.examples, key=lambda example: len(example.text.split()))
    for written in ("random", "leave-one-out", "input-x-gradient", *longest.text.split()):
        assert f">{written}<" in drawn


def test_nothing_is_drawn_of_what_was_not_run(ran, tmp_path):
    _, results = ran
    with Store(tmp_path / "empty") as empty:
        assert list(word_figures(Results(results.suite, empty))) == []


@pytest.mark.long
def test_a_leaderboard_is_printed_with_its_figures(ran, tmp_path, capsys):
    folder, *_ = ran
    files = ["-c", str(folder / "benchmarks.toml"), "--store", str(folder / "store")]
    with pytest.raises(SystemExit):
        main(["leaderboard", "words", *files, "--figures", str(tmp_path)])
    assert "4 figures" in capsys.readouterr().err
    stems = {path.stem for path in tmp_path.iterdir()}
    assert len(list(tmp_path.iterdir())) == 4
    assert any(stem.endswith("words") for stem in stems)
    assert any(stem.startswith("pareto") for stem in stems)


def test_every_bar_is_as_high_as_its_score_and_coloured_by_its_sign():
    scores = {"one": np.array([1.0, -2.0, 0.5]), "other": np.array([-30.0, 10.0, 20.0])}
    figure = word_bars(scores, ["saw", "$how", "bad"], "a text")
    for axis, (name, expected) in zip(figure.axes, scores.items(), strict=True):
        assert axis.get_title(loc="left") == name
        np.testing.assert_allclose([bar.get_height() for bar in axis.patches], expected)
        colours = [bar.get_facecolor() for bar in axis.patches]
        assert all((colours[place] == colours[0]) == (expected[place] * expected[0] > 0) for place in range(3))
