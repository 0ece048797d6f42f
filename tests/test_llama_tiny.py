"""The tiny decoder: what pre-training teaches it, and that its weights depend on its options alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from attrimark_plugins.datasets.planted import Planted
from attrimark_plugins.metrics.perplexity import Perplexity
from attrimark_plugins.models.llama_tiny import LlamaTiny
from pydantic import ValidationError

LABELS = ("negative", "positive")
SMALL = {"layers": 2, "width": 32, "texts": 600, "epochs": 6, "learning_rate": 1e-2}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ATTRIMARK_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def weights(model):
    return model.network.state_dict()


@pytest.mark.long
def test_it_knows_the_language_that_it_was_pretrained_on():
    model = LlamaTiny(**SMALL).load(LABELS, "cpu")
    french, english = (
        np.median(
            Perplexity().measure(model, Planted(language=language, train=0, validation=0, test=30, seed=5).load().test)
        )
        for language in ("french", "english")
    )
    vocabulary = model.network.config.vocab_size
    assert french < vocabulary / 20
    assert english > 5 * french


@pytest.mark.long
def test_its_weights_depend_on_what_it_was_pretrained_with_and_nothing_else():
    source = LlamaTiny(**SMALL)
    state = torch.get_rng_state()
    one, same = source.load(LABELS, "cpu"), source.model_copy(update={"prompt": "So: {text}"}).load(LABELS, "cpu")
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(value, weights(same)[name]) for name, value in weights(one).items())
    assert source.folder() == source.model_copy(update={"prompt": "So: {text}"}).folder()
    other = LlamaTiny(**SMALL, seed=1)
    assert source.fingerprint() == LlamaTiny(**SMALL).fingerprint() != other.fingerprint()
    assert not torch.equal(*(each.load(LABELS, "cpu").network.lm_head.weight for each in (source, other)))


def test_heads_divide_the_width():
    with pytest.raises(ValidationError, match="cannot be divided"):
        LlamaTiny(width=30, heads=4)
