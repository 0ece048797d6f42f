"""The page: what it says is what is stored, hostile texts stay texts, and a real browser shows, sorts and prints it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from attrimark.cli import main
from attrimark.commands.report import heading_of, parts_of
from attrimark.document.coloured_text import coloured_row
from attrimark.document.figures import boxes, save_drawings
from attrimark.document.page.page import marked, page
from attrimark.document.page.svg import inline_svg
from attrimark.document.section import Drawing, Section, drawings_of
from attrimark.results.results import Results
from attrimark.results.store import Store
from attrimark.run.local import Slot
from attrimark.run.scheduler import run
from attrimark.studies import built_in
from attrimark.studies.leaderboard.answers import answers, warnings
from attrimark.studies.leaderboard.marks import MARKS
from attrimark.studies.provenance.reproduce import parts
from attrimark.studies.stability.population import populations
from attrimark.studies.stability.sections import sections as over_seeds
from attrimark.studies.stability.stability import stabilities
from attrimark.studies.words.words import words
from attrimark.suite.matrix import cells_of
from attrimark.suite.reading.suite_text import suite_text
from attrimark.suite.reading.suites import read_suite
from attrimark_registry import Attribution, Example, Feature, Target, load_catalog
from click.testing import CliRunner

from tests.references.drawn_records import KEPT, LOST, board_of, cells, flat

ROOT = Path(__file__).parents[1]
HOSTILE = [
    "<script>alert(1)</script> good film",
    "\"quotes' & <img src=x onerror=alert(2)> bad",
    "فيلم جيد جدا good",
    "😀 caf\u0065\u0301 bad film",
    "</script><script>alert(3)</script> good",
    "{{ 7 * 7 }} \u202ereversed $x^2$ bad",
]
SUITE = """
# What the page is tested with.
[suites.page]
title = '<img src=x onerror=alert(0)> & "title"'
target = "gold"
datasets = [{ name = "text-file", path = "texts.jsonl", split = "split" }]
methods = ["random"]
metrics = ["sufficiency"]
explain = 6

[[suites.page.matrix]]
models = [{ name = "tiny-encoder", layers = 1, width = 16, heads = 2, pooling = "mean" }]
strategies = [{ name = "frozen", epochs = 2 }, { name = "full", epochs = 1, learning_rate = 3e-3 }]
seeds = 3
methods = ["random", "leave-one-out"]
metrics = ["sufficiency", "noise", "snr", "focus-gini", { name = "accuracy", split = "test" }]

[[suites.page.matrix]]
models = [{ name = "tiny-encoder", layers = 1 }]

[[suites.page.matrix]]
models = [{ name = "tiny-causal", layers = 1 }]
methods = ["random", "leave-one-out", "input-x-gradient", "gradient"]
metrics = ["sufficiency", "comprehensiveness", "sufficiency-curve", "accuracy"]

[[suites.page.matrix]]
models = [{ name = "tiny-causal", layers = 1 }]
strategies = [
    [{ name = "lora", epochs = 1 }, { name = "scaled", alpha = 0.0 }],
    [{ name = "lora", epochs = 1 }, { name = "scaled", alpha = 1.0 }],
]
metrics = ["accuracy"]

[[suites.page.predictions]]
says = "Freezing lowers the noise"
metric = "noise"
chain = "frozen"
than = "full"
expect = "lower"

[[suites.page.comparisons]]
over = "strategy"
metrics = ["focus-gini"]

[suites.other]
datasets = ["planted"]
models = ["tiny-causal"]
methods = ["random"]
metrics = ["sufficiency"]
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A finished suite on hostile texts: its folder, the suite and its store."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "benchmarks.toml").write_text(SUITE)
    rows = [
        {"text": text, "label": ("<i>good</i>", "bad")[place % 2], "split": "test"}
        for place, text in enumerate(HOSTILE)
    ]
    rows += [
        {"text": f"a {word} film", "label": label, "split": "train"}
        for word, label in (("fine", "<i>good</i>"), ("dull", "bad"))
        for _ in range(8)
    ]
    (folder / "texts.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # the dataset's path is relative
        catalog = load_catalog()
        suite = read_suite(folder / "benchmarks.toml", "page", catalog)
        with Store(folder / "store") as store:
            assert run(suite, store, [Slot(0, "cpu", 1)], catalog.manager)["failed"] == 0
            yield SimpleNamespace(folder=folder, suite=suite, store=store)


@pytest.fixture(scope="module")
def made(ran):
    """The page as text, and its sections."""
    results, studies = Results(ran.suite, ran.store), built_in()
    found = parts_of(studies, results, texts=6)
    return SimpleNamespace(sections=found, html=page(heading_of(studies, results), found))


@pytest.fixture(scope="module")
def written(ran, made):
    path = ran.folder / "page.html"
    path.write_text(made.html, encoding="utf-8")
    return path


# In plain words


def test_the_answer_names_the_method_to_use_and_which_ones_beat_random():
    for metric, sign in ((KEPT, 1), (LOST, -1)):

        def shifted(by, sign=sign):
            return lambda seed, text, operator: 0.5 + 0.01 * (seed + text) + sign * (by + 0.01 * (text % 2)) * (by != 0)

        board = board_of(
            *(cells(name, shifted(by), metric=metric) for name, by in (("random", 0), ("lrp", 0.2), ("worse", -0.2)))
        )
        told = " ".join(answers(board))
        assert told.startswith("Use lrp: the one method that beats chance and is shown to be within 0."), told
        assert "(12 texts, 5 seeds), lrp beats chance by" in told


def test_where_nothing_beats_random_the_answer_says_so():
    def noisy(seed, text, operator):
        return 0.5 + 0.3 * ((7 * seed + 3 * text) % 5 - 2)

    board = board_of(cells("random", flat(0.5)), cells("lrp", noisy))
    assert "No method can be recommended: no method is shown to beat chance." in " ".join(answers(board))
    board = board_of(cells("lrp", flat(0.5)))
    assert "there is nothing to compare with" in " ".join(answers(board))


def test_what_cannot_be_measured_is_a_warning():
    measurable = board_of(cells("random", flat(0.1)), cells("lrp", flat(0.9)))
    assert list(warnings(measurable)) == []
    hardly = board_of(cells("random", flat(0.8)), cells("lrp", flat(0.801)))
    assert "not measurable by" in next(warnings(hardly))


def test_the_page_opens_with_the_answers_of_its_sections(made):
    header = made.html.partition("</header>")[0]
    told = [text for section in made.sections for _, each in section.walk("") for text in each.answers]
    assert any("frozen" in each and "sufficiency" in each for each in told)
    assert any("of 2 predictions" in each for each in told)
    for each in told:
        assert str(marked(each, MARKS)) in header
    assert "unsupported" in header


def test_a_mark_is_told_in_words_and_all_else_is_escaped():
    assert str(marked("<b>1.0", MARKS)) == "&lt;b&gt;1.0"
    assert "better than chance, may be the best" in marked("1.105 ±0.071*•", MARKS)
    assert "no method is as good for less" in marked("6.66 ◂", MARKS)


# Words


def test_shades_and_numbers_are_those_of_the_scores():
    row = coloured_row("lrp", [np.array([0.5, -0.25, 0.0, 0.01]), None, np.array([1.0, -2.0, 0.004, 0.0])])
    assert row.shown(0) == [("pro s8", "+0.50"), ("con s4", "−0.25"), ("", "0.00"), ("", "+0.01")]
    assert row.shown(1) == []
    assert row.shown(2) == [("pro s4", "+1.00"), ("con s8", "−2.00"), ("", "0.00"), ("", "0.00")]


def test_scores_of_nothing_are_no_colour():
    row = coloured_row("random", [np.zeros(2)])
    assert row.shown(0) == [("", "0"), ("", "0")]


def test_the_words_on_the_page_are_the_mean_over_seeds_of_what_is_stored(ran, made):
    coloured = next(section for section in made.sections if section.title == "Words").sections[0]
    assert coloured.views == ("mean of 3 seeds", "seed 0", "seed 1", "seed 2")
    population = next(
        each
        for each in populations(Results(ran.suite, ran.store))
        if each.steps == "frozen" and each.method.name == "leave-one-out"
    )
    for stack, text in zip(population.stacks, coloured.texts, strict=True):
        assert [word.text for word in text.words] == [feature.text for feature in stack.features]
        assert "".join(word.gap + word.text for word in text.words) == stack.example.text.strip()
        row = next(row for row in text.rows if row.method == "leave-one-out")
        unit = 10.0**-row.decimals
        np.testing.assert_allclose(np.array(row.views[0]) * unit, stack.scores.mean(axis=(0, 1)), atol=unit / 2)
        for place in range(3):
            np.testing.assert_allclose(np.array(row.views[1 + place]) * unit, stack.scores[place, 0], atol=unit / 2)


def test_texts_that_are_to_stay_where_they_are_are_not_on_the_page(ran):
    private = Results(replace(ran.suite, store_text=False), ran.store)
    assert words(private, 6) == []
    drawn = drawings_of(over_seeds(stabilities(private), with_words=False))
    assert drawn
    assert not [each.caption for each in drawn if "each word" in each.caption]


def test_an_attribution_displays_itself_in_a_notebook():
    text = "good <b> bad"
    features = (Feature("good", 0, 0, 4), Feature("<b>", 0, 5, 8), Feature("bad", 0, 9, 12))
    shown = Attribution(
        example=Example("1", (text,)),
        features=features,
        scores=np.array([1.0, 0.0, -0.5]),
        target=Target((0,)),
        explained="<i>positive</i>",
    )._repr_html_()
    assert "<b> bad" not in shown
    assert "&lt;i&gt;positive" in shown
    titles = re.findall(r'title="([^"]+)"', shown)
    assert titles == ["+1", "+0", "-0.5"]
    assert "solid" in shown.partition("good</span>")[0]
    assert "dotted" in shown.rpartition("bad</span>")[0].rpartition("<span")[2]


# Figures


def figure_of(words):
    return boxes({"one <b>": np.random.default_rng(0).normal(size=(6, len(words)))}, words, "a title", "score")


def test_a_figure_inside_the_page_has_no_style_and_no_foreign_id():
    drawn = inline_svg(figure_of(["<script>", "$x$", "a&b"]), 'what "it" shows', "f7-")
    root = ElementTree.fromstring(drawn)
    assert root.attrib["aria-label"] == 'what "it" shows'
    assert not [each for each in root.iter() if each.tag in ("style", "script", "metadata") or "style" in each.attrib]
    ids = {each.attrib["id"] for each in root.iter() if "id" in each.attrib}
    used = set(re.findall(r"#([\w-]+)\)?\"", drawn.replace("#ffffff", "")))
    assert ids
    assert all(name.startswith("f7-") for name in ids)
    assert {name for name in used if name.startswith("f")} <= ids
    texts = ["".join(each.itertext()) for each in root.iter("text")]
    assert {"<script>", "$x$", "a&b"} <= set(texts)


def test_thirty_figures_of_paper_a_leave_room_on_a_page_of_three_megabytes():
    panels = {f"chain {place}": np.random.default_rng(place).normal(size=(24, 20)) for place in range(6)}
    figure = boxes(panels, [f"word{place}" for place in range(20)], "a text", "score")
    assert 30 * len(inline_svg(figure, "", "f1-")) < 2_500_000


def test_figures_are_written_in_three_kinds_and_again_alike(tmp_path):
    section = Section("One", drawings=(Drawing("a name", "what it shows", lambda: figure_of(["good", "bad"])),))
    first, again = (
        save_drawings(drawings_of([section]), tmp_path / name, ("svg", "pdf", "png")) for name in ("first", "again")
    )
    assert [path.name for path in first] == ["a-name.svg", "a-name.pdf", "a-name.png"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


# Provenance


def test_each_part_is_a_suite_that_computes_just_its_cells(ran, monkeypatch):
    monkeypatch.chdir(ran.folder)
    catalog = load_catalog()
    every = {cell.id for cell in cells_of(ran.suite)}
    for part in parts(ran.suite):
        path = ran.folder / "part.toml"
        path.write_text(part.toml)
        computed = {cell.id for cell in cells_of(read_suite(path, "part", catalog))}
        mine = {cell.id for cell in part.cells}
        assert mine <= computed
        if part.method is not None:
            # the model alone comes with every method
            assert len(computed) == 2 * len(mine)
        every -= mine
    assert not every


def test_every_kind_of_option_survives_being_written(tmp_path):
    path = tmp_path / "benchmarks.toml"
    path.write_text(r"""
[suites.odd]
seed = 3
replicates = 2
isolate = true
datasets = [{ name = "text-file", path = "a \"b\" \\ \t \u007f é.csv", labels = ["no", "yes"] }]
models = [{ name = "smollm2", prompt = "{text}\n?", answers = { no = " no", "yes sir" = " yes" } }]
strategies = [[{ name = "lora", layers = ["mlp"], learning_rate = 5e-4 }, "nf4"]]
methods = ["random"]
metrics = [{ name = "sufficiency", threshold = 0.0 }, { name = "aopc-sufficiency", ratios = [0.1, 1.0] }]
operators = ["mask"]
seeds = [4, 7]
train = 12
target = "yes"
""")
    catalog = load_catalog()
    suite = read_suite(path, "odd", catalog)
    # its texts and weights are not there to be hashed
    from attrimark.studies.provenance import reproduce

    narrowed = reproduce._written(suite, suite.matrices[0])
    path.write_text(narrowed)
    again = read_suite(path, "part", catalog)
    for name in ("datasets", "models", "strategies", "methods", "metrics", "operators", "seeds", "train", "target"):
        assert getattr(again.matrices[0], name) == getattr(suite.matrices[0], name), name
    assert (again.seed, again.replicates, again.isolate) == (3, 2, True)


def test_the_suite_stands_there_as_it_is_written(ran):
    told = suite_text(ran.folder / "benchmarks.toml", "page")
    assert told.startswith("# What the page is tested with.")
    assert "suites.other" not in told
    assert tomllib.loads(told)["suites"]["page"] == tomllib.loads(SUITE)["suites"]["page"]


@pytest.mark.parametrize(
    "odd", ['["suites".page]\nx = 1', 'suites.page.x = """\n[suites.b]\n"""', "[suites]\npage = { x = 1 }"]
)
def test_where_lines_cannot_be_told_apart_the_whole_file_stands_there(odd, tmp_path):
    path = tmp_path / "odd.toml"
    path.write_text(f"{odd}\n[suites.last]\ny = 2\n")
    assert tomllib.loads(suite_text(path, "page"))["suites"]["page"] == {"x": tomllib.loads(odd)["suites"]["page"]["x"]}


# One file, and nothing in it but ours


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_only_our_own_script_and_style_may_run(made):
    parser = Elements()
    parser.feed(made.html)
    policy = next(attrs["content"] for tag, attrs in parser.found if attrs.get("http-equiv"))
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", made.html, re.DOTALL)
        assert f"{tag}-src 'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'" in policy
    for tag, attrs in parser.found:
        assert tag not in ("img", "iframe", "link", "object", "embed", "base")
        assert not [name for name in attrs if name.startswith("on") or name in ("style", "src", "srcset")], (tag, attrs)
        # a heat map is an image in the page
        assert attrs.get("href", "#").startswith("data:image/png;base64," if tag == "image" else "#")
        assert tag != "script" or attrs in ({}, {"type": "application/json", "class": "scores"})


def test_a_wheel_holds_what_the_page_is_made_of(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {f"attrimark/document/page/{name}" for name in ("page.html.j2", "style.css", "behaviour.js")} <= set(names)


# The command


@pytest.fixture
def shell(ran, monkeypatch):
    monkeypatch.chdir(ran.folder)
    return lambda *words: CliRunner().invoke(main, ["report", *words, "--config", "benchmarks.toml"])


@pytest.mark.long
def test_the_command_writes_the_same_page_again_and_its_figures(shell, made, tmp_path):
    output = tmp_path / "new" / "r.html"
    told = shell("page", "--store", "store", "-o", str(output), "--texts", "6", "--figures", str(tmp_path))
    assert told.exit_code == 0, told.output
    assert output.read_text(encoding="utf-8") == made.html
    drawings = [each for section in made.sections for _, some in section.walk("") for each in some.drawings]
    assert len(list(tmp_path.glob("*.pdf"))) == len(drawings)


def test_without_results_it_says_what_to_run(shell, tmp_path):
    told = shell("page", "--store", str(tmp_path / "none"), "-o", str(tmp_path / "r.html"))
    assert told.exit_code == 5
    assert "attrimark run page" in told.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_cannot_be_written_is_not_half_written(shell, tmp_path, monkeypatch):
    monkeypatch.setattr("attrimark.commands.report.parts_of", lambda *given, **chosen: [])
    (tmp_path / "file").write_text("in the way")
    told = shell("page", "--store", "store", "-o", str(tmp_path / "file" / "r.html"), "--texts", "0")
    assert told.exit_code == 4
    assert "r.html could not be written" in told.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# In a browser


PATIENCE = 600_000  # milliseconds, which only a browser that hangs needs


def browser_path() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def browser():
    path = browser_path()
    if path is None and os.environ.get("ATTRIMARK_BROWSER") != "required":
        pytest.skip("no Chromium here: apt-get install chromium")
    assert path, "a browser is required here, and there is no Chromium"
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        launched = playwright.chromium.launch(executable_path=path, args=arguments, timeout=PATIENCE)
        yield launched
        launched.close()


@pytest.fixture
def opened(browser, written):
    """The page, opened; whatever it asks for, logs or pops up is written down, and must be nothing."""
    context = browser.new_context(offline=True, reduced_motion="reduce", viewport={"width": 1200, "height": 800})
    context.set_default_timeout(PATIENCE)
    tab = context.new_page()
    unwanted: list[str] = []
    tab.on("request", lambda request: unwanted.append(f"request: {request.url}"))
    tab.on("console", lambda message: unwanted.append(f"console: {message.text}"))
    tab.on("pageerror", lambda error: unwanted.append(f"error: {error}"))
    tab.on("dialog", lambda dialog: (unwanted.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    tab.goto(written.as_uri())
    yield tab
    context.close()
    assert unwanted == [f"request: {written.as_uri()}"]


def test_every_section_is_shown(opened):
    headings = opened.locator("h2").all_inner_texts()
    assert headings == [
        "Leaderboards",
        "Words",
        "Rationales of every length",
        "Over seeds",
        "Strategies compared",
        "What fine-tuning contributed",
        "How it was run",
    ]
    for heading in opened.locator("h2").all():
        assert heading.is_visible()
    assert opened.locator("nav a").count() == 1 + len(headings)
    assert opened.locator("#answer .answers li").count() >= 2
    assert opened.locator("figure svg").count() > 6
    assert opened.title() == '<img src=x onerror=alert(0)> & "title"'
    for anchor in opened.locator("a[href^='#']").all():
        assert opened.locator(anchor.get_attribute("href")).count() == 1


def test_hostile_texts_are_shown_as_they_are(opened, made):
    shown = opened.locator(".words").evaluate_all(
        "every => every.map(each => [...each.childNodes].map(n => n.data ?? n.firstChild.data).join(''))"
    )
    assert set(HOSTILE) == set(shown)
    assert opened.locator("main img, main iframe, main script:not([type])").count() == 0
    assert opened.locator("h1").inner_text() == '<img src=x onerror=alert(0)> & "title"'
    assert opened.locator(".explained").first.inner_text() == "<i>good</i>"
    arabic = opened.locator(".words", has_text="فيلم").first
    assert arabic.evaluate("each => getComputedStyle(each).direction") == "rtl"


def test_what_gets_into_the_page_all_the_same_does_not_run(browser, written):
    context = browser.new_context(offline=True)
    context.set_default_timeout(PATIENCE)
    tab = context.new_page()
    blocked = []
    tab.on("console", lambda message: blocked.append(message.text))
    tab.goto(written.as_uri())
    tab.evaluate(
        """() => {
        const script = document.createElement('script');
        script.textContent = 'window.ran = true';
        document.body.append(script);
        document.body.insertAdjacentHTML('beforeend', '<img src="https://example.org/" onerror="window.ran = true">');
    }"""
    )
    for _ in range(600):
        tab.wait_for_timeout(100)
        if len(blocked) >= 2:
            break
    assert len(blocked) >= 2
    assert tab.evaluate("window.ran") is None
    assert all("Content Security Policy" in told for told in blocked)
    context.close()


def column(table, place):
    return table.locator(f"tbody tr > :nth-child({place})").all_inner_texts()


def test_a_click_sorts_numbers_by_size_and_the_better_end_first(opened):
    table = opened.locator("#s1-4 table").first
    heading = table.locator("thead th").nth(1)
    assert "↑" in heading.inner_text()
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    scores = [float(re.match(r"-?[\d.]+", cell).group()) for cell in column(table, 2)]
    assert scores == sorted(scores, reverse=True)
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert column(table, 2) == sorted(column(table, 2), key=lambda cell: float(re.match(r"-?[\d.]+", cell).group()))
    table.locator("thead th").first.locator("button").click()
    assert heading.get_attribute("aria-sort") == "none"
    assert column(table, 1) == sorted(column(table, 1))


def test_keys_alone_sort_a_table(opened):
    table = opened.locator("#s1-4 table").first
    table.locator("thead button").first.focus()
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.closest('th').cellIndex") == 1
    opened.keyboard.press("Enter")
    assert table.locator("thead th").nth(1).get_attribute("aria-sort") == "descending"
    opened.keyboard.press("Space")
    assert table.locator("thead th").nth(1).get_attribute("aria-sort") == "ascending"


def test_numbers_are_read_with_their_signs_and_units(opened):
    told = opened.evaluate(
        "['1,348', '−0.5 ±1*', '2.25e-05', '>99 %', '<0.001', '22 (+20)', '∞', '-3', '–', 'lrp'].map(numberIn)"
    )
    assert told[:8] == [1348, -0.5, 2.25e-05, 99, 0.001, 22, float("inf"), -3]
    assert told[8:] == [None, None]


def test_typing_filters_rows(opened):
    section = opened.locator("#s1-4")
    rows = section.locator("tbody tr")
    before = rows.count()
    section.get_by_label("Show rows with").first.fill("LEAVE one")
    shown = [row for row in rows.all() if row.is_visible()]
    assert 0 < len(shown) < before
    assert all("leave-one-out" in row.inner_text() for row in shown)
    assert "rows" in section.locator("output").first.inner_text()
    section.get_by_label("Show rows with").first.fill("")
    assert rows.first.is_visible()


def test_a_seed_shows_its_own_scores_and_the_mean_comes_back(opened, made):
    coloured = next(section for section in made.sections if section.title == "Words").sections[0]
    section = opened.locator("#s2-1")

    def seen():
        coloured = section.locator(".text").first.locator(".row").nth(1).locator(".w")
        return coloured.evaluate_all("every => every.map(w => [w.className.slice(2), w.lastChild.textContent.trim()])")

    row = coloured.texts[0].rows[1]
    assert seen() == [list(pair) for pair in row.shown(0)]
    for view in (2, 3, 0):
        section.get_by_label("Seen by").select_option(str(view))
        assert seen() == [list(pair) for pair in row.shown(view)]


def test_a_words_number_is_there_for_those_who_point_tab_or_listen(opened):
    row = opened.locator(".words").first
    first, number = row.locator(".w").first, row.locator(".number").first
    assert number.bounding_box()["width"] <= 1
    assert re.fullmatch(r"\s*[+−]?[\d.]+", number.text_content())
    first.hover()
    assert number.bounding_box()["width"] > 10
    first.focus()
    opened.keyboard.press("ArrowRight")
    assert row.locator(".w").nth(1).evaluate("each => each === document.activeElement")
    opened.keyboard.press("End")
    assert row.locator(".w").last.evaluate("each => each === document.activeElement")
    assert row.locator(".w[tabindex='0']").count() == 1


def test_a_sign_is_told_by_more_than_a_colour(opened):
    styles = {
        sign: opened.locator(f".{sign}").first.evaluate("each => getComputedStyle(each).borderBottomStyle")
        for sign in ("pro", "con")
    }
    assert styles == {"pro": "solid", "con": "dotted"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_stand_out_from_every_shade(opened, scheme):
    opened.emulate_media(color_scheme=scheme)
    contrasts = opened.evaluate(
        """() => {
        const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
        const lightness = ([r, g, b]) => [r, g, b].map((c) => c / 255)
            .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
            .reduce((sum, c, place) => sum + c * [0.2126, 0.7152, 0.0722][place], 0);
        const paper = parse(getComputedStyle(document.body).backgroundColor);
        return [...document.querySelectorAll('.w')].map((word) => {
            const style = getComputedStyle(word);
            const [r, g, b, a = 1] = parse(style.backgroundColor);
            const shade = [r, g, b].map((c, place) => a * c + (1 - a) * paper[place]);
            const both = [lightness(parse(style.color)), lightness(shade)].sort((x, y) => y - x);
            return (both[0] + 0.05) / (both[1] + 0.05);
        });
    }"""
    )
    assert min(contrasts) >= 4.5  # WCAG 2, AA


def test_a_phone_scrolls_tables_and_figures_never_the_page(opened):
    opened.set_viewport_size({"width": 360, "height": 740})
    opened.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert opened.evaluate("document.documentElement.scrollWidth") <= 360
    assert opened.evaluate(
        "[...document.querySelectorAll('.scroll')].some((each) => each.scrollWidth > each.clientWidth)"
    )


def test_paper_shows_all_that_is_folded_and_the_numbers_of_words(opened):
    folded = opened.locator("details pre").first
    assert not folded.is_visible()
    opened.emulate_media(media="print")
    assert folded.is_visible()
    assert opened.locator(".number").first.bounding_box()["width"] > 5
    assert not opened.locator("nav").is_visible()
    assert not opened.locator(".filter").first.is_visible()
    assert opened.pdf()[:5] == b"%PDF-"
    assert opened.locator("details[open]").count() == 0


def test_without_its_script_the_page_says_the_same(browser, written):
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENCE)
    tab = context.new_page()
    tab.goto(written.as_uri())
    assert tab.locator(".w").first.is_visible()
    assert tab.locator("tbody tr").first.is_visible()
    assert not tab.locator(".filter").first.is_visible()
    assert not tab.locator(".picker").first.is_visible()
    context.close()
