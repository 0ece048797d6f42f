"""Every form says the same, can be read back, and lets no name bring markup of its own."""

import csv
import io
import json
import math
import re

import pytest
from attrimark.document.grid import Grid
from attrimark.document.render.latex import LETTERS, latex
from attrimark.document.render.notebook import as_html
from attrimark.document.section import Section
from attrimark.studies.leaderboard.board import Leaderboard
from attrimark.studies.leaderboard.long_format import FIELDS
from hypothesis import given
from hypothesis import strategies as st

from tests.references.drawn_records import KEPT, LOST, board_of, cells, ended, flat, joined, score_of
from tests.references.written import FORMATS, boards_rendered
from tests.references.written import rendered as written

EVIL = "a\\b_{c}$%&#~^<script>|\"`'[x]*--é→日本\x1b[31m‮\n\\input{/etc/passwd}"


def a_board() -> Leaderboard:
    methods = {"chance": 0.5, "lrp": 0.7, "dig [mask]": 0.3}
    groups = [
        [joined(*same) for same in zip(cells(name, flat(mean)), cells(name, flat(mean), metric=LOST), strict=True)]
        for name, mean in methods.items()
    ]
    return board_of(*groups, ended("tuco", "failed", "out of memory"))


def evil_board() -> Leaderboard:
    return board_of(
        cells("chance", flat(0.5), chain=EVIL, dataset=EVIL),
        cells(EVIL, flat(0.7), chain=EVIL, dataset=EVIL),
        cells("lrp", lambda *_: math.nan, chain=EVIL, dataset=EVIL),
    )


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_names_every_method_and_what_failed(form):
    told = boards_rendered([a_board()], form)
    for word in ("chance", "lrp", "tuco", "out of memory"):
        assert word in told


SECTION = Section(
    f"films {EVIL}",
    sentences=(f"two texts {EVIL}",),
    grids=(
        Grid(
            f"scores {EVIL}",
            ("method", f"mean\n{EVIL}"),
            ((f"lrp {EVIL}", "-0.5 [-0.7, -0.3]*"),),
            told=(f"χ² {EVIL}",),
        ),
        Grid("refused", ("method", "mean"), (), told=(f"too few networks {EVIL}",)),
    ),
    notes=(f"small print {EVIL}",),
)


@pytest.mark.parametrize("form", ["table", "markdown", "latex"])
def test_every_form_of_a_section_says_all_of_it(form):
    told = written([SECTION, Section(notes=("and that is all",))], form)
    for words in (
        "films",
        "two texts",
        "scores",
        "lrp",
        "0.7",
        "refused",
        "too few networks",
        "small print",
        "and that",
    ):
        assert words in told
    assert "\x1b" not in told
    assert "\u202e" not in told
    if form == "latex":
        compiles(told)
        assert "\\textbf{$-$0.5 {[}$-$0.7, $-$0.3{]}}" in told
    if form == "markdown":
        assert "**-0.5 \\[-0.7, -0.3\\]**" in told
        assert "<script>" not in told.replace("\\<", "")
    if form == "table":
        assert "-0.5 [-0.7, -0.3]*" in told


def test_a_notebook_shows_a_section_without_its_markup():
    told = as_html([SECTION])
    assert "<script>" not in told
    assert "too few networks" in told


# LaTeX


def compiles(text: str) -> None:
    """What TeX's scanner would stumble over: open groups, specials outside of commands, characters without a glyph."""
    depth, place, dollars = 0, 0, 0
    while place < len(text):
        each = text[place]
        if each == "\\":
            command = re.match(r"\\([A-Za-z]+|.)", text[place:], re.DOTALL)
            assert command
            place += len(command[0])
            continue
        depth += {"{": 1, "}": -1}.get(each, 0)
        dollars += each == "$"
        assert depth >= 0
        assert each not in '#%~"', f"{each!r} at {text[max(0, place - 20) : place + 5]!r}"
        if each in "^_":
            assert dollars % 2, f"{each!r} outside of mathematics: {text[max(0, place - 20) : place + 5]!r}"
        assert each == "\n" or (each.isascii() and each.isprintable()) or each in LETTERS, repr(each)
        place += 1
    assert depth == 0
    assert dollars % 2 == 0


def test_a_table_is_made_of_what_booktabs_wants():
    told = boards_rendered([a_board()], "latex")
    compiles(told)
    tables = told.split("\n\n")
    assert len(tables) == 2  # scores, costs
    for table in tables:
        assert re.findall(r"\\(\w+rule)", table) == ["toprule", "midrule", "bottomrule"]
        assert table.startswith("\\begin{table}\n")
        assert table.endswith("\\end{table}")
        (columns,) = re.findall(r"\\begin\{tabular\}\{(l?r*)\}", table)
        rows = [line for line in table.split("\n") if line.endswith("\\\\")]
        assert all(line.replace("\\&", "").count("&") == len(columns) - 1 for line in rows)
    assert "12 texts" in tables[0]
    assert "5 seeds" in tables[0]
    labels = re.findall(r"\\label\{([a-z0-9:-]+)\}", told)
    assert len(set(labels)) == 2


def test_bold_is_better_and_nothing_else():
    headline = boards_rendered([a_board()], "latex").split("\n\n")[0]
    (line,) = (each for each in headline.split("\n") if each.startswith("lrp &"))
    bold = re.findall(r"\\textbf\{([^&]*)\}", line)
    assert len(bold) == 1  # by the other metric, lower is better
    assert bold[0].startswith(f"{score_of(a_board(), 'lrp').adjusted.mean:.3f} $\\pm$")
    assert "textbf" not in next(each for each in headline.split("\n") if each.startswith("chance"))


def test_minus_signs_are_minus_signs():
    told = boards_rendered([board_of(cells("chance", flat(-0.5)), cells("lrp", flat(-0.7)))], "latex")
    assert re.search(r"& \$-\$0\.\d{3} \$\\pm\$", told)


def test_hostile_names_compile_to_what_they_look_like():
    told = boards_rendered([evil_board()], "latex", details=True)
    compiles(told)
    assert "\\input" not in told
    assert "\\script" not in told
    assert "{[}U+65E5{]}" in told


@given(st.text(max_size=30))
def test_any_text_compiles(text):
    compiles(latex("".join(each if each.isprintable() else "�" for each in text)))


# CSV


def read(told: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(told), strict=True))


def test_a_line_stands_for_each_method_and_metric_and_reads_back():
    board = a_board()
    lines = read(boards_rendered([board], "csv"))
    assert tuple(lines[0]) == FIELDS
    assert len(lines) == 4 * 2
    (line,) = (each for each in lines if each["method"] == "lrp" and each["metric"] == "kept")
    score = score_of(board, "lrp")
    for name, value in (
        ("mean", score.adjusted.mean),
        ("low", score.adjusted.low),
        ("high", score.adjusted.high),
        ("difference", score.difference.mean),
        ("next_seed", score.next_seed),
        ("effect", score.effect),
        ("gflops", 2.0),
    ):
        assert float(line[name]) == value, name
    assert (line["verdict"], line["better"], line["front"], line["may_be_best"]) == ("better", "higher", "true", "true")
    (failed, _) = (each for each in lines if each["method"] == "tuco")
    assert (failed["status"], failed["reason"], failed["mean"]) == ("failed", "out of memory", "")


def test_no_number_is_an_empty_field():
    board = board_of(cells("chance", flat(0.5), texts=["t0"]), cells("lrp", flat(0.7), texts=["t0"]))
    told = boards_rendered([board], "csv")
    assert "nan" not in told.lower()
    assert {line["low"] for line in read(told)} == {""}


def test_a_spreadsheet_takes_no_name_for_a_formula():
    names = ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)"]
    board = board_of(*(cells(name, flat(0.5)) for name in names))
    assert sorted(line["method"] for line in read(boards_rendered([board], "csv"))) == sorted(
        f"'{name}" for name in names
    )


def test_hostile_names_stay_in_their_field():
    lines = read(boards_rendered([evil_board()], "csv"))
    assert len(lines) == 3
    assert all(each.isprintable() for line in lines for field in line.values() for each in field)
    assert sum("<script>" in line["method"] for line in lines) == 1


def test_boards_share_one_header():
    assert boards_rendered([a_board(), evil_board()], "csv").count("dataset,") == 1


# JSON


def test_json_tells_verdicts_groups_fronts_and_no_nan():
    board = board_of(cells("chance", flat(0.5), texts=["t0"]), cells("lrp", flat(0.7), texts=["t0"]))
    (plain,) = json.loads(boards_rendered([board], "json"), parse_constant=pytest.fail)
    (lrp,) = (row for row in plain["rows"] if row["method"] == "lrp")
    assert lrp["scores"][KEPT.digest]["difference"]["low"] is None
    (plain,) = json.loads(boards_rendered([a_board()], "json"), parse_constant=pytest.fail)
    (lrp,) = (row for row in plain["rows"] if row["method"] == "lrp")
    score = lrp["scores"][KEPT.digest]
    assert (score["verdict"], score["may_be_best"]) == ("better", True)
    assert score["next_seed"] == score_of(a_board(), "lrp").next_seed
    assert plain["fronts"][KEPT.digest] == ["lrp"]
    assert plain["unit_of_cost"] == "GFLOP"
