"""CamemBERT, a French encoder of 110 million parameters. Martin et al. (ACL 2020)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from attrimark_registry import AttrimarkError, Classifier, ModelSource, fetch

from .shared.encoder_with_head import EncoderWithHead, Pooling
from .shared.loading import load_saved
from .shared.references import fingerprint

WEIGHTS = "hf:almanach/camembert-base@a75967561c78f2aa81cc41045378d3b4ee25af9e"
_HEAD_SEED = 0  # a strategy draws its own head from its seed; this one makes an untrained model repeatable


class Camembert(ModelSource):
    """The encoder with a new classification head, to be fine-tuned. MIT, taken from the model hub.

    Options:
        reference: another revision, or a copy on this machine: `path:directory`.
        pooling: what the head reads; Bogaert & Standaert read the first token.
    """

    name = "camembert"  # no `assets`: whoever fetches all of them may have no hub
    kinds = frozenset()

    reference: str = WEIGHTS
    pooling: Pooling = "first"

    def load(self, labels: Sequence[str], device: str) -> Classifier:
        """The model.

        Raises:
            AttrimarkError: the weights are not cached and cannot be downloaded, are no safetensors, or incomplete.
        """
        from safetensors import SafetensorError
        from transformers import AutoModel

        folder = fetch(self.reference)
        try:
            encoder, tokenizer, missing = load_saved(AutoModel, folder, add_pooling_layer=False)
        except (OSError, ValueError, TypeError, RuntimeError, KeyError, SafetensorError) as error:
            raise AttrimarkError(f"{self.reference} could not be loaded as an encoder: {error}") from error
        if missing:
            raise AttrimarkError(f"{self.reference} lacks trained weights for {', '.join(missing)}")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_HEAD_SEED)
            network = EncoderWithHead(encoder, len(labels), self.pooling)
        return Classifier(network.to(device).eval(), tokenizer, labels)

    def fingerprint(self) -> str:
        return fingerprint(self, self.reference)
