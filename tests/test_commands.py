"""The commands, as a user types them, on a small suite."""

import json

import pytest
from attrimark.cli import main
from click.testing import CliRunner

SUITE = """
[suites.small]
datasets = [{ name = "planted", train = 20, validation = 2, test = 4 }]
models = [{ name = "tiny-encoder", layers = 1 }, { name = "tiny-causal", layers = 1 }]
methods = ["random", "leave-one-out", "gradient"]
metrics = ["sufficiency", "accuracy"]
explain = 3
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    (folder / "benchmarks.toml").write_text(SUITE)

    def run(*words: str):
        places = ["--config", str(folder / "benchmarks.toml"), "--store", str(folder / "store")]
        return CliRunner().invoke(main, [*words, *([] if words[0] in ("explain", "plugins", "assets") else places)])

    return run


def test_a_plan_names_what_cannot_run_before_anything_is_spent(shell):
    told = shell("plan", "small")
    assert told.exit_code == 0, told.output
    assert "comes without a trained head: add a strategy, such as frozen" in told.output
    plan = json.loads(shell("plan", "small", "--json").stdout)
    assert plan["to_run"] == 4
    assert {cell["status"] for cell in plan["cells"]} == {"to run", "unsupported"}
    left_out = next(cell for cell in plan["cells"] if cell["method"] == "leave-one-out" and cell["passes"])
    assert left_out["passes"] > 3 * 6


def test_a_run_prints_leaderboards_and_a_second_one_the_same(shell):
    first = shell("run", "small", "--quiet", "--threads", "1")
    assert first.exit_code == 0, first.output
    assert "leave-one-out" in first.stdout
    assert "unsupported" in first.stdout
    assert shell("run", "small", "--quiet").stdout == first.stdout
    assert shell("leaderboard", "small").stdout == first.stdout
    boards = json.loads(shell("leaderboard", "small", "--json").stdout)
    assert len(boards) == 2
    assert "|" in shell("leaderboard", "small", "--format", "markdown").stdout


def test_a_metric_that_the_suite_has_not_is_wrong_usage(shell):
    told = shell("leaderboard", "small", "--metric", "suficiency")
    assert told.exit_code == 4
    assert "it has accuracy, sufficiency" in told.output


@pytest.mark.parametrize(
    ("command", "told"), [("contribution", "has no results of TuCo"), ("stability", "no metric of a population")]
)
def test_a_study_that_the_suite_has_not_is_wrong_usage(shell, command, told):
    refused = shell(command, "small")
    assert refused.exit_code == 4
    assert told in refused.output


SCALED = """
[suites.scaled]
datasets = [{ name = "planted", train = 16, validation = 0, test = 8 }]
models = [{ name = "tiny-causal", layers = 1 }]
strategies = [
    [{ name = "lora", epochs = 1 }, { name = "scaled", alpha = 0.0 }],
    [{ name = "lora", epochs = 1 }, { name = "scaled", alpha = 1.0 }],
]
methods = ["random"]
metrics = ["accuracy"]
explain = 8
"""


def test_a_run_of_scaled_networks_ends_with_their_curve(tmp_path):
    (tmp_path / "benchmarks.toml").write_text(SCALED)
    places = ["--config", str(tmp_path / "benchmarks.toml"), "--store", str(tmp_path / "store")]
    ran = CliRunner().invoke(main, ["run", "scaled", "--quiet", "--threads", "1", *places])
    assert ran.exit_code == 0, ran.output
    assert "fine-tuning counts α times" in " ".join(ran.stdout.split())
    again = CliRunner().invoke(main, ["contribution", "scaled", "--format", "markdown", *places])
    assert again.exit_code == 0, again.output
    assert "| 0 " in again.stdout


def test_one_text_is_explained_word_by_word(shell):
    words = ("explain", "a good film", "--model", "tiny-causal", "--method", "shapley-sampling", "-o", "permutations=3")
    told = shell(*words)
    assert told.exit_code == 0, told.output
    assert [line.split()[0] for line in told.stdout.splitlines()[1:]] == ["a", "good", "film"]
    explained = json.loads(shell(*words, "--json").stdout)
    total = sum(feature["score"] for feature in explained["features"])
    assert total == pytest.approx(explained["value_full"] - explained["value_empty"], abs=1e-4)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("explain", "", "--model", "tiny-causal"), "the text is empty"),
        (("explain", "x", "--model", "tiny-causl"), 'did you mean "tiny-causal"'),
        (("explain", "x " * 300, "--model", "tiny-causal"), "the model takes 128"),
        (("explain", "x", "--model", "tiny-causal", "-o", "nonsense"), "NAME=VALUE"),
        (("explain", "x", "--model", "tiny-causal", "-o", "steps=3"), "steps"),
        (("explain", "x", "--model", "tiny-causal", "--target", "neutral"), "not one of negative, positive"),
        (("leaderboard", "smal"), 'did you mean "small"'),
    ],
)
def test_bad_input_is_told_without_a_traceback(shell, words, told):
    ended = shell(*words)
    assert ended.exit_code == 4, ended.output
    assert told in ended.output
    assert "Traceback" not in ended.output
