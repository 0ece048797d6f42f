"""`benchmarks.toml` becomes suites, or one message that tells all that is wrong and where."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from attrimark.studies import built_in
from attrimark.studies.replication.replication import Replication
from attrimark.studies.stability.equivalence import Equivalence
from attrimark.studies.stability.prediction import Prediction
from attrimark.suite.reading.suites import ConfigError, Suite, read_suite, read_suites
from attrimark_registry import (
    Dataset,
    Metric,
    ModelMetric,
    ModelSource,
    PopulationMetric,
    Quantizer,
    Strategy,
    SubsetMethod,
    load_catalog,
)
from attrimark_registry.catalog import Broken, Catalog, Entry
from attrimark_registry.plugin import KINDS, Plugin
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, field_validator


class Snippets(Dataset):
    name = "snippets"
    domain: Literal["movies", "tweets"]

    def load(self) -> Any: ...


class Encoder(ModelSource):
    name = "encoder"

    def load(self, labels: Any, device: str) -> Any: ...


class Unchanged(Strategy):
    name = "none"

    def fine_tune(self, model: Any, train: Any, seeds: Any) -> Any: ...


class Lora(Strategy):
    name = "lora"
    layers: tuple[int, ...] = (1, 2)
    rank: int | Literal["full"] = 8

    def fine_tune(self, model: Any, train: Any, seeds: Any) -> Any: ...


class AsItIs(Quantizer):
    name = "none"

    def quantize(self, model: Any, device: Any = None) -> Any: ...


class FourBits(Quantizer):
    name = "nf4"

    def quantize(self, model: Any, device: Any = None) -> Any: ...


class Guess(SubsetMethod):
    name = "guess"
    permutations: int = Field(default=10, ge=1)
    folder: Path | None = None

    def explore(self, features: Any, rng: Any) -> Any: ...

    @field_validator("folder")
    @classmethod
    def _relative(cls, folder: Path | None) -> Path | None:
        if folder and folder.is_absolute():
            raise ValueError("write the folder relative to the file")
        return folder


class Spread(PopulationMetric):
    name = "spread"

    def terms(self, scores: Any, weights: Any) -> Any: ...


class Accuracy(ModelMetric):
    name = "accuracy"
    split: str = "explained"

    def measure(self, model: Any, examples: Any) -> Any: ...


class Drop(SubsetMethod):
    name = "drop"

    def explore(self, features: Any, rng: Any) -> Any: ...


class Sufficiency(Metric):
    name = "sufficiency"
    unit: ClassVar[str] = "probability"


def catalog_of(*plugins: type[Plugin], broken: tuple[Broken, ...] = ()) -> Catalog:
    entries: dict[Any, Any] = {kind: {p.name: Entry(p, "test") for p in plugins if p.kind == kind} for kind in KINDS}
    return Catalog(entries, broken, studies=tuple(built_in()))


CATALOG = catalog_of(Snippets, Encoder, Unchanged, Lora, AsItIs, FourBits, Guess, Drop, Sufficiency, Spread, Accuracy)

GOOD: str = """\
[suites.quick]
title = "Quick"
replicates = 2
datasets = [{ name = "snippets", domain = "movies" }]
models = ["encoder"]
methods = ["drop", { name = "guess", permutations = 5 }]
metrics = ["sufficiency"]
explain = 5

[[suites.quick.matrix]]
strategies = ["none", ["nf4", { name = "lora", layers = [3] }]]
seeds = 3

[[suites.quick.matrix]]
methods = ["guess"]
quantizers = ["none", "nf4"]
seeds = [4, 2]
operator = "delete"
operators = ["mask", "delete"]
explain = 7
"""


@pytest.fixture
def suites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to read from, so that messages name the file alone."""
    monkeypatch.chdir(tmp_path)
    return Path("benchmarks.toml")


def read(path: Path, text: str, catalog: Catalog = CATALOG) -> dict[str, Suite]:
    path.write_text(text, encoding="utf-8")
    return read_suites(path, catalog)


def complaints(path: Path, text: str, catalog: Catalog = CATALOG) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read(path, text, catalog)
    return str(error.value).splitlines()


def test_a_suite_is_its_matrices_with_the_defaults_it_gives_them(suites: Path) -> None:
    suite = read(suites, GOOD)["quick"]
    first, second = suite.matrices
    assert (suite.title, suite.replicates, suite.seed, suite.isolate) == ("Quick", 2, 0, False)
    assert first.datasets == second.datasets == (Snippets(domain="movies"),)
    assert first.methods == (Drop(), Guess(permutations=5))
    assert first.strategies == ((), (FourBits(), Lora(layers=(3,))))
    assert first.quantizers == (AsItIs(),)
    assert (first.seeds, first.explain, first.operators, first.target) == ((0, 1, 2), 5, None, "predicted")
    assert second.methods == (Guess(),)
    assert second.strategies == ((),)
    assert second.quantizers == (AsItIs(), FourBits())
    assert (second.seeds, second.explain, second.operator) == ((4, 2), 7, "delete")
    assert second.operators == ("mask", "delete")


def test_the_suites_of_this_repository_can_be_read() -> None:
    assert "quickstart" in read_suites(Path(__file__).parents[1] / "benchmarks.toml", load_catalog())


def test_a_suite_without_a_matrix_is_one(suites: Path) -> None:
    alone = GOOD.partition("[[")[0]
    assert len(read(suites, alone)["quick"].matrices) == 1


def test_an_option_is_read_as_its_plugin_declares_it(suites: Path) -> None:
    text = GOOD.replace("permutations = 5", 'folder = "here"')
    assert read(suites, text)["quick"].matrices[0].methods[1] == Guess(folder=Path("here"))


ALL_AT_ONCE = """\
benchmarks.toml:2:1: suites.quick.title: must be a string, not 3
benchmarks.toml:3:1: suites.quick.replicates: must be at least 1, not 0
benchmarks.toml:4:34: suites.quick.datasets[0].domain: must be "movies" or "tweets", not "movie"; did you mean "movies"?
benchmarks.toml:5:1: suites.quick.models: must be a list of one or more, not "encoder"
benchmarks.toml:8:5: suites.quick.methods[1]: no method named "gues"; did you mean "guess"?
benchmarks.toml:9:23: suites.quick.methods[2].permutations: must be at least 1, not 0
benchmarks.toml:10:5: suites.quick.methods[3]: the same as methods[0]: name each once
benchmarks.toml:12:1: suites.quick.metrics: must be a list of one or more, not an empty list
benchmarks.toml:13:1: suites.quick.explane: unknown key (allowed: title, seed, replicates, isolate, primary, margin, store_text, timeout, replication, equivalent, predictions, comparisons, multiverse, matrix, datasets, models, methods, metrics, quantizers, strategies, seeds, operator, operators, target, granularity, pooling, explain, train, each_token); did you mean "explain"?
benchmarks.toml:15:15: suites.quick.matrix[0].strategies[0]: no strategy named "nf5"; did you mean "nf4"?
benchmarks.toml:15:48: suites.quick.matrix[0].strategies[1][1].rank: must be an integer or "full", not "fulll"; did you mean "full"?
benchmarks.toml:15:77: suites.quick.matrix[0].strategies[1][1].layers[1]: must be an integer, not "2"
benchmarks.toml:15:86: suites.quick.matrix[0].strategies[2]: must not be empty: "none" is the model as loaded
benchmarks.toml:16:15: suites.quick.matrix[0].quantizers[0]: "lora" is a strategy, not a quantizer
benchmarks.toml:17:13: suites.quick.matrix[0].seeds[1]: must be at least 0, not -1
benchmarks.toml:17:17: suites.quick.matrix[0].seeds[2]: must be an integer, not 1.5
benchmarks.toml:18:1: suites.quick.matrix[0].operator: must be "mask", "delete", "pad", "attention" or "mean", not "remove"
benchmarks.toml:19:1: suites.quick.matrix[0].title: unknown key (allowed: datasets, models, methods, metrics, quantizers, strategies, seeds, operator, operators, target, granularity, pooling, explain, train, each_token)
benchmarks.toml:21:22: suites.quick.matrix[1].models[1]: must be a name or a table with a name, not 7
benchmarks.toml:21:25: suites.quick.matrix[1].models[2]: missing "name"
benchmarks.toml:21:67: suites.quick.matrix[1].models[3].size: unknown key (allowed: name, as)
benchmarks.toml:22:32: suites.quick.matrix[1].operators[2]: the same as operators[0]: name each once
benchmarks.toml:23:1: suites.quick.matrix[1].train: must be an integer, not true
"""  # noqa: E501


def test_all_errors_are_told_at_once_in_the_order_of_the_file(suites: Path) -> None:
    text = """\
[suites.quick]
title = 3
replicates = 0
datasets = [{ name = "snippets", domain = "movie" }]
models = "encoder"
methods = [
    "drop",
    "gues",
    { name = "guess", permutations = 0 },
    "drop",
]
metrics = []
explane = 5
[[suites.quick.matrix]]
strategies = ["nf5", ["lora", { name = "lora", rank = "fulll", layers = [1, "2"] }], []]
quantizers = ["lora"]
seeds = [1, -1, 1.5]
operator = "remove"
title = "no key of a matrix"
[[suites.quick.matrix]]
models = ["encoder", 7, { permutations = 3 }, { name = "encoder", size = 2 }]
operators = ["mask", "delete", "mask"]
train = true
"""
    assert complaints(suites, text) == ALL_AT_ONCE.splitlines()


LEAST = 'models = ["encoder"]\nmethods = ["drop"]\nmetrics = ["sufficiency"]\n'
MOVIES = 'datasets = [{ name = "snippets", domain = "movies" }]\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["benchmarks.toml: there are no suites: write a table [suites.NAME]"]),
        ("suites = 3", ["benchmarks.toml:1:1: suites: must be a table, not 3"]),
        ("[suites]\na = 1", ["benchmarks.toml:2:1: suites.a: must be a table, not 1"]),
        ("[suits.a]", ['benchmarks.toml:1:2: suits: unknown key (allowed: suites); did you mean "suites"?']),
        (f"[suites.a]\n{LEAST}", ['benchmarks.toml:1:9: suites.a: missing "datasets"']),
        (f"[suites.a]\n{LEAST}[[suites.a.matrix]]",
         ['benchmarks.toml:5:12: suites.a.matrix[0]: missing "datasets"']),
        (f"[suites.a]\n{MOVIES}{LEAST}[suites.a.matrix]",
         ["benchmarks.toml:6:11: suites.a.matrix: must be tables: write [[suites.a.matrix]] above each"]),
        (f'[suites.a]\n{LEAST}datasets = ["snippets"]',
         ['benchmarks.toml:5:13: suites.a.datasets[0]: missing "domain"']),
        (f"[suites.a]\n{MOVIES}{LEAST}seeds = 0",
         ["benchmarks.toml:6:1: suites.a.seeds: must be at least 1 or a list, not 0"]),
        (f"[suites.a]\n{MOVIES}{LEAST}operators = []",
         ["benchmarks.toml:6:1: suites.a.operators: must be a list of 1 or more, not an empty list"]),
        (f"[suites.a]\n{MOVIES}{LEAST}seed = 1979-05-27",
         ["benchmarks.toml:6:1: suites.a.seed: dates and times have no meaning here: write a string"]),
        (f"[suites.a]\n{MOVIES}{LEAST}seed = 0x{'f' * 9000}",
         ["benchmarks.toml:6:1: suites.a.seed: integers have at most 64 bits"]),
        (f'[suites.a]\n{MOVIES}{LEAST}'.replace('"drop"', '{ name = "guess", folder = "/etc" }'),
         ["benchmarks.toml:4:30: suites.a.methods[0].folder: write the folder relative to the file"]),
        ("[suites.a]\nx = ]", ["benchmarks.toml:2:5: not TOML: Invalid value"]),
        ("[suites.a]\nx = [1,", ["benchmarks.toml:2:8: not TOML: Invalid value"]),
        (f"x = {'[' * 100_000}", ["benchmarks.toml: lists or tables are nested too deeply"]),
    ],
)  # fmt: skip
def test_each_error_says_where_it_is_and_what_is_allowed(suites: Path, text: str, told: list[str]) -> None:
    assert complaints(suites, text) == told


OVER_SEEDS = """\
[suites.a]
datasets = [{ name = "snippets", domain = "movies" }]
models = ["encoder"]
methods = ["drop"]
metrics = ["spread", { name = "accuracy", split = "test" }]
strategies = ["lora"]
quantizers = ["none", "nf4"]
equivalent = { most = 10, split = "test" }

[[suites.a.predictions]]
says = "Quantizing spreads"
metric = "spread"
chain = "lora → nf4"
than = "lora"
expect = "higher"
"""


def test_a_suite_says_which_seeds_count_and_what_is_expected_of_them(suites: Path) -> None:
    suite = read(suites, OVER_SEEDS)["a"]
    assert suite.asks["equivalent"] == Equivalence(most=10, split="test")
    assert suite.asks["predictions"] == (
        Prediction(says="Quantizing spreads", metric="spread", chain="lora → nf4", than="lora", expect="higher"),
    )
    assert suite.compares_seeds
    assert not read(suites, GOOD)["quick"].compares_seeds


def test_a_suite_says_what_gates_and_whether_texts_are_shown(suites: Path) -> None:
    rules = 'primary = ["accuracy(split=test)"]\nstore_text = false\n'
    suite = read(suites, OVER_SEEDS.replace("equivalent", rules + "equivalent"))["a"]
    assert (suite.primary, suite.store_text) == (("accuracy(split=test)",), False)
    plain = read(suites, OVER_SEEDS)["a"]
    assert (plain.primary, plain.store_text) == ((), True)


def test_a_suite_says_what_it_replicates_and_what_was_predicted(suites: Path) -> None:
    rules = 'replication = { of = "claim", prediction = "less noise", rule = "the interval leaves 1 out" }\n'
    suite = read(suites, OVER_SEEDS.replace("equivalent", rules + "equivalent"))["a"]
    assert suite.asks.get("replication") == Replication(
        of="claim", prediction="less noise", rule="the interval leaves 1 out"
    )
    first, second = suite.asks.get("replication").says
    assert first.startswith("Claim replicated, where its prediction holds")
    assert second == "Predicted before the first run: less noise. The rule: the interval leaves 1 out."
    assert [*Replication(of="protocol").says][1] == "Nothing was predicted before the first run."
    assert read(suites, OVER_SEEDS)["a"].asks.get("replication") is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ('"protocol"', "suites.a.replication"),
        ('{ of = "claims" }', 'must be "protocol" or "claim", not "claims"; did you mean "claim"?'),
        ('{ of = "claim" }', "a claim is replicated only by a prediction and a rule"),
        ('{ of = "protocol", rule = "p" }', "a prediction and the rule that judges it are written down together"),
        ('{ of = "protocol", rules = "p" }', "unknown key (allowed: of, prediction, rule)"),
    ],
)
def test_a_replication_without_its_rule_is_refused(suites: Path, given: str, told: str) -> None:
    [line] = complaints(suites, OVER_SEEDS.replace("equivalent", f"replication = {given}\nequivalent"))
    assert told in line


def test_the_documents_say_of_each_suite_what_it_replicates() -> None:
    root = Path(__file__).parents[1]
    table = (root / "docs" / "suites.md").read_text(encoding="utf-8").partition("## Suites that come")[2]
    rows = [line.strip("|").split("|") for line in table.partition("##")[0].splitlines() if line.startswith("| `")]
    said = {name.strip(" `"): told.strip() for names, _, told in rows for name in names.split(",")}
    suites = read_suites(root / "benchmarks.toml", load_catalog())
    found = {name: suite.asks.get("replication") for name, suite in suites.items()}
    assert said == {name: repeated.of if repeated else "–" for name, repeated in found.items()}
    assert all(repeated for name, repeated in found.items() if name.startswith("paper"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ('["acuracy"]', 'suites.a.primary[0]: "acuracy" is not in this suite (there are: accuracy, '),
        ('["accuracy", "spread"]', 'suites.a.primary[1]: "spread" is not in this suite'),
        ('["accuracy", "accuracy"]', "suites.a.primary[1]: the same as primary[0]"),
        ('["a", "b", "c", "d", "e", "f"]', "suites.a.primary: must be a list of 5 or fewer"),
        ("[]", "suites.a.primary: must be a list of 1 or more"),
    ],
)
def test_what_gates_must_be_measured_in_the_suite_and_be_few(suites: Path, given: str, told: str) -> None:
    [line] = complaints(suites, OVER_SEEDS.replace("equivalent", f"primary = {given}\nequivalent"))
    assert told in line


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('chain = "lora → nf4"', 'chain = "lora → fp4"',
         "13:1: suites.a.predictions[0].chain: \"lora → fp4\" is not in this suite (there are: lora, lora → nf4); "
         'did you mean "lora → nf4"?'),
        ('metric = "spread"', 'metric = "sprad"',
         '12:1: suites.a.predictions[0].metric: "sprad" is not in this suite (there are: spread); '
         'did you mean "spread"?'),
        ('expect = "higher"', 'expect = "more"', '15:1: suites.a.predictions[0].expect: must be "lower", "higher", '
         '"same", "not lower" or "not higher", not "more"'),
        ("most = 10,", "most = 0,", "8:1: suites.a.equivalent.most: must be at least 1, not 0"),
        ("most = 10,", "least = 10,", "8:1: suites.a.equivalent.least: unknown key (allowed: most, critical"),
        ('split = "test" }]', 'split = "validation" }]',
         "8:1: suites.a.equivalent: seeds are chosen by their accuracy on the test texts: add "
         '{ name = "accuracy", split = "test" } to metrics'),
    ],
)  # fmt: skip
def test_what_is_said_of_seeds_must_be_in_the_suite(suites: Path, before: str, after: str, told: str) -> None:
    assert before in OVER_SEEDS
    [line] = complaints(suites, OVER_SEEDS.replace(before, after))
    assert line.partition(" suites.")[2].startswith(told.partition(" suites.")[2]), line


def test_a_missing_file_says_where_it_was_looked_for_and_what_to_write(suites: Path) -> None:
    with pytest.raises(ConfigError, match="no such file") as error:
        read_suites(suites, CATALOG)
    message = str(error.value)
    assert str(Path.cwd()) in message
    assert tomllib.loads(message.partition("\n\n")[2])["suites"]["first"]["models"] == ["minilm"]


def test_a_folder_cannot_be_read(suites: Path) -> None:
    suites.mkdir()
    with pytest.raises(ConfigError, match=r"benchmarks.toml: cannot be read: "):
        read_suites(suites, CATALOG)


def test_other_encodings_are_named_where_they_begin(suites: Path) -> None:
    suites.write_bytes("a = 1\nb = 'é'".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"benchmarks.toml:2:6: the byte 0xe9 is no UTF-8"):
        read_suites(suites, CATALOG)


def test_windows_editors_may_write_it(suites: Path) -> None:
    suites.write_bytes(GOOD.replace("\n", "\r\n").encode("utf-8-sig"))
    assert len(read_suites(suites, CATALOG)["quick"].matrices) == 2


def test_one_suite_is_read_whatever_the_others_name(suites: Path) -> None:
    suites.write_text(GOOD + '[suites.other]\nmethods = ["not-installed"]\n', encoding="utf-8")
    assert read_suite(suites, "quick", CATALOG).name == "quick"
    with pytest.raises(ConfigError, match=r'"quik" \(there are: quick, other\); did you mean "quick"\?'):
        read_suite(suites, "quik", CATALOG)
    with pytest.raises(ConfigError, match='no method named "not-installed"'):
        read_suites(suites, CATALOG)


def test_an_unknown_plugin_may_be_in_a_distribution_that_could_not_be_loaded(suites: Path) -> None:
    catalog = catalog_of(*(entry.plugin for entry in CATALOG), broken=(Broken("methods", "acme", "ImportError", ""),))
    [line] = complaints(suites, GOOD.replace('"drop"', '"acme-lens"'), catalog)
    assert line.endswith("; acme could not be loaded, see: attrimark plugins")


def test_the_file_is_data_and_runs_nothing(suites: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TITLE", "expanded")
    title = "${TITLE} $TITLE %TITLE% {{ 1 + 1 }} `id` !!python/object:os.system ~"
    text = GOOD.replace('title = "Quick"', f"title = '{title}'")
    read(suites, text)  # whatever is imported once has been imported
    events: list[str] = []
    listening = [True]
    sys.addaudithook(lambda event, _: events.append(event) if listening[0] else None)
    suite = read_suites(suites, CATALOG)["quick"]
    listening[0] = False
    assert suite.title == title
    assert not {event for event in events if event in ("import", "exec", "compile", "os.system", "subprocess.Popen")}


WORDS = st.sampled_from(["drop", "guess", "nf4", "seeds", "", "é", "none", "encoder"])
ANY_VALUE: Any = st.recursive(
    st.integers() | st.booleans() | WORDS | st.floats(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS | st.just("name"), inner, max_size=2),
    max_leaves=4,
)


@given(data=st.data())
def test_whatever_a_value_is_changed_to_the_suite_is_read_or_its_place_is_named(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    lines: list[str] = GOOD.splitlines()
    at = data.draw(st.sampled_from([index for index, line in enumerate(lines) if "=" in line]))
    key = lines[at].partition("=")[0]
    lines[at] = f"{key}= {as_toml(data.draw(ANY_VALUE))}"
    path = tmp_path_factory.getbasetemp() / "benchmarks.toml"
    told = refusal(path, "\n".join(lines))
    assert all(line.startswith(f"{path}:{at + 1}:") for line in told)


@given(data=st.data())
def test_whatever_a_file_is_cut_to_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(GOOD)))
    end = data.draw(st.integers(start, len(GOOD)))
    path = tmp_path_factory.getbasetemp() / "benchmarks.toml"
    told = refusal(path, GOOD[:start] + data.draw(st.text('[]{}="\n ', max_size=3)) + GOOD[end:])
    assert all(line.startswith(f"{path}:") for line in told)


def refusal(path: Path, text: str) -> list[str]:
    """What is told of a text; nothing where it is read."""
    try:
        read(path, text)
    except ConfigError as error:
        return str(error).splitlines()
    return []


def as_toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"'{key}' = {as_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, str):
        return f"'{value}'"
    return str(value).lower()
