"""The self-check: what a plain call computes is what we compute, or it is solved, refused or said."""

from __future__ import annotations

import attrimark
import numpy as np
import pytest
import torch
import transformers
from attrimark.run.attribute import attribute
from attrimark.run.prepare import prepare
from attrimark_plugins.methods.attention_rollout import AttentionRollout
from attrimark_plugins.methods.gradient import Gradient
from attrimark_plugins.methods.input_x_gradient import InputXGradient
from attrimark_plugins.methods.integrated_gradients import IntegratedGradients
from attrimark_plugins.methods.shared.value_gradient import value_gradient
from attrimark_registry import AttrimarkError, Classifier, Example, Unsupported, Writer
from attrimark_registry.self_check import MOST_FORWARDS, self_check
from attrimark_registry.word_embeddings import mean_embedding

from tests.references import networks
from tests.references.architectures import build
from tests.references.tiers import tiered

TEXTS = ("the film was good", "a dull plot and a sad end but the music was not bad", "good")
EXAMPLES = [Example(str(place), (text,)) for place, text in enumerate(TEXTS)]
DECODERS = ("llama", "mistral", "qwen2", "gemma", "gemma2", "phi", "opt", "gpt2", "gpt_neo", "gpt_neox", "bloom", "mpt")
GRADIENTS = (Gradient(), InputXGradient(), IntegratedGradients(steps=4))
OPERATORS = ("delete", "mean")


def classifier(name, **changes):
    network, tokenizer = build(name, "classification")
    for option, value in changes.items():
        setattr(network.config, option, value)
    return Classifier(
        network, tokenizer, [network.config.id2label[place] for place in range(network.config.num_labels)]
    )


def checked(model, examples=EXAMPLES):
    return model.handled(self_check(model, examples).handling)


def scores_of(model, method, examples, operator=None):
    with model.active():
        prepared = prepare(model, examples, model.labels[0], "word")
        return {each.example.id: each.scores for each in attribute(prepared, method, operator).explained}


def refusals(name):
    return self_check(classifier(name), EXAMPLES).handling.refused


@pytest.mark.parametrize("name", tiered(DECODERS, {"llama", "gemma2", "gpt2", "bloom"}.__contains__))
def test_a_decoder_classifier_explains_a_text_in_a_batch_as_it_does_alone(name):
    from attrimark_plugins.methods.leave_one_out import LeaveOneOut

    model = checked(classifier(name))
    asked = [(method, None) for method in GRADIENTS] + [(LeaveOneOut(), operator) for operator in OPERATORS]
    for method, operator in asked:
        together = scores_of(model, method, EXAMPLES, operator)
        for example in EXAMPLES:
            alone = scores_of(model, method, [example], operator)[example.id]
            np.testing.assert_allclose(together[example.id], alone, rtol=1e-3, atol=1e-4 * np.abs(alone).max() + 1e-6)


@pytest.mark.parametrize("name", ["bert", "llama", "gpt2", "xlnet", "convbert", "longformer"])
def test_gradients_are_those_of_hooks_on_a_plain_call(name):
    model = checked(classifier(name))
    with model.active():
        rows = model.decide([model.encode(example) for example in EXAMPLES], model.labels[1])
        batch = model.collate(rows)
        ours = value_gradient(model, batch, model.embed(batch), "logit")
    for line, (row, example) in enumerate(zip(rows, EXAMPLES, strict=True)):
        plain = plain_gradient(model, example)
        mine = ours[line][batch.real[line]]
        torch.testing.assert_close(mine, plain[-len(row) :], rtol=1e-3, atol=1e-4 * float(plain.abs().max()))


def plain_gradient(model, example):
    """∂ logit / ∂ what the table of embeddings returns, in `network(**tokenizer(text))`."""
    looked_up = []

    def keep(module, given, returned):
        looked_up.append(returned.detach().requires_grad_(True))
        return looked_up[-1]

    hook = model.network.get_input_embeddings().register_forward_hook(keep)
    try:
        logits = model.network(**model.tokenizer(example.text, return_tensors="pt")).logits
    finally:
        hook.remove()
    (gradient,) = torch.autograd.grad(logits[0, 1], looked_up)
    tokens = len(model.tokenizer(example.text)["input_ids"])
    states = gradient[:, 0] if gradient.shape[0] != 1 else gradient[0]  # XLNet puts tokens first
    return states[:tokens]


@pytest.mark.parametrize("name", ["convbert", "fnet", "nystromformer", "mobilebert", "yoso"])
def test_numbers_that_depend_on_padding_are_computed_without(name):
    model = classifier(name)
    handled = checked(model)
    assert handled.handling.sharing != "padded"
    assert "attention" in handled.handling.refused
    with handled.active(), torch.no_grad():
        ours = handled.outputs(handled.collate([handled.encode(example) for example in EXAMPLES]))
        plain = [model.network(**model.tokenizer(text, return_tensors="pt")).logits[0] for text in TEXTS]
    torch.testing.assert_close(ours, torch.stack(plain), rtol=1e-4, atol=1e-4)


def test_without_a_pad_token_each_row_goes_alone():
    model = classifier("gpt2", pad_token_id=None)
    model.tokenizer.pad_token = None
    check = self_check(model, EXAMPLES)
    assert check.handling.sharing == "alone"
    assert "one row at a time" in " ".join(check.remarks)
    assert set(scores_of(model.handled(check.handling), Gradient(), EXAMPLES)) == {"0", "1", "2"}


def test_padding_is_what_the_network_takes_for_it():
    with_ours, with_theirs = classifier("gpt2"), classifier("gpt2", pad_token_id=0)
    assert with_theirs.tokenizer.pad_token_id != 0
    for model in (with_ours, with_theirs):
        with model.active(), torch.no_grad():
            ours = model.outputs(model.collate([model.encode(example) for example in EXAMPLES]))
            plain = [model.network(**model.tokenizer(text, return_tensors="pt")).logits[0] for text in TEXTS]
        torch.testing.assert_close(ours, torch.stack(plain), rtol=1e-4, atol=1e-4)


def test_no_check_takes_more_forwards_than_a_plan_says():
    for name in ("bert", "llama", "nystromformer", "t5gemma", "canine", "bart"):
        assert self_check(classifier(name), EXAMPLES).forwards <= MOST_FORWARDS


def test_networks_that_take_no_embeddings_have_no_gradients_and_no_mean():
    for name in ("bart", "t5"):
        refused = refusals(name)
        assert {"gradients", "mean"} <= set(refused)
        model = checked(classifier(name))
        assert "mean" not in model.operators
        with model.active(), pytest.raises(Unsupported, match="takes no word embeddings"):
            attribute(prepare(model, EXAMPLES, "predicted", "word"), Gradient())


def test_a_decoder_reads_hidden_tokens_and_says_so():
    assert "reads tokens that attention is told not to look at" in refusals("llama")["attention"]
    assert "attention" not in refusals("bert")
    # also where the only text is one word
    assert "attention" in self_check(classifier("llama"), [Example("0", ("good",))]).handling.refused


@pytest.mark.parametrize(("name", "pooling"), [("modernbert", "mean"), ("eurobert", "mean"), ("eurobert", "late")])
def test_attention_methods_follow_a_mean_over_tokens(name, pooling):
    config = build(name, "classification")[0].config
    config.classifier_pooling = pooling
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = transformers.AutoModelForSequenceClassification.from_config(config).eval()
    model = Classifier(network, build(name, "classification")[1], ("a", "b", "c"))
    model = checked(model)
    assert model.handling.reads == "mean"
    with model.active():
        batch = model.collate([model.encode(example) for example in EXAMPLES])
        by_method = AttentionRollout().attribute(model, batch, []).values
        rows = rollout_rows(model, batch)
    for line in range(len(batch)):
        real = batch.real[line]
        torch.testing.assert_close(by_method[line][real], rows[line][real][:, real].mean(0), rtol=1e-4, atol=1e-5)


def rollout_rows(model, batch):
    """Abnar & Zuidema's product of (A + I) / 2, from the weights that the network itself returns."""
    model.network.set_attn_implementation("eager")
    made = model.network(
        input_ids=batch.input_ids, attention_mask=batch.attention_mask, position_ids=batch.position_ids,
        output_attentions=True,
    )  # fmt: skip
    product = torch.eye(batch.input_ids.shape[1]).expand(len(batch), -1, -1)
    for weights in made.attentions:
        product = (weights.mean(1) + torch.eye(weights.shape[-1])) / 2 @ product
    return product


@pytest.mark.parametrize("name", ["gemma", "gemma2", "xglm", "bert"])
def test_the_mean_embedding_is_the_mean_of_looked_up_rows(name):
    kind = "classification" if name == "bert" else "causal"
    table = build(name, kind)[0].get_input_embeddings()
    rows = torch.stack([table(torch.tensor([[place]]))[0, 0] for place in range(table.num_embeddings)])
    torch.testing.assert_close(mean_embedding(table), rows.double().mean(0).float(), rtol=1e-5, atol=1e-6)


def test_a_block_that_layers_share_counts_once_for_each():
    model = checked(classifier("albert"))
    depth = model.network.config.num_hidden_layers
    assert len(model.blocks()) == depth > len({id(block) for block in model.blocks()})
    with model.active():
        scores = AttentionRollout().attribute(model, model.collate([model.encode(EXAMPLES[0])]), []).values
    torch.testing.assert_close(scores.sum(), torch.tensor(1.0))


@pytest.mark.parametrize("name", ["bloom", "mpt", "xlnet", "t5", "mamba"])
def test_a_network_without_a_limit_takes_what_its_tokenizer_takes(name):
    network, tokenizer = build(name, "causal" if name == "mamba" else "classification")
    tokenizer.model_max_length = 10**30
    model = Writer(network, tokenizer) if name == "mamba" else Classifier(network, tokenizer, ("a", "b", "c"))
    assert model.longest >= 10**8


def test_a_tokenizer_that_knows_no_word_is_refused():
    model = networks.bert()
    with pytest.raises(AttrimarkError, match=r"knows none of the words .*tokenizer.save_pretrained"):
        self_check(model, [Example("0", ("quantum flux capacitor",))])


def test_a_network_that_sees_what_follows_writes_nothing():
    network, tokenizer = build("xlnet", "causal")
    with pytest.raises(AttrimarkError, match="is_decoder"):
        self_check(Writer(network, tokenizer, "the film : {text} . it is"), EXAMPLES)


def test_a_network_that_draws_at_random_is_refused():
    model = networks.bert()
    model.network.register_forward_hook(
        lambda module, given, returned: setattr(returned, "logits", returned.logits + torch.rand(()))
    )
    with pytest.raises(AttrimarkError, match="does not compute the same numbers twice"):
        self_check(model, EXAMPLES)


def test_a_table_warns_of_input_x_gradient_where_embeddings_are_normalised_at_once():
    for name, warns in (("modernbert", True), ("llama", False)):
        network, tokenizer = build(name, "classification")
        found = attrimark.evaluate(network, tokenizer, TEXTS, ["input-x-gradient"], ["sufficiency"])
        assert ("their order means nothing" in " ".join(str(found).split())) == warns


def test_special_tokens_in_a_text_are_flagged():
    model = networks.bert()
    assert model.encode(Example("0", ("a film [SEP] dull",))).flags == ("special-tokens",)
    assert model.encode(Example("1", ("a film xyz",))).flags == ()


def test_a_text_without_its_words_is_one_token_where_nothing_else_is_left():
    model = classifier("gpt2")
    row = model.encode(EXAMPLES[0])
    empty = model.remove(row, np.zeros(len(row.features), dtype=bool), "delete")
    assert empty.ids.tolist() == [model.tokenizer.bos_token_id]
    with model.active(), torch.no_grad():
        torch.testing.assert_close(
            model.outputs(model.collate([empty, row]))[0], model.network(torch.tensor([empty.ids.tolist()])).logits[0]
        )


def test_rotary_positions_that_switch_with_the_length_share_no_batch_and_no_tree():
    from attrimark_registry.tree_mask import takes_trees

    network, tokenizer = build("llama", "causal")
    assert takes_trees(network)
    network.config.rope_parameters = {
        "rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0, "original_max_position_embeddings": 16
    }  # fmt: skip
    assert not takes_trees(network)
    model = Writer(network, tokenizer, "the film : {text} . it is", most=3)
    assert self_check(model, EXAMPLES).handling.sharing == "equal lengths"


@pytest.mark.parametrize("kind", ["dynamic", "longrope"])
def test_rotary_positions_do_not_remember_a_longer_text(kind):
    def fresh():
        config = build("llama", "classification")[0].config
        own = {"factor": 2.0} if kind == "dynamic" else {"short_factor": [1.0] * 4, "long_factor": [3.0] * 4}
        config.rope_parameters = {
            "rope_type": kind, "rope_theta": 10000.0, "original_max_position_embeddings": 6, **own
        }  # fmt: skip
        config.max_position_embeddings = 6 if kind == "dynamic" else 64
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network = transformers.AutoModelForSequenceClassification.from_config(config).eval()
        network.config.max_position_embeddings = 64
        return network

    tokenizer = build("llama", "classification")[1]
    texts = ("a dull plot and a sad end but the music was not bad", "the film was good and not bad at all", "good")
    model = Classifier(fresh(), tokenizer, ("a", "b", "c"))
    model = model.handled(self_check(model, EXAMPLES).handling)
    rows = [model.encode(Example(text, (text,))) for text in texts]
    with model.active(), torch.no_grad():
        ours = model.outputs(model.collate(rows))
        plain = [fresh()(**tokenizer(text, return_tensors="pt")).logits[0] for text in texts]
    torch.testing.assert_close(ours, torch.stack(plain), rtol=1e-4, atol=1e-4)
