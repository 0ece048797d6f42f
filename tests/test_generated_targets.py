"""A written text explained token by token: what one token owes to which word, and at which cost."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from attrimark.cli import main
from attrimark.document.figures import save, save_drawings
from attrimark.document.heat_map import heat_map
from attrimark.document.token_table import as_token_table
from attrimark.results.bundle import read_bundle, write_bundle
from attrimark.results.results import Results
from attrimark.results.store import Store
from attrimark.run.attribute import attribute
from attrimark.run.evaluator import SubsetEvaluator
from attrimark.run.job import Job, Task, from_json, to_json
from attrimark.run.local import Slot
from attrimark.run.measure import measure
from attrimark.run.meter import counted
from attrimark.run.prepare import prepare
from attrimark.run.scheduler import run
from attrimark.studies.words.word_figures import word_figures
from attrimark.suite.matrix import cells_of
from attrimark.suite.reading.suites import read_suite
from attrimark_plugins.methods.gradient import Gradient
from attrimark_plugins.methods.input_x_gradient import InputXGradient
from attrimark_plugins.methods.integrated_gradients import IntegratedGradients
from attrimark_plugins.methods.kernel_shap import KernelShap
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.methods.leverage_shap import LeverageShap
from attrimark_plugins.methods.random import Random
from attrimark_plugins.methods.shapley_antithetic import ShapleyAntithetic
from attrimark_plugins.methods.shapley_sampling import ShapleySampling
from attrimark_plugins.metrics.comprehensiveness import Comprehensiveness
from attrimark_plugins.metrics.effective_features import EffectiveFeatures
from attrimark_plugins.metrics.focus_entropy import FocusEntropy
from attrimark_plugins.models.tiny import TinyWriter
from attrimark_registry import (
    Attribution,
    AttrimarkError,
    Example,
    Feature,
    ModelMethod,
    Scores,
    SubsetMethod,
    Target,
    Unsupported,
    Writer,
    load_catalog,
)
from attrimark_registry.encoding import PROTECTED
from click.testing import CliRunner
from tokenizers import normalizers
from torch import nn

from tests.references import networks

# the value of a text is the sum of its tokens' values, and these methods are linear in the value
LINEAR = [
    LeaveOneOut(), ShapleySampling(permutations=3), ShapleyAntithetic(budget=64), KernelShap(budget=64),
    LeverageShap(budget=64), InputXGradient(), IntegratedGradients(steps=4),
]  # fmt: skip
SUBSETS = [method for method in LINEAR if isinstance(method, SubsetMethod)]
EXAMPLES = [
    Example(str(place), (text,), reference="very good ."[: 9 + 2 * (place % 2)])
    for place, text in enumerate((*networks.TEXTS[:2], "the film is witty , not sad"))
]


def explained(model, method, target="predicted", examples=EXAMPLES, each_token=True):
    with model.active():
        return attribute(prepare(model, examples, target, "word"), method, each_token=each_token).explained


@pytest.mark.parametrize("target", ["predicted", "gold"])
@pytest.mark.parametrize("method", LINEAR, ids=lambda method: method.name)
def test_scores_of_all_tokens_sum_to_those_of_the_text(method, target):
    for each in explained(networks.writer(), method, target):
        assert each.by_token.shape == (len(each.target.ids), len(each.features))
        np.testing.assert_allclose(each.by_token.sum(0), each.scores, atol=1e-5)


@pytest.mark.parametrize("reading", ["log-odds", "logit", "log-probability"])
def test_a_written_text_has_the_summed_log_probability_of_its_tokens_for_a_value(reading):
    model = networks.writer()
    for each in explained(model, LeaveOneOut(reading=reading)):
        expected = log_probabilities(model, each.example, each.target.ids)
        assert each.value_full == pytest.approx(float(expected.sum()), abs=1e-5)
        # the whole less what is left without the word, token by token
        without = [
            log_probabilities(model, each.example, each.target.ids, place) for place in range(len(each.features))
        ]
        np.testing.assert_allclose(each.by_token.T, expected - np.stack(without), atol=1e-5)


@pytest.mark.parametrize("method", [InputXGradient(), Gradient()], ids=lambda method: method.name)
def test_gradients_of_a_token_hold_the_tokens_before_it_fixed(method):
    model = networks.writer()
    for each in explained(model, method, "gold"):
        row = model.encode(each.example)
        table = model.network.get_input_embeddings().weight.detach()
        tail = table[list(each.target.ids[:-1])]
        for token, scores in enumerate(each.by_token):
            words = table[row.ids].clone().requires_grad_(True)
            logits = model.network(inputs_embeds=torch.cat([words, tail])[None]).logits[0, len(row) - 1 + token]
            (gradient,) = torch.autograd.grad(logits.log_softmax(-1)[each.target.ids[token]], words)
            slow = (words.detach() * gradient).sum(-1) if method.name == "input-x-gradient" else gradient.norm(dim=-1)
            wanted = [float(slow[row.feature_of == place].sum()) for place in range(len(row.features))]
            np.testing.assert_allclose(scores, wanted, atol=1e-5)


@pytest.mark.parametrize("method", SUBSETS, ids=lambda method: method.name)
def test_each_token_costs_no_forward_more(method):
    made, passes = {}, {}
    for each_token in (False, True):
        model = networks.writer()
        with counted(model) as found:
            made[each_token] = explained(model, method, each_token=each_token)
        passes[each_token] = found.forwards
    assert passes[True] == passes[False]
    for plain, each in zip(made[False], made[True], strict=True):
        np.testing.assert_allclose(each.scores, plain.scores, atol=1e-5)
        for name in ("own", "actual"):
            one, other = (replace(getattr(of, name), seconds=0.0, peak=None) for of in (plain, each))
            assert one == other


def test_a_gradient_method_pays_for_each_token():
    plain = explained(networks.writer(), Gradient(), each_token=False)
    for one, each in zip(plain, explained(networks.writer(), Gradient()), strict=True):
        times = 1 + len(each.target.ids)
        for name in ("forwards", "backwards", "tokens", "flops"):
            assert getattr(each.own, name) == times * getattr(one.own, name)
        np.testing.assert_allclose(each.scores, one.scores, atol=1e-5, rtol=1e-5)


class Curious(SubsetMethod):
    """Looks again at the feature that mattered most, without its neighbour."""

    name = "curious"

    def explore(self, features, rng):
        count = len(features)
        values = yield ~np.eye(count + 1, count, k=-1, dtype=bool)
        most = int(np.argmax(values[0] - values[1:]))
        yield np.arange(count)[None] < most
        return values[0] - values[1:]


def test_an_adaptive_method_pays_for_what_single_tokens_ask_beyond_the_text():
    model = networks.writer()
    with model.active():
        prepared = prepare(model, EXAMPLES[2:3], "predicted", "word")
        (each,) = attribute(prepared, Curious(), each_token=True).explained
    # distinct subsets, by hand: all, each left out, and the words before the one that mattered most to anything
    most = {int(scores.argmax()) for scores in (each.scores, *each.by_token)}
    count = len(each.features)
    asked = {keep.tobytes() for keep in ~np.eye(count + 1, count, k=-1, dtype=bool)}
    asked |= {(np.arange(count) < place).tobytes() for place in most}
    assert each.own.subsets == each.actual.subsets == len(asked)
    assert len(most) > 1, "the test needs tokens that look at different words"


def test_the_order_of_company_changes_no_cost_of_each_token():
    model = networks.writer()
    with model.active():
        prepared = prepare(model, EXAMPLES, "predicted", "word")
        first = attribute(prepared, LeaveOneOut(), each_token=True).explained
        attribute(prepared, ShapleySampling(permutations=2), each_token=True)
        again = attribute(prepared, LeaveOneOut(), each_token=True).explained
    assert [each.own.forwards for each in first] == [each.own.forwards for each in again]
    assert sum(each.actual.forwards for each in again) < sum(each.actual.forwards for each in first)


def test_a_random_explanation_of_each_token_is_drawn_alike():
    # common random numbers: the same draws for the whole and for each of its tokens
    for each in explained(networks.writer(), Random()):
        assert (each.by_token == each.scores).all()
        assert each.own.forwards == 0


# Planted: which word each token depends on is known


class Planted(nn.Module):
    """Logits are the sum of what every token before gives to its own word, and nothing else."""

    GIVES = (("gorgeous", "good"), ("dull", "sad"), ("witty", "very"))

    def __init__(self) -> None:
        super().__init__()
        words = len(networks.WORDS)
        self.embedding = nn.Embedding.from_pretrained(torch.eye(words), freeze=False)
        self.layers = nn.ModuleList([nn.Linear(words, words, bias=False)])
        given = torch.zeros(words, words)
        for word, written in self.GIVES:
            given[networks.WORDS.index(written), networks.WORDS.index(word)] = 4.0
        with torch.no_grad():
            self.layers[0].weight.copy_(given)  # pyright: ignore[reportCallIssue, reportArgumentType]
        self.config = SimpleNamespace(max_position_embeddings=64, hidden_size=words, num_hidden_layers=1)

    def get_input_embeddings(self) -> nn.Embedding:
        return self.embedding

    def forward(self, input_ids=None, inputs_embeds=None, attention_mask=None, logits_to_keep=0, **rest):
        given = self.embedding(input_ids) if inputs_embeds is None else inputs_embeds
        seen = (given * attention_mask.unsqueeze(-1)).cumsum(1)
        return SimpleNamespace(logits=self.layers[0](seen)[:, -logits_to_keep:])


@pytest.mark.parametrize("method", LINEAR, ids=lambda method: method.name)
def test_a_token_that_depends_on_one_word_has_its_maximum_there(method):
    model = Writer(Planted(), networks.tokenizer(False), networks.PROMPT, most=3)
    words = ("a", "dull", "but", "witty", "gorgeous", "film")  # so few that every budget is exact
    example = Example("planted", (" ".join(words),), reference="sad good very")
    (each,) = explained(model, method, "gold", [example])
    assert [words[place] for place in each.by_token.argmax(1)] == ["dull", "gorgeous", "witty"]
    idle = [place for place, word in enumerate(words) if word not in dict(Planted.GIVES)]
    np.testing.assert_allclose(each.by_token[:, idle], 0, atol=1e-5)


# What is written


def test_what_is_explained_is_written_greedily_and_stored_with_its_pieces():
    model = TinyWriter().load((), "cpu")
    examples = [Example(str(place), (text,)) for place, text in enumerate(("a good film", "dull 👩‍👩‍👧 café"))]
    for each in explained(model, LeaveOneOut(), examples=examples):
        (greedy,) = model.generate([model.encode(each.example)], model.most)
        assert each.explained == greedy == "".join(each.written)
        assert len(each.written) == len(each.target.ids) == model.most
        assert each.flags[-1] == "cut"


@pytest.mark.parametrize("text", ["a café 👩‍👩‍👧 noël", "הסרט היה טוב", "not less than 1.2 m\n\tof $width", "x"])
@pytest.mark.parametrize("shape", ["llama", "mistral", "gpt2"])
def test_pieces_join_to_the_text_and_none_is_half_a_character(shape, text):
    model = TinyWriter(shape=shape).load((), "cpu")
    ids = model.prompt.continuation(text)
    pieces = model.pieces(ids)
    assert "".join(pieces) == text
    assert len(pieces) == len(ids)


def test_a_text_that_ends_is_not_cut_and_an_empty_one_is_left_out():
    tokenizer = networks.tokenizer(False)
    tokenizer.eos_token = "good"
    model = Writer(Planted(), tokenizer, networks.PROMPT, most=3)
    examples = [Example("ends at once", ("gorgeous",)), Example("runs on", ("dull",))]
    with model.active():
        prepared = prepare(model, examples, "predicted", "word")
        assert prepared.left_out == {
            "ends at once": "example ends at once: the continuation is empty, so nothing is there to explain"
        }
        assert prepared.rows[0].flags == ("cut",)
        # a reference is whole, however long
        gold = prepare(model, [Example("gold", ("dull",), reference="sad sad sad")], "gold", "word")
        assert gold.rows[0].flags == ()


def test_references_that_are_missing_or_too_long_are_left_out_with_the_reason():
    model = networks.writer()
    examples = [Example("none", ("a film",)), Example("long", ("a film",), reference="good " * 80), EXAMPLES[0]]
    with model.active():
        prepared = prepare(model, examples, "gold", "word")
    assert [row.example.id for row in prepared.rows] == ["0"]
    assert "no reference" in prepared.left_out["none"]
    assert "the model takes 64" in prepared.left_out["long"]


# all but those that draw other orders for more words
@pytest.mark.parametrize(
    "method",
    [each for each in (*LINEAR, Gradient()) if not isinstance(each, ShapleySampling)],
    ids=lambda method: method.name,
)
def test_words_without_a_token_get_nothing_and_may_outnumber_all_tokens(method, tmp_path):
    model = networks.writer()
    model.tokenizer.backend_tokenizer.normalizer = normalizers.Replace("*", "")
    examples = [Example("0", ("* film * very *",), reference="sad"), Example("1", ("film very",), reference="sad")]
    with model.active():
        prepared = prepare(model, examples, "gold", "word")
        starred = prepared.rows[0]
        one, other = attribute(prepared, method, each_token=True).explained
    assert (len(starred.features), len(starred.target.ids)) == (5, 1)
    assert (starred.feature_of != PROTECTED).sum() == 2 < len(starred.features)
    assert "tokenless" in one.flags
    assert "tokenless" not in other.flags
    assert one.by_token.shape == (1, 5)
    for scores, without in ((one.scores, other.scores), (one.by_token[0], other.by_token[0])):
        np.testing.assert_allclose(scores[[0, 2, 4]], 0, atol=1e-5)
        np.testing.assert_allclose(scores[[1, 3]], without, atol=1e-5)
    # they are features, with a share of 0: the focus is that of five words, the effective number that of two
    assert EffectiveFeatures().compare(one, examples[0]) == pytest.approx(
        EffectiveFeatures().compare(other, examples[1])
    )
    spread = FocusEntropy().compare(one, examples[0])
    assert spread == pytest.approx(FocusEntropy().compare(other, examples[1]) * np.log(2) / np.log(5), abs=1e-5)
    assert len(save(heat_map(one), tmp_path, "starred")) == 2


def test_metrics_look_at_the_text_that_was_explained_and_stored():
    model = networks.writer()
    metric = Comprehensiveness()
    with model.active():
        prepared = prepare(model, EXAMPLES[:1], "gold", "word")
        (each,) = attribute(prepared, LeaveOneOut(), each_token=True).explained
        top = int(each.scores.argmax())
        for ids in (each.target.ids, (7, 8)):  # as explained now, and as another machine might have stored it
            stored = replace(each, target=Target(tuple(range(len(ids))), ids))
            (found,) = measure(prepared, metric, [stored], ("delete",))
            full, without = (log_probabilities(model, each.example, ids, left_out) for left_out in (None, top))
            assert found.value == pytest.approx(np.exp(full.mean()) - np.exp(without.mean()), abs=1e-5)


def test_a_model_that_decides_between_labels_has_no_tokens_to_explain():
    with pytest.raises(Unsupported, match="each_token explains a written text"):
        explained(networks.prompted(), LeaveOneOut())


class Blocks(ModelMethod):
    """One number a block."""

    name = "blocks"
    features = "components"

    def components(self, model):
        return ["one", "two"]

    def attribute(self, model, batch, rngs):
        return Scores(np.ones((len(batch), 2)))


def test_a_method_that_scores_parts_of_the_network_explains_the_whole_only():
    assert all(each.by_token is None for each in explained(networks.writer(), Blocks()))


def test_scores_of_a_wrong_shape_are_refused():
    each = explained(networks.writer(), LeaveOneOut())[0]
    for wrong in (each.by_token[:-1], each.by_token.astype(np.float64)):
        with pytest.raises(ValueError, match="scores of each token are an array"):
            replace(each, by_token=wrong)


# Bundles, cells and suites

SUITE = """
[suites.written]
datasets = [{ name = "planted", train = 20, validation = 2, test = 4 }]
models = [{ name = "tiny-writer", layers = 1 }]
methods = ["leave-one-out", "gradient"]
metrics = ["sufficiency"]
explain = 2
"""


def test_a_bundle_keeps_the_scores_of_each_token(tmp_path):
    whole = explained(networks.writer(), LeaveOneOut())
    mixed = [whole[0], replace(whole[1], by_token=None, written=()), *whole[2:]]
    for one, other in zip(mixed, read_bundle(write_bundle(mixed, tmp_path)), strict=True):
        np.testing.assert_array_equal(one.scores, other.scores)
        assert one.written == other.written
        assert (one.by_token is None) == (other.by_token is None)
        if one.by_token is not None:
            np.testing.assert_array_equal(one.by_token, other.by_token)


def test_a_bundle_without_tokens_says_nothing_of_them(tmp_path):
    # so that what was stored before tokens were explained has the same name, and is read
    plain = explained(networks.writer(), LeaveOneOut(), each_token=False)
    path = write_bundle(plain, tmp_path)
    assert b"written" not in path.read_bytes()
    assert all(each.by_token is None and each.written == () for each in read_bundle(path))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    catalog = load_catalog()
    (folder / "benchmarks.toml").write_text(SUITE)
    plain = cells_of(read_suite(folder / "benchmarks.toml", "written", catalog))
    (folder / "benchmarks.toml").write_text(f"{SUITE}each_token = true\n")
    suite = read_suite(folder / "benchmarks.toml", "written", catalog)
    with Store(folder / "store") as store:
        run(suite, store, [Slot(0, "cpu", 1)], catalog.manager)
        yield plain, Results(suite, store), catalog


@pytest.mark.long
def test_only_explanations_of_each_token_have_another_identity(written):
    plain, results, catalog = written
    each_token = results.cells
    assert plain[0].id == each_token[0].id  # the model alone
    assert all(one.id != other.id for one, other in zip(plain[1:], each_token[1:], strict=True))
    assert all("each token" not in cell.specs for cell in plain)
    for cell in each_token:
        (task,) = from_json(to_json(Job(cell.variant, (0,), (Task(cell, ()),))), catalog).tasks
        assert task.cell.id == cell.id


@pytest.mark.long
def test_a_run_draws_a_heat_map_for_each_method(written, tmp_path):
    _, results, _ = written
    assert {record.status for record in results.records.values()} == {"ok"}
    names = {path.name for path in save_drawings(word_figures(results), tmp_path)}
    assert {f"1-planted-tiny-writer-none-tokens-{method}.svg" for method in ("leave-one-out", "gradient")} < names
    assert len(names) == 6


# Pictures and tables

ODD = ("$width", "👩‍👩‍👧", "הסרט", "\x07bell", "w" * 60)
PIECES = (" not", "\n", "", "é")


def odd() -> Attribution:
    """Four tokens written after five words that are hard to draw."""
    by_token = np.arange(20, dtype=np.float32).reshape(4, 5) - 12
    features = tuple(Feature(word, 0, 0, 1) for word in ODD)
    target, example = Target((0, 1, 2, 3), (5, 6, 7, 8)), Example("odd", (" ".join(ODD),))
    return Attribution(example, features, by_token.sum(0), target, "".join(PIECES), by_token=by_token, written=PIECES)


def test_a_heat_map_shows_words_against_tokens_on_a_symmetric_scale(tmp_path):
    figure = heat_map(odd())
    (drawn,) = figure.axes[0].images
    np.testing.assert_array_equal(drawn.get_array(), odd().by_token.T)
    assert drawn.get_clim() == (-12, 12)
    red, green, blue, _ = drawn.cmap(0.5)
    assert min(red, green, blue) > 0.99
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["␣not", "⏎", "·", "é"]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == [r"\$width", "👩‍👩‍👧", "הסרט", "�bell", "w" * 23 + "…"]
    paths = save(figure, tmp_path, "odd")
    assert paths[0].read_bytes() == save(heat_map(odd()), tmp_path / "again", "odd")[0].read_bytes()
    assert "👩‍👩‍👧" in paths[0].read_text()


def test_no_heat_map_is_drawn_of_a_text_explained_as_a_whole():
    with pytest.raises(AttrimarkError, match="not explained one by one"):
        heat_map(replace(odd(), by_token=None, written=()))


def test_a_table_names_the_words_that_mattered_most_to_each_token():
    lines = as_token_table(odd(), most=2).splitlines()
    assert lines[0].split() == ["written", "word", "score", "word", "score"]
    assert [line.split()[0] for line in lines[1:]] == ["␣not", "⏎", "·", "é"]
    assert lines[1].split()[1:] == ["$width", "-12.0000", "👩‍👩‍👧", "-11.0000"]
    assert lines[4].split()[2::2] == ["+7.0000", "+6.0000"]


def test_the_command_explains_each_token(tmp_path):
    def call(*words):
        return CliRunner().invoke(main, ["explain", "a dull film", "--model", "tiny-writer", "--each-token", *words])

    told = json.loads(call("--json", "--target", "gold", "--reference", "very good").stdout)
    assert "".join(token["text"] for token in told["tokens"]) == told["explained"] == "very good"
    matrix = np.array([token["scores"] for token in told["tokens"]])
    np.testing.assert_allclose(matrix.sum(0), [feature["score"] for feature in told["features"]], atol=1e-5)
    shown = call("--figure", str(tmp_path / "drawn" / "heat.svg"))
    assert shown.exit_code == 0, shown.output
    assert "written" in shown.stdout
    assert ">dull<" in (tmp_path / "drawn" / "heat.svg").read_text()
    assert call("--figure", str(tmp_path / "heat.xyz")).exit_code == 4
    assert call("--model", "tiny-causal").exit_code == 4


def log_probabilities(model, example, ids, left_out=None) -> np.ndarray:
    """log p of each token after the text without one of its words: one plain forward, token by token."""
    row = model.encode(example)
    kept = np.append(np.arange(len(row.features)) != left_out, True)[row.feature_of]
    given = [*row.ids[kept].tolist(), *ids]
    with torch.no_grad():
        logits = model.network(torch.tensor([given])).logits[0].log_softmax(-1)
    return np.array([float(logits[len(given) - len(ids) - 1 + token, each]) for token, each in enumerate(ids)])


def test_the_evaluator_keeps_one_output_a_subset_for_all_tokens():
    model = networks.writer()
    with model.active():
        prepared = prepare(model, EXAMPLES, "predicted", "word")
        evaluator = SubsetEvaluator(model)
        attribute(replace(prepared, evaluator=evaluator), LeaveOneOut(), each_token=True)
    # the longest text is explained alone, by an evaluator of its own
    counts = sorted(len(row.features) + 1 for row in prepared.rows)
    assert len(evaluator._outputs) == sum(counts[:-1])
