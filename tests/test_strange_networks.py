"""Networks, options and texts out of the ordinary: the numbers of a plain call, or an error with the remedy."""

import copy
import json

import numpy as np
import pytest
import torch
from attrimark import evaluate
from attrimark_registry import AttrimarkError
from attrimark_registry.network_kinds import kinds_of_folder

from tests.references.architectures import build

SHORT, LONG = "good", "the film is witty and not very sad " * 6


def explained(network, tokenizer, texts=(LONG, SHORT), **options):
    (attributions,) = evaluate(network, tokenizer, texts, ["leave-one-out"], [], **options).attributions.values()
    return attributions


def plain_logits(network, tokenizer, text):
    with torch.no_grad():
        return copy.deepcopy(network)(**tokenizer(text, return_tensors="pt")).logits[0]


def agrees_with_a_plain_call(network, tokenizer, texts=(LONG, SHORT)):
    """The explained log-odds of each text are those of a copy that was never called before."""
    fresh = [plain_logits(network, tokenizer, text) for text in texts]
    for attribution, logits in zip(explained(network, tokenizer, texts), fresh, strict=True):
        (chosen,) = attribution.target.chosen
        others = torch.cat([logits[:chosen], logits[chosen + 1 :]])
        assert attribution.value_full == pytest.approx(float(logits[chosen] - others.logsumexp(0)), abs=1e-4)
    # the network that was passed answers as it did
    for text, logits in zip(texts, fresh, strict=True):
        torch.testing.assert_close(plain_logits(network, tokenizer, text), logits, atol=1e-4, rtol=1e-4)


def network_of(name, seed=0, **changes):
    network, tokenizer = build(name, "classification", seed)
    for option, value in changes.items():
        setattr(network.config, option, value)
    return network, tokenizer


def test_sparse_attention_that_is_full_for_short_texts_is_each_texts_own():
    network, tokenizer = network_of("big_bird")
    network.config.attention_type, network.config.block_size, network.config.num_random_blocks = "block_sparse", 2, 1
    sparse = type(network)(network.config).eval()
    sparse.load_state_dict(network.state_dict())
    agrees_with_a_plain_call(sparse, tokenizer)


def test_frequencies_that_long_texts_overwrite_are_those_of_each_text():
    network, tokenizer = network_of("llama")
    factors = [1.0 + number for number in range(network.config.head_dim // 2)]
    network.config.rope_parameters = {
        "rope_type": "longrope", "rope_theta": 10_000.0, "factor": 8.0, "short_factor": [1.0] * len(factors),
        "long_factor": factors, "original_max_position_embeddings": 6,
    }  # fmt: skip
    long = type(network)(network.config).eval()
    long.load_state_dict(network.state_dict())
    agrees_with_a_plain_call(long, tokenizer)


@pytest.mark.parametrize("name", ["bert", "llama", "fnet"])
def test_double_precision_is_no_other_network(name):
    network, tokenizer = network_of(name)
    agrees_with_a_plain_call(network.double(), tokenizer)


def test_numbers_that_are_drawn_anew_at_each_call_are_refused():
    network, tokenizer = network_of("bert")
    drawn = np.random.default_rng(0)
    network.bert.embeddings.register_forward_hook(lambda module, given, made: made + drawn.uniform())
    with pytest.raises(AttrimarkError, match="does not compute the same numbers twice"):
        explained(network, tokenizer)


def test_outputs_that_are_no_numbers_are_refused():
    network, tokenizer = network_of("bert")
    with torch.no_grad():
        network.classifier.bias[0] = float("nan")
    with pytest.raises(AttrimarkError, match="NaN or infinite"):
        explained(network, tokenizer)


def test_a_plain_call_that_fails_is_named_as_such():
    network, tokenizer = network_of("bert")
    network.forward = lambda **given: {}["logits"]
    with pytest.raises(AttrimarkError, match=r"a plain call of BertForSequenceClassification .* \(KeyError"):
        explained(network, tokenizer)


def test_hidden_tokens_that_half_precision_would_cover_are_seen():
    network, tokenizer = network_of("convbert")
    (refused,) = evaluate(
        network.bfloat16(), tokenizer, [LONG], ["leave-one-out"], [], operator="attention"
    ).boards[0].rows  # fmt: skip
    assert refused.status == "unsupported"
    assert "told not to look at" in refused.reason


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"operator": "zap"}, "there is no operator 'zap'.*mask"),
        ({"operator": "Mask"}, 'did you mean "mask"'),
        ({"operators": ["mask", "zap"]}, "there is no operator 'zap'"),
        ({"head": "Softmax"}, 'did you mean "softmax"'),
        ({"granularity": "letter"}, "there is no granularity 'letter'.*sentence"),
    ],
)
def test_an_option_that_does_not_exist_is_refused_with_those_that_do(options, told):
    with pytest.raises(AttrimarkError, match=told):
        explained(*network_of("bert"), **options)


def test_one_operator_is_one_operator():
    network, tokenizer = network_of("bert")
    board = evaluate(network, tokenizer, [LONG], ["leave-one-out"], ["sufficiency"], operators="mask").boards[0]
    assert board.columns[0].operators == ("mask",)


def test_no_method_is_refused():
    with pytest.raises(AttrimarkError, match="at least one method"):
        evaluate(*network_of("bert"), [LONG], [])


def test_what_a_network_is_wrapped_in_is_named():
    network, tokenizer = network_of("bert")
    with pytest.raises(AttrimarkError, match=r"pass its \.module"):
        explained(torch.nn.DataParallel(network), tokenizer)


def test_half_a_character_is_left_out_with_its_reason():
    network, tokenizer = network_of("bert")
    found = evaluate(network, tokenizer, [LONG, "good \ud83d"], ["random"], [])
    assert found.left_out == {"1": "the text holds half of a character (a lone surrogate)"}


def test_continuations_of_different_lengths_are_judged_where_rows_are_not_padded():
    network, tokenizer = build("roformer", "causal")
    texts = [f"{SHORT} {word}" for word in ("film", "plot")]
    from attrimark_registry import Example

    examples = [
        Example(str(number), (text,), reference=reference)
        for number, (text, reference) in enumerate(zip(texts, ("good", "bad plot and awful music"), strict=True))
    ]
    found = evaluate(
        network, tokenizer, examples, ["random", "integrated-gradients"], ["sufficiency"], target="gold"
    )  # fmt: skip
    for row in found.boards[0].rows:
        assert row.status == "ok"
    values = [each.value for record in found.records for each in record.measures]
    assert values
    assert np.isfinite([value for value in values if value is not None]).all()


@pytest.mark.parametrize(
    ("config", "depends"),
    [
        ({"rope_scaling": {"type": "dynamic", "factor": 2.0}}, True),
        ({"rope_parameters": {"full_attention": {"rope_type": "longrope"}}}, True),
        ({"text_config": {"rope_parameters": {"rope_type": "longrope"}}}, True),
        ({"attention_type": "block_sparse"}, True),
        ({"attention_type": "original_full"}, False),
        ({"rope_parameters": {"rope_type": "llama3"}}, False),
        ({}, False),
    ],
    ids=str,
)
def test_results_of_networks_whose_numbers_depended_on_length_are_computed_again(config, depends, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert ("length-dependent" in kinds_of_folder(tmp_path)) == depends
