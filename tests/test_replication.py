"""What a suite replicates stands where it is planned and where it is reported, with the prediction and the rule."""

import json

import pytest
from attrimark.cli import main
from attrimark.commands.report import parts_of
from attrimark.results.results import Results
from attrimark.results.store import Store
from attrimark.studies import built_in
from attrimark.suite.reading.suites import read_suite
from attrimark_registry import load_catalog
from click.testing import CliRunner

SUITE = """
[suites.small]
datasets = [{ name = "planted", train = 8, validation = 2, test = 4 }]
models = [{ name = "tiny-causal", layers = 1 }]
methods = ["random"]
metrics = ["sufficiency"]
explain = 2
"""
CLAIM = """
[suites.small.replication]
of = "claim"
prediction = "random is no better than <random>"
rule = "the interval holds 0"
"""
PROTOCOL = '[suites.small.replication]\nof = "protocol"\n'


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (
            CLAIM,
            (
                "Claim replicated, where its prediction holds",
                "random is no better than <random>. The rule: the interval holds 0.",
            ),
        ),
        (PROTOCOL, ("Protocol replicated", "Nothing was predicted before the first run.")),
        ("", ()),
    ],
)
def test_the_plan_and_the_report_say_what_is_replicated(tmp_path, written, told):
    path = tmp_path / "benchmarks.toml"
    path.write_text(SUITE + written)
    words = ["plan", "small", "--config", str(path), "--store", str(tmp_path / "none")]
    planned = CliRunner().invoke(main, words)
    assert planned.exit_code == 0, planned.output
    suite = read_suite(path, "small", load_catalog())
    with Store(tmp_path / "store") as store:
        parts = parts_of(built_in(), Results(suite, store))
    mine = [section for part in parts if part.title == "Replication" for section in part.sections]
    assert (parts[0].title == "Replication") is bool(told)
    page = [line for section in mine for line in section.sentences]
    for each in told:
        assert each in planned.stdout
        assert any(each in line for line in page)
    assert len(page) == len(told)
    assert [answer for section in mine for answer in section.answers] == page[:1]
    assert ("replicated" in planned.stdout) is bool(told)
    repeated = json.loads(CliRunner().invoke(main, [*words, "--json"]).stdout)["replication"]
    assert (repeated and repeated["of"]) == (suite.asks.get("replication") and suite.asks.get("replication").of)
