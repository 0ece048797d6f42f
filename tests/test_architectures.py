"""Every architecture of the table: handled as its self-check says, its numbers are those of a plain call."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from attrimark_plugins.methods.shared.value_gradient import value_gradient
from attrimark_registry import AttrimarkError, Classifier, Example, Target, Writer
from attrimark_registry.self_check import self_check
from attrimark_registry.tree_trial import allows_trees, walked

from tests.references.architectures import CANNOT, NAMES, build
from tests.test_architectures_table import SAMPLE

TEXTS = ("the film was good", "a dull plot and a sad end", "good")
EXAMPLES = [Example(str(place), (text,)) for place, text in enumerate(TEXTS)]
PROMPT = "the film : {text} . it was"
REFUSED = {("causal", "cpmant"), ("causal", "prophetnet"), ("causal", "xlnet")}  # they see what follows
NO_GRADIENTS = {  # of classifiers: two stacks read the words, no table is looked up, or evaluation has no way back
    "bart", "bigbird_pegasus", "ibert", "mbart", "mt5", "mvp", "perceiver", "plbart", "reformer", "t5", "t5gemma",
    "t5gemma2", "umt5",
}  # fmt: skip
SHORT = {"canine"}  # it pools by four characters, and has no output for fewer
ALL = [(kind, name) for kind, names in NAMES.items() for name in names if name not in CANNOT and name not in SHORT]


def made(kind, name):
    network, tokenizer = build(name, kind)
    if kind == "classification":
        return Classifier(network, tokenizer, [network.config.id2label[i] for i in range(network.config.num_labels)])
    return Writer(network, tokenizer, PROMPT, most=3)


def plain(model, row):
    """Logits of a classifier; log p of what a writer's row aims at: from one call with ids alone."""
    if isinstance(model, Classifier):
        return model.network(**model.tokenizer(row.example.text, return_tensors="pt")).logits[0]
    ids = torch.tensor([[*row.ids.tolist(), *row.target.ids]])
    chances = model.network(input_ids=ids).logits[0, len(row) - 1 : -1].log_softmax(-1)
    return chances[torch.arange(len(row.target.ids)), list(row.target.ids)]


def plain_gradient(model, row):
    """∂ of the first output / ∂ what the table of embeddings returns, in a plain call."""
    found = []

    def keep(module, given, returned):
        found.append(returned.detach().requires_grad_(True))
        return found[-1].clone()  # some networks write into it

    hook = model.network.get_input_embeddings().register_forward_hook(keep)
    try:
        (gradient,) = torch.autograd.grad(plain(model, row)[0], found)
    finally:
        hook.remove()
    return (gradient[0] if gradient.shape[0] == 1 else gradient[:, 0])[: len(row)]


def rows_of(model):
    target = Target((0,), () if model.labels else (12, 13))
    return [model.encode(example).aimed_at(target) for example in EXAMPLES]


def removed(model, rows):
    """Rows of all lengths: whole, and with a word removed in every way that the model takes."""
    one = np.arange(len(rows[1].features)) != 1
    return [*rows, *(model.remove(rows[1], one, operator) for operator in model.operators)]


def assert_close(ours, wanted):
    scale = max(float(wanted.abs().max()), 1e-3)
    torch.testing.assert_close(ours.float(), wanted.float(), rtol=0, atol=1e-4 * scale)


def agrees(kind, name):
    model = made(kind, name)
    if (kind, name) in REFUSED:
        with pytest.raises(AttrimarkError, match="is_decoder"):
            self_check(model, EXAMPLES)
        return
    model = model.handled(self_check(model, EXAMPLES).handling)
    with model.active():
        with torch.no_grad():
            rows = rows_of(model)
            some = removed(model, rows)
            together = model.outputs(model.collate(some))
            assert_close(together[: len(rows)], torch.stack([plain(model, row) for row in rows]))
            assert_close(together, torch.cat([model.outputs(model.collate([row])) for row in some]))
            if kind == "causal" and allows_trees(model, rows[1]):
                assert_close(torch.from_numpy(np.stack(walked(model.scoring_tree(some), 2))), together)
        if "gradients" in model.handling.refused:
            assert name in NO_GRADIENTS or kind == "causal"
            return
        batch = model.collate([row.aimed_at(Target((0,), row.target.ids)) for row in rows])
        reading = "logit" if kind == "classification" else "log-probability"
        ours = value_gradient(model, batch, model.embed(batch), reading)
        if name == "rwkv":  # a plain call cannot be differentiated: it writes into its state
            return
        for line, row in enumerate(rows):
            assert_close(ours[line][batch.real[line]], plain_gradient(model, row))


@pytest.mark.parametrize(("kind", "name"), SAMPLE)
def test_its_numbers_are_those_of_a_plain_call(kind, name):
    agrees(kind, name)


@pytest.mark.long
@pytest.mark.parametrize(("kind", "name"), [each for each in ALL if each not in SAMPLE])
def test_its_numbers_are_those_of_a_plain_call_too(kind, name):
    agrees(kind, name)


def test_most_architectures_are_covered():
    counts = {kind: sum(each == kind for each, _ in ALL) - sum(each == kind for each, _ in REFUSED) for kind in NAMES}
    assert counts["classification"] >= 95
    assert counts["causal"] >= 120
