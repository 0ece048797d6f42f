"""TuCo: what was worked out by hand, what must hold of every network, and networks that are no twins."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest
import torch
from attrimark.api.evaluate import evaluate
from attrimark.run.attribute import attribute
from attrimark.run.estimate import estimate
from attrimark.run.prepare import prepare
from attrimark.run.run_cell import run_cell
from attrimark.suite.matrix import cells_of
from attrimark.suite.suite import Matrix, Suite
from attrimark_plugins.datasets.planted import Planted
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.methods.shared.contributions import contributions, final_states
from attrimark_plugins.methods.tuco import TuCo
from attrimark_plugins.metrics.beta import Beta
from attrimark_plugins.metrics.embedding_change import EmbeddingChange
from attrimark_plugins.metrics.noise import Noise
from attrimark_plugins.metrics.output_contribution import OutputContribution
from attrimark_plugins.metrics.quantization_contribution import QuantizationContribution
from attrimark_plugins.metrics.seed_agreement import SeedAgreement
from attrimark_plugins.metrics.shared import contributions_of_texts
from attrimark_plugins.metrics.sufficiency import Sufficiency
from attrimark_plugins.metrics.tuco import TuningContribution
from attrimark_plugins.models.hub_causal import HubCausal
from attrimark_plugins.models.hub_writer import HubWriter
from attrimark_plugins.models.smollm2 import Smollm2
from attrimark_plugins.models.tiny import TinyCausal, TinyEncoder, TinyWriter
from attrimark_plugins.quantizers.nf4 import Nf4
from attrimark_plugins.quantizers.none import NoQuantization
from attrimark_plugins.strategies.frozen import Frozen
from attrimark_plugins.strategies.full import Full
from attrimark_plugins.strategies.lora import Lora
from attrimark_plugins.strategies.qlora import QLora
from attrimark_plugins.strategies.shared.adapters import adapters_off
from attrimark_registry import AttrimarkError, Example, Unsupported
from attrimark_registry import conformance as checks
from torch.testing import assert_close

from tests.references import residual_streams
from tests.references.networks import WORDS

SPLITS = Planted(train=24, validation=0, test=6).load()
BRIEF = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-2}
ADAPTED = {**BRIEF, "rank": 3, "alpha": 6}
SOURCES = (
    TinyCausal(layers=3, width=16, heads=2),
    TinyCausal(shape="gpt2", layers=3, width=16, heads=2),
    TinyCausal(shape="mistral", layers=3, width=16, heads=2),
    TinyEncoder(layers=3, width=16, heads=2),
    TinyEncoder(shape="distilbert", layers=3, width=16, heads=2),
)
FULL, LORA, QLORA = Full(**BRIEF), Lora(**ADAPTED), QLora(**ADAPTED)
ADAPTERS = [(SOURCES[0], LORA), (SOURCES[1], LORA), (SOURCES[2], QLORA), (SOURCES[3], LORA), (SOURCES[4], QLORA)]
UNIT = torch.full((4,), 1.0)


@pytest.fixture(scope="module", params=[(SOURCES[0], FULL), (SOURCES[3], FULL), *ADAPTERS], ids=str)
def tuned(request):
    return fine_tuned(*request.param)


@pytest.fixture(scope="module")
def causal():
    return fine_tuned(SOURCES[0], FULL)


@cache
def fine_tuned(source, strategy):
    return strategy.fine_tune(source.load(SPLITS.labels, "cpu"), SPLITS.train, [0])[0]


def measured(model, pretrained=None, examples=SPLITS.test):
    with model.active():
        batch = model.collate([model.encode(each) for each in examples])
        return contributions(model, pretrained or model.require_pretrained(), batch)


def twins(fine_tuned, pretrained, embeddings=None):
    return residual_streams.writer(fine_tuned, embeddings, residual_streams.writer(pretrained, embeddings))


def always(*sizes):
    """Blocks that add this many units, whatever they are given."""
    return [lambda state, size=size: size * UNIT.expand_as(state) for size in sizes]


def test_the_paper_s_toy_has_tuco_one_half_and_beta_one():
    # PTC = (0, 0, h, −h/2), FTC = (h, −h/2, 0, 0)
    model = twins(always(1, -0.5, 1, -0.5), always(0, 0, 1, -0.5))
    found = measured(model)
    assert_close(found.tuco(), torch.full((6,), 0.5))
    assert_close(found.shares, torch.tensor([[1, 1, 1 / 3, 1 / 2]]).expand(6, 4))
    assert_close(found.beta, torch.ones(6))
    assert_close(found.pretraining, 4 * torch.tensor([[0, 0, 1, 0.5]]).expand(6, 4))
    assert_close(found.fine_tuning, 4 * torch.tensor([[1, 0.5, 0, 0]]).expand(6, 4))


def test_networks_that_end_alike_may_have_a_tuco_of_a_quarter():
    # before: h, then x; after: 2h, then 0. Both end at x_0 + 2h where x_0 = 0, so that P̄ = 3h and F̄ = −h
    nothing = torch.zeros(len(WORDS), 4)
    model = twins(always(2, 0), [always(1)[0], lambda state: state], nothing)
    assert_close(measured(model).tuco(), torch.full((6,), 0.25))
    assert np.array_equal(OutputContribution().measure(model, SPLITS.test), np.zeros(6))
    assert np.array_equal(OutputContribution(tokens="all").measure(model, SPLITS.test), np.zeros(6))


def test_the_state_is_the_embedding_and_all_contributions(tuned):
    found = measured(tuned)
    assert found.residual.max() <= 1e-5
    assert (found.pretraining > 0).all()
    assert (found.fine_tuning > 0).all()
    assert ((found.tuco() > 0) & (found.tuco() < found.beta + 1) & (found.beta < 1)).all()


def test_a_model_that_is_its_own_origin_has_nothing_from_fine_tuning(causal):
    found = measured(causal, causal)
    assert found.tuco().max() == found.beta.max() == found.embedding_change.max() == 0


def test_blocks_that_add_nothing_before_fine_tuning_leave_all_to_it():
    model = twins(always(1, -3, 0.5), always(0, 0, 0))
    assert_close(measured(model).tuco(), torch.ones(6))


def test_nothing_added_at_all_counts_as_nothing_from_fine_tuning():
    found = measured(twins(always(0, 0), always(0, 0)))
    assert found.tuco().max() == found.beta.max() == 0


def test_with_the_parts_of_both_networks_exchanged_tuco_is_the_rest():
    # on one trajectory: what was pre-training's is fine-tuning's
    torch.manual_seed(0)
    before, after = (torch.randn(3, 4, 4) / scale for scale in (4, 12))
    embeddings = torch.randn(len(WORDS), 4)

    def blocks(matrices):
        return [lambda state, matrix=matrix: (state @ matrix).tanh() for matrix in matrices]

    both = [
        lambda state, one=one, two=two: one(state) + two(state)
        for one, two in zip(blocks(before), blocks(after), strict=True)
    ]
    one, other = (measured(twins(both, blocks(each), embeddings)).tuco() for each in (before, after))
    assert_close(one, 1 - other)
    assert (one - 0.5).abs().max() > 0.05


def test_states_part_by_no_more_than_the_grönwall_bound():
    torch.manual_seed(1)
    depth, width = 3, 4
    before = torch.randn(depth, width, width) / 6
    after = before + torch.randn(depth, width, width) / 60
    embeddings = torch.randn(len(WORDS), width)

    def blocks(matrices):
        return [lambda state, matrix=matrix: (state @ matrix.T).tanh() for matrix in matrices]

    model = twins(blocks(after), blocks(before), embeddings)
    # one token: all norms are of its state
    examples = [Example(str(place), (word,)) for place, word in enumerate(("dull", "witty", "film"))]
    found = measured(model, examples=examples)
    with model.active():
        batch = model.collate([model.encode(each) for each in examples])
        apart = (final_states(model, batch) - final_states(model.pretrained, batch)).abs()
    tokens = batch.real.sum(-1)
    lipschitz = before.abs().sum(1).max()  # of the 1-norm: the largest sum of a column
    most = width * tokens  # |tanh| ≤ 1
    bound = depth * most * (1 + lipschitz) ** depth * found.beta / (1 - found.beta)
    assert (apart.sum((1, 2)) > 0).all()
    assert (apart.sum((1, 2)) <= bound).all()


def test_batching_and_padding_change_nothing(tuned):
    together = measured(tuned)
    assert len({len(tuned.encode(each)) for each in SPLITS.test}) > 2
    for place, example in enumerate(SPLITS.test):
        alone = measured(tuned, examples=[example])
        for name in ("pretraining", "fine_tuning", "shares", "pretraining_sum", "fine_tuning_sum"):
            assert_close(getattr(alone, name)[0], getattr(together, name)[place], atol=1e-5, rtol=1e-4)
        assert_close(alone.tuco()[0], together.tuco()[place], atol=1e-5, rtol=0)


@pytest.mark.parametrize("check", checks.MODEL_METHOD_CHECKS, ids=lambda check: check.__name__)
def test_the_method_conforms(tuned, check):
    with tuned.active():
        rows = tuned.decide([tuned.encode(each) for each in SPLITS.test[:3]])
    check(TuCo(), tuned, rows)
    check(TuCo(order=2), tuned, rows)


@pytest.mark.parametrize(("source", "strategy"), ADAPTERS, ids=str)
def test_the_stored_original_is_the_network_with_its_adapters_off_and_no_second_copy(source, strategy):
    tuned = fine_tuned(source, strategy)
    found = measured(tuned)
    off = tuned.around(tuned.network)
    with tuned.active(), adapters_off(tuned.network):
        batch = tuned.collate([tuned.encode(each) for each in SPLITS.test])
        without = final_states(off, batch)
    with tuned.pretrained.active():
        stored = final_states(tuned.pretrained, batch)
    assert_close(without[batch.real], stored[batch.real], atol=1e-5, rtol=1e-5)
    mine = dict(tuned.network.named_parameters())
    theirs = dict(tuned.pretrained.network.named_parameters())
    shared = [name for name in mine if name.replace(".base_layer.", ".") in theirs and name not in tuned.tuned]
    assert len(shared) == len([name for name in mine if name not in tuned.tuned])
    assert all(mine[name].data_ptr() == theirs[name.replace(".base_layer.", ".")].data_ptr() for name in shared)
    assert found.embedding_change.max() == 0


def test_masks_and_rotary_embeddings_are_the_pretrained_network_s_own():
    model = TinyCausal(shape="mistral", layers=2, width=16, heads=2).load(SPLITS.labels, "cpu")
    origin = model.around(copy.deepcopy(model.network))
    # the same weights; another base of the rotary embedding, and a window of three tokens
    origin.network.config.sliding_window = 3
    rotary = origin.network.model.rotary_emb
    rotary.inv_freq = rotary.inv_freq / 7
    model.pretrained = origin
    found = measured(model)
    assert found.fine_tuning.min() > 1e-3  # although not one weight differs
    by_hand = []
    with model.active(), origin.active(), torch.no_grad():
        for example in SPLITS.test:
            batch = model.collate([model.encode(example)])
            ids, positions = batch.input_ids, batch.position_ids
            states = model.network(
                ids, position_ids=positions, output_hidden_states=True, use_cache=False
            ).hidden_states
            count = ids.shape[1]
            ago = torch.arange(count)[:, None] - torch.arange(count)
            mask = torch.zeros(count, count).masked_fill((ago < 0) | (ago >= 3), torch.finfo(torch.float32).min)
            cosines = origin.network.model.rotary_emb(states[0], positions)
            added = origin.network.model.layers[0](
                states[0], attention_mask=mask[None, None], position_ids=positions, position_embeddings=cosines
            )
            by_hand.append((added - states[0])[0, -1].abs().sum())
    assert_close(found.pretraining[:, 0], torch.stack(by_hand), atol=1e-5, rtol=1e-5)


def test_an_error_in_the_middle_leaves_both_networks_as_found(causal):
    def hooks(model):
        return [
            len(each)
            for module in model.network.modules()
            for each in (module._forward_hooks, module._forward_pre_hooks)
        ]

    before = hooks(causal), hooks(causal.pretrained)
    for model in (causal, causal.pretrained):
        breaks = model.blocks()[1].register_forward_hook(lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            measured(causal)
        breaks.remove()
        assert (hooks(causal), hooks(causal.pretrained)) == before
        assert not any(each.training for each in causal.network.modules())


def test_blocks_that_normalise_what_they_return_are_flagged():
    for source in SOURCES:
        model = source.load(SPLITS.labels, "cpu")
        assert measured(model, model).post_norm == isinstance(source, TinyEncoder)


def test_it_takes_two_forwards(causal):
    with causal.active():
        prepared = prepare(causal, SPLITS.test, "predicted", "word")
        made = attribute(prepared, TuCo()).explained
    assert {each.own.forwards for each in made} == {2}
    tokens = [len(row) for row in prepared.rows]
    assert [each.own.tokens for each in made] == [2 * count for count in tokens]


def test_its_features_are_blocks_and_its_diagnostics_hold_tuco(causal):
    with causal.active():
        made = attribute(prepare(causal, SPLITS.test, "predicted", "word"), TuCo()).explained
    found = measured(causal)
    for place, each in enumerate(made):
        assert [feature.text for feature in each.features[:4]] == [
            "block 1 · pre-training",
            "block 2 · pre-training",
            "block 3 · pre-training",
            "block 1 · fine-tuning",
        ]
        assert {feature.segment for feature in each.features} == {-1}
        assert each.diagnostics["tuco"] == pytest.approx(found.tuco()[place].item(), abs=1e-5)
        assert each.diagnostics["post_norm"] == 0
        assert each.scores == pytest.approx(torch.cat([found.pretraining, found.fine_tuning], -1)[place], rel=1e-4)


# Metrics


def test_metrics_say_what_the_decomposition_says(tuned):
    found = measured(tuned)
    for metric, wanted in (
        (TuningContribution(), found.tuco()),
        (TuningContribution(order=2), found.tuco(2)),
        (Beta(), found.beta),
        (EmbeddingChange(), found.embedding_change),
    ):
        scores = metric.measure(tuned, SPLITS.test)
        assert_close(torch.tensor(scores.values).float(), wanted, atol=1e-5, rtol=1e-4)
        assert set(scores.diagnostics["post_norm"]) == {float(found.post_norm)}
        assert max(scores.diagnostics["residual"]) < 1e-5


def test_metrics_share_one_measurement_until_a_weight_changes(causal, monkeypatch):
    model = FULL.fine_tune(causal.pretrained, SPLITS.train, [1])[0]
    counted = []
    monkeypatch.setattr(
        contributions_of_texts, "contributions", lambda *given: counted.append(1) or contributions(*given)
    )
    values = [metric.measure(model, SPLITS.test).values for metric in (TuningContribution(), Beta(), EmbeddingChange())]
    assert len(counted) == 1
    assert not any(np.array_equal(values[0], other) for other in values[1:])
    with torch.no_grad():
        next(model.network.parameters()).add_(0.1)
    assert not np.array_equal(EmbeddingChange().measure(model, SPLITS.test).values, values[2])
    assert len(counted) == 2


def test_the_output_s_contribution_is_the_distance_of_the_last_states(causal):
    with causal.active():
        batch = causal.collate([causal.encode(SPLITS.test[0])])
        after, before = (final_states(each, batch)[0] for each in (causal, causal.pretrained))
    for metric, (one, other) in (
        (OutputContribution(), (after[-1], before[-1])),
        (OutputContribution(tokens="all"), (after, before)),
    ):
        apart = (one - other).abs().sum()
        wanted = apart / (apart + other.abs().sum())
        assert metric.measure(causal, SPLITS.test)[0] == pytest.approx(wanted.item(), rel=1e-4)


def test_texts_that_the_model_cannot_take_have_no_number(causal):
    examples = [*SPLITS.test[:2], Example("long", ("film " * 400,))]
    values = TuningContribution().measure(causal, examples).values
    assert np.isnan(values).tolist() == [False, False, True]


def test_frozen_blocks_contribute_nothing():
    model = SOURCES[3].load(SPLITS.labels, "cpu")
    tuned = Frozen(epochs=2).fine_tune(model, SPLITS.train, [0])[0]
    assert TuningContribution().measure(tuned, SPLITS.test).values.max() == 0


def test_quantizing_contributes_what_its_rounding_adds(causal):
    shares = QuantizationContribution().measure(causal, SPLITS.test)
    quantized = Nf4().quantize(causal)
    assert_close(torch.tensor(shares).float(), measured(quantized, causal).tuco(), atol=1e-5, rtol=1e-4)
    assert (shares > 0).all()
    with pytest.raises(Unsupported, match="four bits already"):
        QuantizationContribution().measure(quantized, SPLITS.test)


def test_what_is_quantized_after_fine_tuning_still_knows_where_it_comes_from(causal):
    found = measured(Nf4().quantize(causal))
    assert found.residual.max() <= 1e-5
    assert not torch.allclose(found.tuco(), measured(causal).tuco(), atol=1e-4)


# Networks that are no twins


def test_a_model_without_an_origin_is_refused():
    model = SOURCES[0].load(SPLITS.labels, "cpu")
    for metric in (TuningContribution(), Beta(), OutputContribution(), EmbeddingChange()):
        with pytest.raises(Unsupported, match="no fine-tuning is known of"):
            metric.measure(model, SPLITS.test)


@pytest.mark.parametrize(
    ("change", "told"),
    [({"layers": 2}, "3 blocks and the one it is said to come from has 2"), ({"width": 8}, "16 dimensions .* has 8")],
)
def test_networks_of_another_shape_are_refused(change, told):
    model = SOURCES[0].load(SPLITS.labels, "cpu")
    model.pretrained = SOURCES[0].model_copy(update=change).load(SPLITS.labels, "cpu")
    with pytest.raises(Unsupported, match=told):
        measured(model)


def test_a_tokenizer_with_other_numbers_is_refused_and_one_with_more_tokens_is_not():
    model, origin = (SOURCES[0].load(SPLITS.labels, "cpu") for _ in range(2))
    model.pretrained = origin
    model.tokenizer.add_tokens(["<|turn|>"])
    assert model.require_pretrained() is origin
    model.network.resize_token_embeddings(len(model.tokenizer))
    with pytest.raises(Unsupported, match=r"the text holds the token \d+, which fine-tuning added"):
        measured(model, examples=[Example("0", ("a <|turn|> film",))])
    model.pretrained = TinyCausal(shape="gpt2", layers=3, width=16, heads=2).load(SPLITS.labels, "cpu")
    with pytest.raises(Unsupported, match=r"before fine-tuning and .* after it"):
        model.require_pretrained()


# The planner


def matrix(**changed):
    parts = {
        "datasets": (Planted(train=8, validation=0, test=3),),
        "models": (SOURCES[0],),
        "methods": (LeaveOneOut(), TuCo()),
        "metrics": (Sufficiency(), TuningContribution()),
        "quantizers": (NoQuantization(),),
        "explain": 3,
    }
    return Suite("s", (Matrix(**{**parts, **changed}),))


def test_cells_without_a_fine_tuned_network_are_unsupported_before_anything_is_spent():
    cells = {str(cell.method): cell for cell in cells_of(matrix())}
    assert "no fine-tuning is known of" in cells["tuco"].problem
    assert cells["leave-one-out"].problem is None
    assert list(cells["None"].refusals) == [TuningContribution().digest]
    cells = {str(cell.method): cell for cell in cells_of(matrix(strategies=((FULL,),)))}
    assert cells["tuco"].problem is None
    assert not cells["None"].refusals


def test_metrics_of_words_never_see_the_scores_of_blocks(causal):
    suite = matrix(strategies=((FULL,),), metrics=(Sufficiency(), TuningContribution(), Noise(), SeedAgreement()))
    cell = next(cell for cell in cells_of(suite) if str(cell.method) == "tuco")
    (removing,) = cell.refusals
    assert cell.judgements[removing].name == Sufficiency.name
    assert estimate(cell).passes == 2 * 3
    with causal.active():
        outcome = run_cell(cell, prepare(causal, SPLITS.test, "predicted", "word"))
    assert outcome.record.status == "ok"
    assert outcome.record.metric_status == {removing: ("unsupported", "tuco scores parts of the network, not words")}
    assert len(outcome.attributions) == len(SPLITS.test)


def test_a_model_in_hand_that_knows_its_origin_is_measured(causal):
    texts = [each.text for each in SPLITS.test]
    for model, count in ((causal, len(texts)), (causal.pretrained, 0)):
        records = evaluate(model, texts=texts, methods=["random"], metrics=["tuco"]).records
        assert len(records[0].measures) == count


def test_a_metric_of_the_model_keeps_its_diagnostics(causal):
    suite = matrix(strategies=((FULL,),))
    cell = next(cell for cell in cells_of(suite) if cell.method is None)
    with causal.active():
        outcome = run_cell(cell, prepare(causal, SPLITS.test, "predicted", "word"))
    assert [each.diagnostics["post_norm"] for each in outcome.record.measures] == [0.0] * len(SPLITS.test)


def test_a_writer_has_a_tuco_too():
    told = [replace(each, reference=f" {each.label}") for each in SPLITS.train]
    (tuned,) = FULL.fine_tune(TinyWriter(layers=2, width=16, heads=2).load((), "cpu"), told, [0])
    assert (measured(tuned).tuco() > 0).all()


# Models of a hub


@pytest.mark.parametrize(
    "source_of", [HubCausal, partial(HubWriter, prompt="{text}", most=4)], ids=["hub-causal", "hub-writer"]
)
def test_a_hub_model_names_the_model_that_it_was_fine_tuned_from(source_of, tmp_path):
    folders = [str(tmp_path / name) for name in ("tuned", "origin", "shallow")]
    for folder, source in zip(
        folders, (SOURCES[0], SOURCES[0].model_copy(update={"seed": 1}), TinyCausal()), strict=True
    ):
        saved = source.load(SPLITS.labels, "cpu")
        saved.network.save_pretrained(folder)
        saved.tokenizer.save_pretrained(folder)
    tuned, origin, shallow = (f"path:{folder}" for folder in folders)
    source = source_of(reference=tuned, base=origin)
    assert source.knows_pretrained
    assert source.fingerprint() != source_of(reference=tuned).fingerprint()
    model = source.load(SPLITS.labels, "cpu")
    assert model.pretrained.tokenizer is not model.tokenizer
    assert (TuningContribution().measure(model, SPLITS.test).values > 0.1).all()
    same = source_of(reference=tuned, base=tuned).load(SPLITS.labels, "cpu")
    assert TuningContribution().measure(same, SPLITS.test).values.max() < 1e-5  # two copies may round otherwise
    with pytest.raises(AttrimarkError, match="3 blocks and the one it is said to come from has 2"):
        source_of(reference=tuned, base=shallow).load(SPLITS.labels, "cpu")
    assert not source_of(reference=tuned).knows_pretrained
    (cell, *_) = cells_of(matrix(models=(source,), methods=(TuCo(),)))
    assert not cell.problem
    assert not cell.refusals


@pytest.mark.long
@pytest.mark.assets
def test_on_a_real_network_it_is_exact_and_an_adapter_turned_off_is_the_original():
    """Relative to states that reach thousands."""
    model = Smollm2().load(SPLITS.labels, "cpu")
    (tuned,) = Lora(epochs=1, learning_rate=5e-4, batch_size=4).fine_tune(model, SPLITS.train[:4], [0])
    with tuned.active():
        batch = tuned.collate([tuned.encode(each) for each in SPLITS.test[:2]])
        found = contributions(tuned, tuned.require_pretrained(), batch)
        with adapters_off(tuned.network):
            off = final_states(tuned, batch)
        stored = final_states(tuned.pretrained, batch)
        alone = [measured(tuned, examples=[each]).tuco()[0] for each in SPLITS.test[:2]]
    assert found.residual.max() <= 1e-5
    assert stored[batch.real].abs().max() > 1000
    assert_close(off[batch.real], stored[batch.real], atol=1e-4, rtol=1e-6)
    assert_close(torch.stack(alone), found.tuco(), atol=1e-5, rtol=1e-4)
    assert (found.tuco() > 0).all()
