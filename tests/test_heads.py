"""Heads that are no softmax: each label decided for itself, and scores; read from the configuration."""

from __future__ import annotations

import json

import attrimark
import pytest
import torch
from attrimark.cli import main
from attrimark.run.attribute import attribute
from attrimark.run.prepare import prepare
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.models.hub_classifier import HubClassifier
from attrimark_plugins.strategies.frozen import Frozen
from attrimark_registry import AttrimarkError, Classifier, Example, Target, Unsupported
from attrimark_registry.reading import head_of, read_labels
from click.testing import CliRunner
from transformers import BertConfig, BertForSequenceClassification

from tests.references import networks

TEXTS = ("a gorgeous film", "dull", "the film is witty , and not very sad .")
EXAMPLES = [Example(str(place), (text,)) for place, text in enumerate(TEXTS)]
MULTI_LABEL = {"problem_type": "multi_label_classification", "id2label": {0: "praise", 1: "music", 2: "plot"}}
SCORE = {"num_labels": 1}


def network(**options):
    config = BertConfig(
        vocab_size=len(networks.WORDS), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64, initializer_range=0.4, **options,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return BertForSequenceClassification(config).eval()


def model(**options):
    made = network(**options)
    labels = [made.config.id2label[place] for place in range(made.config.num_labels)]
    return Classifier(made, networks.tokenizer(True), labels, head=head_of(made.config))


def logits_of(made, text):
    with torch.no_grad():
        return made(**networks.tokenizer(True)(text, return_tensors="pt")).logits[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("multi-label")
    network(**MULTI_LABEL).save_pretrained(path)
    networks.tokenizer(True).save_pretrained(path)
    return path


def test_the_kind_of_a_head_is_read_from_its_configuration():
    assert head_of(BertConfig(num_labels=3)) == "softmax"
    assert head_of(BertConfig(**MULTI_LABEL)) == "sigmoid"
    assert head_of(BertConfig(num_labels=1)) == "scalar"
    assert head_of(BertConfig(num_labels=2, problem_type="regression")) == "scalar"
    assert head_of(BertConfig(num_labels=1, problem_type="multi_label_classification")) == "sigmoid"


def test_a_label_s_log_odds_are_its_own_logit_and_no_other_label_moves_them():
    outputs, target = torch.tensor([[1.0, -2.0, 3.0]]), [Target((0,))]
    others = torch.tensor([[1.0, 5.0, -7.0]])
    for reading, wanted in (("log-odds", 1.0), ("logit", 1.0), ("probability", 0.7310586), ("decision", 1.0)):
        for each in (outputs, others):
            torch.testing.assert_close(read_labels(each, target, reading, "sigmoid"), torch.tensor([wanted]))


def test_a_word_s_score_is_what_the_label_s_own_logit_loses_without_it():
    made = network(**MULTI_LABEL)
    found = attrimark.evaluate(
        made, networks.tokenizer(True), TEXTS, methods=["leave-one-out"], metrics=["sufficiency"], target="music"
    )
    for each, text in zip(found.attributions["leave-one-out"], TEXTS, strict=True):
        words = text.split()
        masked = [
            " ".join(["[MASK]" if i == place else word for i, word in enumerate(words)]) for place in range(len(words))
        ]
        lost = [float(logits_of(made, text)[1] - logits_of(made, other)[1]) for other in masked]
        torch.testing.assert_close(torch.from_numpy(each.scores), torch.tensor(lost), rtol=1e-4, atol=1e-5)
        assert each.explained == "music"


def test_predictions_are_the_labels_that_hold():
    made = model(**MULTI_LABEL)
    with made.active():
        explained = attribute(prepare(made, EXAMPLES, "predicted", "word"), LeaveOneOut()).explained
    holding = {
        f"{place}:{made.labels[label]}"
        for place, text in enumerate(TEXTS)
        for label in (logits_of(made.network, text) > 0).nonzero().flatten().tolist()
    }
    assert {each.example.id for each in explained} == holding
    assert len(holding) > len(TEXTS)


def test_where_no_label_holds_a_text_is_left_out_with_the_remedy():
    made = model(**MULTI_LABEL)
    with torch.no_grad():
        made.network.classifier.bias.fill_(-100.0)
    with made.active():
        prepared = prepare(made, EXAMPLES, "predicted", "word")
    assert not prepared.rows
    assert all("name a label as the target" in reason for reason in prepared.left_out.values())


def test_a_score_is_explained_as_it_is_and_has_no_probability():
    made = network(**SCORE)
    found = attrimark.evaluate(
        made, networks.tokenizer(True), TEXTS, methods=["leave-one-out"], metrics=["sufficiency", "accuracy"]
    )
    for each, text in zip(found.attributions["leave-one-out"], TEXTS, strict=True):
        assert each.value_full == pytest.approx(float(logits_of(made, text)[0]), abs=1e-5)
    reasons = [reason for record in found.records for _, reason in record.metric_status.values()]
    assert all("no classes" in reason for reason in reasons if reason)
    assert len(reasons) == 2


def test_a_score_may_be_said_to_be_the_log_odds_of_one_class():
    found = attrimark.evaluate(
        network(**SCORE), networks.tokenizer(True), TEXTS, methods=["leave-one-out"], metrics=["sufficiency"],
        head="sigmoid",
    )  # fmt: skip
    assert all(status == "ok" for record in found.records for status, _ in record.metric_status.values())


def test_several_scores_have_no_prediction():
    with pytest.raises(Unsupported, match="no prediction: name one of"):
        model(num_labels=2, problem_type="regression").decide([], "predicted")


def test_no_strategy_trains_a_softmax_on_such_a_head():
    for options in (MULTI_LABEL, SCORE):
        with pytest.raises(Unsupported, match="this head"):
            Frozen().fine_tune(model(**options), EXAMPLES, [0])


def test_a_folder_keeps_its_labels_and_their_order(folder):
    source = HubClassifier(reference=f"path:{folder}")
    loaded = source.load(["plot", "praise"], "cpu")
    assert (loaded.head, loaded.labels) == ("sigmoid", ("praise", "music", "plot"))
    assert source.load([], "cpu").labels == ("praise", "music", "plot")
    with pytest.raises(AttrimarkError, match=r"also has dull: name the model's label"):
        source.load(["dull"], "cpu")


@pytest.mark.parametrize(
    ("labels", "label_map", "said"),
    [
        (["a", "b"], {"a": "plot", "b": "plot"}, "a and b are both the label plot of"),
        (["Plot", "plot"], None, "Plot and plot are both the label plot of"),
        (["music"], {"music": "plot"}, "its labels music and plot would both be called music"),
    ],
)
def test_no_two_labels_get_one_name(folder, labels, label_map, said):
    with pytest.raises(AttrimarkError, match=rf"{said}.* label_map"):
        HubClassifier(reference=f"path:{folder}", label_map=label_map).load(labels, "cpu")


def test_two_labels_of_a_softmax_are_not_one_output(folder):
    source = HubClassifier(reference=f"path:{folder}", head="softmax", label_map={"a": "plot", "b": "Plot"})
    with pytest.raises(AttrimarkError, match="a and b are both the label Plot of"):
        source.load(["a", "b", "music"], "cpu")


def saved(path, **options):
    network(**options).save_pretrained(path)
    networks.tokenizer(True).save_pretrained(path)
    return HubClassifier(reference=f"path:{path}")


def test_outputs_of_one_name_are_refused(tmp_path):
    same = {"id2label": {0: "dull", 1: "good", 2: "dull"}}
    said = "outputs 0 and 2 of the network are both named dull: .* id2label"
    with pytest.raises(AttrimarkError, match=said):
        saved(tmp_path, **same).load([], "cpu")
    with pytest.raises(AttrimarkError, match=said):
        attrimark.evaluate(network(**same), networks.tokenizer(True), TEXTS, ["leave-one-out"], [])


def test_labels_that_are_numbers_are_read_as_text(tmp_path):
    source = saved(tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**settings, "id2label": {"0": 0, "1": 1}}))
    assert source.load([], "cpu").labels == ("0", "1")
    assert source.load(["1", "0"], "cpu").labels == ("1", "0")
    made = network(id2label={0: 0, 1: 1})
    found = attrimark.evaluate(made, networks.tokenizer(True), TEXTS, ["leave-one-out"], [])
    assert {each.explained for each in found.attributions["leave-one-out"]} <= {"0", "1"}


def test_one_output_is_no_softmax(tmp_path):
    source = saved(tmp_path, **SCORE)
    assert source.load([], "cpu").head == "scalar"
    with pytest.raises(AttrimarkError, match=r'always 1: say head = "sigmoid" .* or head = "scalar"'):
        HubClassifier(reference=source.reference, head="softmax").load([], "cpu")


def test_the_command_line_explains_each_label_that_holds(folder):
    written = f'{{ name = "hub-classifier", reference = "path:{folder}" }}'
    ran = CliRunner().invoke(main, ["explain", TEXTS[2], "--model", written, "--json"])
    told = json.loads(ran.stdout)
    explained = [told["explained"], *(each["explained"] for each in told.get("others", []))]
    holding = (logits_of(network(**MULTI_LABEL), TEXTS[2]) > 0).nonzero().flatten().tolist()
    assert explained == [("praise", "music", "plot")[label] for label in holding]


def test_the_command_line_shows_what_the_check_found(folder):
    written = f'{{ name = "hub-classifier", reference = "path:{folder}" }}'
    ran = CliRunner().invoke(main, ["explain", TEXTS[2], "--model", written, "--check"])
    assert "called: rows are padded to the longest; explicit positions" in ran.stdout
    assert "the head reads: first" in ran.stdout
