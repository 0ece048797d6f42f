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

    run.store = str(folder / "store")
    run.config = str(folder / "benchmarks.toml")
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
    assert shell("leaderboard", "small").stdout.strip() == first.stdout.strip()
    boards = json.loads(shell("leaderboard", "small", "--json").stdout)
    assert len(boards) == 2
    assert "|" in shell("leaderboard", "small", "--format", "markdown").stdout


def test_a_metric_that_the_suite_has_not_is_wrong_usage(shell):
    told = shell("leaderboard", "small", "--metric", "suficiency")
    assert told.exit_code == 4
    assert "it has accuracy, sufficiency" in told.output
    told = shell("leaderboard", "small", "--metric", "accuracy")
    assert told.exit_code == 4
    assert "accuracy judges the model alone and has no column" in told.output


READERS = ("leaderboard", "multiverse", "stability", "strategies", "contribution", "report")


@pytest.mark.parametrize("command", READERS)
def test_a_mistyped_folder_is_named_and_not_made(shell, tmp_path, command):
    words = [command, "small", "--config", shell.config, "--store", str(tmp_path / "attrimrk")]
    refused = CliRunner().invoke(main, words)
    assert refused.exit_code == 5, refused.output
    assert "attrimrk holds no results: run the suite first (attrimark run small)" in refused.output
    assert not (tmp_path / "attrimrk").exists()


def test_a_plan_makes_no_store_in_a_folder_of_something_else(shell, tmp_path):
    told = CliRunner().invoke(main, ["plan", "small", "--config", shell.config, "--store", str(tmp_path)])
    assert told.exit_code == 0, told.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["leaderboard", "contribution", "report"])
def test_a_suite_that_was_not_run_has_the_exit_code_of_nothing(shell, tmp_path, command):
    shell("run", "small", "--quiet", "--threads", "1")
    config = tmp_path / "benchmarks.toml"
    config.write_text(SUITE.replace("small", "other").replace("test = 4", "test = 5"))
    words = [
        "--config",
        str(config),
        "--store",
        shell.store,
        *(["-o", str(tmp_path / "x")] if command == "report" else []),
    ]
    refused = CliRunner().invoke(main, [command, "other", *words])
    assert refused.exit_code == 5, refused.output
    assert "run the suite first" in refused.output or "run it first" in refused.output


def test_leaderboards_are_written_in_every_form(shell, tmp_path):
    shell("run", "small", "--quiet", "--threads", "1")
    for form, told in (("csv", "dataset,model,"), ("latex", "\\toprule"), ("json", '"rows"'), ("markdown", "| method")):
        path = tmp_path / "inside" / f"board.{form}"
        written = shell("leaderboard", "small", "--format", form, "-o", str(path))
        assert (written.exit_code, written.stdout) == (0, ""), written.output
        assert told in path.read_text()
        assert path.read_text() == shell("leaderboard", "small", "--format", form).stdout.rstrip("\n") + "\n"


@pytest.mark.long
def test_a_file_that_cannot_be_written_is_named_and_stays_as_it_was(shell, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "file").write_text("kept")
    shell("run", "small", "--quiet", "--threads", "1")
    for path in (tmp_path / "old", tmp_path / "file" / "board.csv"):
        refused = shell("leaderboard", "small", "--format", "csv", "-o", str(path))
        assert refused.exit_code == 4
        assert path.name in refused.output
    assert (tmp_path / "file").read_text() == "kept"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "old"]


@pytest.mark.long
def test_variants_are_ranked_together_but_their_raw_scores_refused(shell):
    shell("run", "small", "--quiet", "--threads", "1")
    ranks = shell("leaderboard", "small", "--across", "ranks")
    assert ranks.exit_code == 0, ranks.output
    assert "mean rank" in ranks.stdout
    assert json.loads(shell("leaderboard", "small", "--across", "ranks", "--json").stdout)[0]["over"] == "variants"
    refused = shell("leaderboard", "small", "--across", "scores")
    assert refused.exit_code == 4
    assert "measure normalised-aopc" in refused.output
    rows = shell("leaderboard", "small", "--across", "ranks", "--format", "csv").stdout
    assert rows.startswith("section,table,row,column,value\n")


BOUNDED = """
[suites.bounded]
datasets = [{ name = "planted", train = 20, validation = 2, test = 6 }]
models = [{ name = "tiny-encoder", layers = 1 }, { name = "tiny-encoder", layers = 2 }]
strategies = [{ name = "full", epochs = 4 }]
methods = ["random", "leave-one-out"]
metrics = ["normalised-aopc", "sufficiency"]
explain = 6
"""


@pytest.mark.long
def test_normalised_scores_of_two_networks_stand_side_by_side(tmp_path):
    (tmp_path / "benchmarks.toml").write_text(BOUNDED)
    places = ["--config", str(tmp_path / "benchmarks.toml"), "--store", str(tmp_path / "store")]
    ran = CliRunner().invoke(main, ["run", "bounded", "--quiet", "--threads", "1", *places])
    assert ran.exit_code == 0, ran.output
    told = CliRunner().invoke(main, ["leaderboard", "bounded", "--across", "scores", "--json", *places])
    assert told.exit_code == 0, told.output
    (found,) = json.loads(told.stdout)
    assert len(found["variants"]) == 2
    assert 0 < found["alike"] <= found["texts"] == 6
    scores = found["scores"]["normalised-aopc"]
    assert all(0 <= each["mean"] <= 1 for by_variant in scores.values() for each in by_variant.values())
    assert list(found["refused"]) == ["sufficiency"]
    board, *_ = json.loads(CliRunner().invoke(main, ["leaderboard", "bounded", "--json", *places]).stdout)
    scale = board["columns"][0]["scale"]
    assert scale["random"] < scale["best"]  # the best order of each text is known


@pytest.mark.long
def test_two_runs_are_compared_and_what_they_have_not_is_told(shell, tmp_path):
    shell("run", "small", "--quiet", "--threads", "1")
    store = str(tmp_path / "store")
    config = str(tmp_path / "benchmarks.toml")
    (tmp_path / "benchmarks.toml").write_text(
        SUITE.replace("small", "again").replace('"gradient"', '"input-x-gradient"')
    )
    other = ["--config", config, "--store", store]
    assert CliRunner().invoke(main, ["run", "again", "--quiet", "--threads", "1", *other]).exit_code == 0
    (tmp_path / "benchmarks.toml").write_text(SUITE)
    first = shell.store
    same = CliRunner().invoke(main, ["compare", first, first, "--suite", "small", "--json", *other])
    assert same.exit_code == 0, same.output
    changes = [change for place in json.loads(same.stdout)["places"] for change in place["changes"]]
    assert {change["difference"]["mean"] for change in changes} == {0.0}
    told = CliRunner().invoke(main, ["compare", first, store, "--suite", "small", *other])
    assert told.exit_code == 0, told.output
    assert "gradient" in told.stdout.split("Only in")[1]
    for words, code, reason in (
        (["compare", "small", "smal"], 4, 'did you mean "small"'),
        (["compare", first, str(tmp_path / "nowhere"), "--suite", "small"], 5, "holds no results"),
        (["compare", first, store], 4, "name the --suite"),
    ):
        refused = CliRunner().invoke(main, [*words, *other])
        assert (refused.exit_code, reason in refused.output) == (code, True), refused.output
    assert not (tmp_path / "nowhere").exists()


def test_runs_with_nothing_in_common_have_an_exit_code_of_their_own(shell, tmp_path):
    suites = SUITE + SUITE.replace("small", "other").replace("test = 4", "test = 5")
    (tmp_path / "benchmarks.toml").write_text(suites)
    shell("run", "small", "--quiet", "--threads", "1")
    words = ["compare", "small", "other", "--config", str(tmp_path / "benchmarks.toml"), "--store", shell.store]
    refused = CliRunner().invoke(main, words)
    assert refused.exit_code == 5
    assert "other holds no results of this suite" in refused.output


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


@pytest.mark.long
def test_a_run_of_scaled_networks_ends_with_their_curve(tmp_path):
    (tmp_path / "benchmarks.toml").write_text(SCALED)
    places = ["--config", str(tmp_path / "benchmarks.toml"), "--store", str(tmp_path / "store")]
    ran = CliRunner().invoke(main, ["run", "scaled", "--quiet", "--threads", "1", *places])
    assert ran.exit_code == 0, ran.output
    assert "fine-tuning counts α times" in " ".join(ran.stdout.split())
    again = CliRunner().invoke(main, ["contribution", "scaled", "--format", "markdown", *places])
    assert again.exit_code == 0, again.output
    assert "| 0 " in again.stdout
    # no explanation is judged, so there is no leaderboard to write
    (tmp_path / "board.csv").write_text("kept")
    for extra in ([], ["--format", "csv", "-o", str(tmp_path / "board.csv")], ["--across", "ranks"], ["--json"]):
        refused = CliRunner().invoke(main, ["leaderboard", "scaled", *extra, *places])
        assert (refused.exit_code, refused.stdout) == (5, "")
        assert "See attrimark contribution scaled" in refused.stderr
    assert (tmp_path / "board.csv").read_text() == "kept"


def test_one_text_is_explained_word_by_word(shell):
    words = ("explain", "a good film", "--model", "tiny-causal", "--method", "shapley-sampling", "-o", "permutations=3")
    told = shell(*words)
    assert told.exit_code == 0, told.output
    assert [line.split()[0] for line in told.stdout.splitlines()[1:]] == ["a", "good", "film"]
    explained = json.loads(shell(*words, "--json").stdout)
    total = sum(feature["score"] for feature in explained["features"])
    assert total == pytest.approx(explained["value_full"] - explained["value_empty"], abs=1e-4)


def test_a_plugin_is_written_as_in_a_suite(shell):
    told = shell("explain", "a good film", "--model", '{ name = "tiny-causal", seed = 3, layers = 1 }', "--json",
                 "--method", '{ name = "shapley-sampling" }', "-o", "permutations=2")  # fmt: skip
    assert told.exit_code == 0, told.output
    plain = shell("explain", "a good film", "--model", "tiny-causal", "--json",
                  "--method", '{ name = "shapley-sampling", permutations = 2 }')  # fmt: skip
    one, other = json.loads(told.stdout), json.loads(plain.stdout)
    assert one["method"] == other["method"] == "shapley-sampling(permutations=2)"
    assert one["value_full"] != other["value_full"]
    beside = shell("explain", "a good film", "--model", "tiny-causal", "--json", "-o", "permutations=3",
                   "--method", '{ name = "shapley-sampling", permutations = 2 }')  # fmt: skip
    assert json.loads(beside.stdout)["method"] == "shapley-sampling(permutations=3)"


def test_a_plan_tells_the_texts_that_a_model_without_training_leaves_over(tmp_path):
    (tmp_path / "benchmarks.toml").write_text(SUITE.replace("test = 4", "test = 2"))
    told = CliRunner().invoke(main, ["plan", "small", "--config", str(tmp_path / "benchmarks.toml")])
    assert "explains 2 of 2 texts for testing; 22 more are for training, and nothing is trained" in told.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("explain", "x", "--model", "{ name = "), "no TOML table"),
        (("explain", "x", "--model", "{ nam = 'tiny-causal' }"), "names no plugin"),
        (("explain", "", "--model", "tiny-causal"), "the text is empty"),
        (("explain", "x", "--model", "tiny-causl"), 'did you mean "tiny-causal"'),
        (("explain", "x " * 300, "--model", "tiny-causal"), "the model takes 128"),
        (("explain", "x", "--model", "tiny-causal", "-o", "nonsense"), "NAME=VALUE"),
        (("explain", "x", "--model", "tiny-causal", "-o", "steps=3"), "steps"),
        (("explain", "x", "--model", "tiny-causal", "-o", "name=lrp"), "name: Extra inputs"),
        (("explain", "x", "--model", "{ name = 'tiny-causal', kind = 1 }"), "kind: Extra inputs"),
        (("explain", "x", "--model", "tiny-causal", "--target", "neutral"), "not one of negative, positive"),
        (("leaderboard", "smal"), 'did you mean "small"'),
    ],
)
def test_bad_input_is_told_without_a_traceback(shell, words, told):
    ended = shell(*words)
    assert ended.exit_code == 4, ended.output
    assert told in ended.output
    assert "Traceback" not in ended.output
