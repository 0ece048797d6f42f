"""Every architecture has a tiny network that answers to the words, or a reason why it has none."""

from pathlib import Path

import pytest
import torch
import transformers

from tests.references.architectures import CANNOT, LABELS, NAMES, TABLE, VOCABULARY, build

SAMPLE = (
    *[
        ("classification", name)
        for name in (
            *("bert", "roberta", "albert", "distilbert", "deberta-v2"),
            *("electra", "modernbert", "xlnet", "bart", "gpt2"),
        )
    ],
    *[
        ("causal", name)
        for name in ("llama", "mistral", "qwen2", "gemma", "gemma2", "phi", "gpt_neox", "bloom", "opt", "mamba")
    ],
)
OTHERS = [(kind, name) for kind in NAMES for name in NAMES[kind] if name in TABLE and (kind, name) not in SAMPLE]
TEXTS = ("the plot was dull , but i loved the music", "the plot was witty , but i loved the music")
PINNED = next(
    line.partition("==")[2].strip()
    for line in (Path(__file__).parents[1] / "constraints.txt").read_text().splitlines()
    if line.startswith("transformers==")
)
pinned = pytest.mark.skipif(
    transformers.__version__ != PINNED,
    reason=f"the table is that of transformers {PINNED}, not {transformers.__version__}",
)


def logits(kind: str, name: str) -> torch.Tensor:
    """The logits of two texts that differ in a word, by the plain call."""
    network, tokenizer = build(name, kind)
    with torch.no_grad():
        return torch.stack([network(**tokenizer(text, return_tensors="pt")).logits[0] for text in TEXTS])


def check(kind: str, name: str) -> None:
    answers = logits(kind, name)
    words = len(TEXTS[0].split())
    assert answers.shape == ((2, len(LABELS)) if kind == "classification" else (2, words, len(VOCABULARY)))
    assert answers.dtype == torch.float32
    assert answers.isfinite().all()
    one, other = answers if kind == "classification" else answers[:, -1]
    assert (one - other).abs().max() > 1e-3


@pytest.mark.parametrize(("kind", "name"), SAMPLE)
def test_a_tiny_network_answers_to_the_words(kind, name):
    check(kind, name)
    torch.testing.assert_close(logits(kind, name), logits(kind, name), rtol=1e-5, atol=1e-5)


@pinned
@pytest.mark.long
@pytest.mark.parametrize(("kind", "name"), OTHERS)
def test_so_does_every_other(kind, name):
    check(kind, name)


@pinned
def test_every_name_is_in_the_table_or_has_a_reason():
    names = {name for kind in NAMES for name in NAMES[kind]}
    assert names - TABLE.keys() - CANNOT.keys() == set(), (
        "give these an entry in TABLE or in CANNOT, tests/references/architectures/table.py"
    )
    assert (TABLE.keys() | CANNOT.keys()) - names == set(), "transformers has no such names"
    assert TABLE.keys() & CANNOT.keys() == set()
