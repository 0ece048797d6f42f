"""Token-tree packing: the numbers of every row alone, from every shared beginning computed once."""

from itertools import product

import captum.attr
import numpy as np
import pytest
import torch
import transformers
from attrimark.run.evaluator import Question, SubsetEvaluator
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.methods.shapley_exact import ShapleyExact
from attrimark_plugins.methods.shapley_sampling import ShapleySampling
from attrimark_plugins.models.shared.mixed_precision import in_mixed_precision
from attrimark_plugins.models.smollm2 import Smollm2
from attrimark_plugins.models.tiny import TinyCausal, TinyEncoder, TinyWriter
from attrimark_plugins.quantizers.nf4 import Nf4
from attrimark_registry import Example, Model, PromptClassifier
from attrimark_registry.scoring_tree import slice_size
from attrimark_registry.token_tree import TokenTree, looks_at, path_of
from attrimark_registry.tree_trial import allows_trees, walked
from hypothesis import given
from hypothesis import strategies as st

from tests.references.tiers import tiered

# transformers' and torch's of each other, where attention is flexible
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*(_compile flag|torch.jit.script):DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile:UserWarning"),
]
LABELS = ("negative", "positive")
TEXTS = ("a wonderful film", "the plot was dull, slow and not very good", "excellent")
ALIKE = {"negative": " it was bad", "positive": " it was very good"}  # answers that begin with the same tokens
SHAPES = ("llama", "mistral", "gpt2")
QUICK = ("sdpa", "eager")
ATTENTIONS = (*QUICK, "flex_attention")
SOURCES = {
    "labels": lambda shape: TinyCausal(shape=shape),
    "labels-alike": lambda shape: TinyCausal(shape=shape, answers=ALIKE),
    "writer": lambda shape: TinyWriter(shape=shape),
    "writer-after-text": lambda shape: TinyWriter(shape=shape, prompt="{text}"),
}
# of differences between outputs near 60, which float32 rounds to 4e-6
ROUNDING = 1e-4
tokens = st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 1))
forests = st.lists(st.lists(tokens, min_size=1, max_size=6), min_size=1, max_size=8)


@pytest.fixture(autouse=True, scope="module")
def uncompiled():
    """Compiling takes a minute and needs a C++ compiler."""
    with torch.compiler.set_stance("force_eager"):
        yield


@given(forests)
def test_every_shared_beginning_is_one_node_that_sees_just_what_leads_to_it(paths):
    tree = TokenTree.of([np.array(path, np.int64) for path in paths])
    assert len(tree) == len({tuple(path[:length]) for path in paths for length in range(1, len(path) + 1)})
    every = tree.standing(np.arange(len(tree)))
    sees = looks_at(every.at(np.s_[:, None]), every.at(np.s_[None, :]))
    for path, end in zip(paths, tree.ends.tolist(), strict=True):
        nodes = tree.last(end, len(path))
        assert list(tree.before(end)) == nodes[:-1]
        assert [(tree.ids[node], tree.positions[node], tree.hidden[node]) for node in nodes] == path
        for length, node in enumerate(nodes, 1):
            assert tree.depths[node] == length
            assert set(np.flatnonzero(sees[node])) == {each for each in nodes[:length] if not tree.hidden[each]}


@given(forests, st.data())
def test_values_gather_over_whole_subtrees(paths, data):
    tree = TokenTree.of([np.array(path, np.int64) for path in paths])
    values = np.array(data.draw(st.lists(st.integers(0, 9), min_size=len(tree), max_size=len(tree))))
    subtrees = [[node for node in range(len(tree)) if top in {node, *tree.before(node)}] for top in range(len(tree))]
    np.testing.assert_array_equal(tree.gathered(values, np.add), [values[nodes].sum() for nodes in subtrees])
    np.testing.assert_array_equal(tree.gathered(values, np.minimum), [values[nodes].min() for nodes in subtrees])


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize(
    ("shape", "attention"),
    # transformers has no FlexAttention for GPT-2
    tiered([*product(SHAPES, QUICK), *product(SHAPES[:2], ATTENTIONS[2:])], lambda _, name: name in QUICK),
)
def test_a_tree_gives_each_row_its_own_numbers(shape, kind, attention):
    model = SOURCES[kind](shape).load(LABELS, "cpu")
    model.network.set_attn_implementation(attention)
    agrees(model)


@pytest.mark.parametrize(
    ("layers", "attention"),
    tiered(product(["all", "some"], ATTENTIONS), lambda layers, name: layers == "all" or name in QUICK),
)
def test_a_window_shorter_than_the_text_is_kept(layers, attention):
    if layers == "all":
        model = TinyCausal(shape="mistral", answers=ALIKE).load(LABELS, "cpu")
        model.network.config.sliding_window = 6
    else:
        model = alternating(window=6)
    model.network.set_attn_implementation(attention)
    agrees(model)
    narrow = outputs_alone(model, removed(model))
    model.network.config.sliding_window = 64
    assert not np.allclose(narrow, outputs_alone(model, removed(model)), atol=1e-3)


@pytest.mark.parametrize("backend", ["fake", "bitsandbytes"])
def test_four_bits_are_packed_too(backend):
    agrees(Nf4(backend=backend).quantize(TinyCausal(width=64).load(LABELS, "cpu")))


HALVED = {
    "all": lambda model: model.around(model.network.to(torch.bfloat16)),
    "products": lambda model: model.around(in_mixed_precision(model.network)),
    "products of four-bit weights": lambda model: Nf4(compute="bfloat16").quantize(model),
}


@pytest.mark.parametrize("halved", HALVED.values(), ids=HALVED)
@pytest.mark.parametrize("text", TEXTS)
def test_half_precision_is_packed_too_but_no_mask_is_passed_over(halved, text):
    """In few bits outputs that a wrong mask gives are alike enough to pass for those of a row alone."""
    model = halved(TinyCausal(width=64).load(LABELS, "cpu"))
    with model.active():
        (row,) = rows_of(model, (text,))
        assert model.precision == torch.bfloat16
        assert allows_trees(model, row)
        blind(model)
        assert not allows_trees(model, row)


@pytest.mark.long
@pytest.mark.assets
@pytest.mark.parametrize("halved", HALVED.values(), ids=HALVED)
def test_smollm2_is_packed_in_half_precision(halved):
    model = halved(Smollm2().load(LABELS, "cpu"))
    with model.active():
        assert allows_trees(model, rows_of(model)[1])


@pytest.mark.parametrize("size", tiered([1, 7, 10_000], (7).__eq__))
def test_leave_one_out_and_sampling_equal_captums_whatever_the_slices(size, monkeypatch):
    model = TinyCausal(answers=ALIKE).load(LABELS, "cpu")
    with model.active():
        rows = rows_of(model)
        evaluator = SubsetEvaluator(model, tokens=size)
        ablated = evaluator.explore(questions(rows, LeaveOneOut()))
        sampled = evaluator.explore(questions(rows, ShapleySampling(permutations=3)))
        for row, ablation, sampling in zip(rows, ablated, sampled, strict=True):

            def value_of(indicator, row=row):
                removed = [model.remove(row, keep.numpy() > 0, "delete") for keep in indicator]
                with torch.no_grad():
                    return model.value(model.outputs(model.collate(removed)), [row.target] * len(removed), "log-odds")

            whole = torch.ones(1, len(row.features))
            expected = captum.attr.FeatureAblation(value_of).attribute(whole)
            np.testing.assert_allclose(ablation.scores.values, expected[0], atol=ROUNDING)
            rng = np.random.default_rng(0)
            monkeypatch.setattr(torch, "randperm", lambda n, rng=rng, **_: torch.from_numpy(rng.permutation(n)))
            expected = captum.attr.ShapleyValueSampling(value_of).attribute(whole, n_samples=3)
            np.testing.assert_allclose(sampling.scores.values, expected[0], atol=ROUNDING)


def test_a_question_costs_the_distinct_beginnings_of_its_rows():
    model = TinyCausal(answers=ALIKE).load(LABELS, "cpu")
    with model.active():
        rows = rows_of(model)
        answers = SubsetEvaluator(model).explore(questions(rows, LeaveOneOut()))
        per_pair = model.flops(1, 1) - model.flops(1, 0)
        for row, answer in zip(rows, answers, strict=True):
            begins = beginnings(model, left_out(model, row))
            assert answer.own.tokens == len(begins)
            assert answer.own.flops == model.flops(len(begins), 0) + per_pair * sum(map(len, begins))
            assert answer.own.subsets == len(row.features) + 1
            assert answer.own.forwards == 2 * answer.own.subsets  # each answer's branch is scored
    together = beginnings(model, [each for row in rows for each in left_out(model, row)])
    assert sum(answer.actual.tokens for answer in answers) == len(together)
    assert sum(answer.actual.tokens for answer in answers) < sum(answer.own.tokens for answer in answers)


def test_own_cost_is_the_same_in_every_order_and_nothing_runs_twice():
    model = TinyCausal().load(LABELS, "cpu")
    with model.active():
        rows = rows_of(model, TEXTS[:1])
        evaluator = SubsetEvaluator(model)
        (before,) = evaluator.explore(questions(rows, LeaveOneOut()))
        (exact,) = evaluator.explore(questions(rows, ShapleyExact()))
        (after,) = evaluator.explore(questions(rows, LeaveOneOut()))
        evaluator.forget()
        (again,) = evaluator.explore(questions(rows, LeaveOneOut()))
    assert deterministic(before.own) == deterministic(after.own) == deterministic(again.actual)
    assert deterministic(after.actual) == (0, 0, 0, 0)
    assert exact.actual.subsets == exact.own.subsets - before.own.subsets


def test_a_slice_that_does_not_fit_is_halved_with_the_same_numbers(monkeypatch):
    model = TinyCausal().load(LABELS, "cpu")
    with model.active():
        rows = rows_of(model)
        expected = SubsetEvaluator(model).explore(questions(rows, LeaveOneOut()))
        evaluator, forward, sizes = SubsetEvaluator(model, tokens=1000), model.network.forward, []

        def small_memory(input_ids=None, **inputs):
            if input_ids.shape[1] > 40:
                raise torch.OutOfMemoryError("no room")
            sizes.append(input_ids.shape[1])
            return forward(input_ids=input_ids, **inputs)

        evaluator._trees = True  # the trial is not what is short of memory here
        monkeypatch.setattr(model.network, "forward", small_memory)
        halved = evaluator.explore(questions(rows, LeaveOneOut()))
    assert sum(sizes) == sum(answer.actual.tokens for answer in halved)  # a failure makes nothing run twice
    assert evaluator.nodes <= 40
    for one, other in zip(expected, halved, strict=True):
        np.testing.assert_allclose(one.scores.values, other.scores.values, atol=ROUNDING)


def test_progress_is_told_by_rows_until_all_are_scored():
    told = []
    model = TinyCausal().load(LABELS, "cpu")
    with model.active():
        evaluator = SubsetEvaluator(model, 20, lambda done, wanted: told.append((done, wanted)))
        (answer,) = evaluator.explore(questions(rows_of(model, TEXTS[1:2]), LeaveOneOut()))
    wanted = answer.own.subsets
    assert told[-1] == (wanted, wanted)
    assert told == sorted(told)
    assert len(told) > 2


def blind(model: Model) -> None:
    """Every token looks at all before it in the sequence, whatever the mask says."""
    forward = model.network.forward
    model.network.forward = lambda attention_mask, **inputs: forward(
        attention_mask=attention_mask if attention_mask.ndim == 2 else None, **inputs
    )


def refusing(model: Model) -> None:
    """No mask but of padding is taken."""
    forward = model.network.forward

    def strict(attention_mask, **inputs):
        if attention_mask.ndim != 2:
            raise NotImplementedError("two dimensions")
        return forward(attention_mask=attention_mask, **inputs)

    model.network.forward = strict


@pytest.mark.parametrize("spoil", [blind, refusing])
def test_a_network_that_ignores_or_refuses_a_tree_is_asked_row_by_row(spoil):
    source = TinyCausal(answers=ALIKE)
    model, spoilt = source.load(LABELS, "cpu"), source.load(LABELS, "cpu")
    spoil(spoilt)
    with model.active(), spoilt.active():
        rows = rows_of(model)
        assert allows_trees(model, rows[1])
        assert not allows_trees(spoilt, rows[1])
        packed, alone = (SubsetEvaluator(each).explore(questions(rows, LeaveOneOut())) for each in (model, spoilt))
    for row, one, other in zip(rows, packed, alone, strict=True):
        np.testing.assert_allclose(one.scores.values, other.scores.values, atol=ROUNDING)
        assert one.own.tokens < other.own.tokens
        assert other.own.tokens == sum(sum(model.lengths(each)) for each in left_out(model, row))


@pytest.mark.parametrize("architecture", ["bloom", "gpt_neo"])
def test_an_architecture_with_a_mask_of_its_own_is_not_packed(architecture):
    tokenizer = TinyCausal().load(LABELS, "cpu").tokenizer
    sizes = {"hidden_size": 32, "num_heads": 4, "vocab_size": len(tokenizer)}
    layers = {"n_layer": 2, "n_head": 4} if architecture == "bloom" else {"num_layers": 2}
    layers |= {} if architecture == "bloom" else {"attention_types": [[["global", "local"], 1]]}
    network = transformers.AutoModelForCausalLM.from_config(
        transformers.AutoConfig.for_model(architecture, **sizes, **layers)
    )
    model = PromptClassifier(network, tokenizer, LABELS, "Text: {text}\nLabel:")
    row = TinyCausal().load(LABELS, "cpu").encode(Example("a", TEXTS[:1]))
    assert not allows_trees(model, row)


def test_an_encoder_is_not_packed():
    model = TinyEncoder().load(LABELS, "cpu")
    assert not allows_trees(model, model.encode(Example("a", TEXTS[:1])))


def test_slices_are_long_where_beginning_one_is_dear():
    """Wide layers have many weights to fetch; narrow ones compute many nodes in the time that a call takes."""
    narrow, middle, wide = (slice_size(TinyCausal(width=width).load(LABELS, "cpu")) for width in (32, 128, 512))
    assert middle < narrow
    assert middle < wide


def test_operations_are_those_of_the_network_within():
    model = TinyCausal().load(LABELS, "cpu")
    before = model.flops(5)
    wider = model.around(TinyCausal(width=64).load(LABELS, "cpu").network)
    assert wider.flops(5) > model.flops(5) == before


@pytest.mark.long
@pytest.mark.assets
def test_smollm2_packed_is_smollm2_row_by_row():
    model = Smollm2().load(LABELS, "cpu")
    agrees(model, atol=1e-4)


def agrees(model: Model, atol: float = 1e-5) -> None:
    """Rows under every operator, of several texts at once, in slices of every kind."""
    rows = removed(model)
    alone = outputs_alone(model, rows)
    with model.active():
        assert allows_trees(model, max(rows, key=len))
        for slices in (1, 2, 5):
            for one, other in zip(walked(model.scoring_tree(rows), slices), alone, strict=True):
                np.testing.assert_allclose(one, other, atol=atol, rtol=1e-6)  # outputs near 60 round to 4e-6


def outputs_alone(model: Model, rows: list) -> list[np.ndarray]:
    with torch.no_grad(), model.active():
        return [model.outputs(model.collate([row]))[0].numpy() for row in rows]


def removed(model: Model) -> list:
    rng = np.random.default_rng(0)
    return [
        model.remove(row, rng.random(len(row.features)) < 0.5, operator)
        for row in rows_of(model)
        for operator in model.operators
        for _ in range(3)
    ]


def left_out(model: Model, row) -> list:
    """The row, and it without each of its features."""
    keeps = [np.arange(len(row.features)) != place for place in range(-1, len(row.features))]
    return [model.remove(row, keep, "delete") for keep in keeps]


def beginnings(model: Model, rows: list) -> set:
    paths = [path_of(row, tail) for row in rows for tail in model.tails(row)]
    return {tuple(map(tuple, path[:length].tolist())) for path in paths for length in range(1, len(path) + 1)}


def rows_of(model: Model, texts: tuple[str, ...] = TEXTS) -> list:
    # one by one: a tie between two tokens, broken otherwise in a batch, would give a writer another target
    return [
        row for place, text in enumerate(texts) for row in model.decide([model.encode(Example(str(place), (text,)))])
    ]


def questions(rows: list, method) -> list[Question]:
    return [
        Question(row, "delete", method.reading, method.explore(row.features, np.random.default_rng(0))) for row in rows
    ]


def deterministic(cost) -> tuple[int, int, int, int]:
    return cost.subsets, cost.forwards, cost.tokens, cost.flops


def alternating(window: int) -> PromptClassifier:
    """A random network whose second layer alone has a window."""
    tokenizer = TinyCausal().load(LABELS, "cpu").tokenizer
    config = transformers.Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        initializer_range=0.2,
        use_sliding_window=True,
        sliding_window=window,
        layer_types=["full_attention", "sliding_attention"],
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = transformers.AutoModelForCausalLM.from_config(config)
    return PromptClassifier(network.eval(), tokenizer, LABELS, "Text: {text}\nLabel:", answers=ALIKE)
