"""Saved causal language models, beside the models that they were fine-tuned from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeVar

import torch
from attrimark_registry import Model, PromptClassifier
from attrimark_registry.prompt_classifier import Scored

from .loading import fine_tuned_from, saved
from .mixed_precision import in_mixed_precision

M = TypeVar("M", bound=Model)
Dtype = Literal["bfloat16", "float32"]


def prompt_classifier(
    reference: str,
    labels: Sequence[str],
    device: str,
    *,
    prompt: str,
    chat: bool,
    system: str | None,
    answers: dict[str, str] | None,
    features: Scored,
    dtype: Dtype,
    base: str | None,
) -> PromptClassifier:
    """The model as a classifier by prompt; its `pretrained` is the one at `base`, where that is given.

    Raises:
        AttrimarkError: they cannot be fetched or read, weights are missing, or the prompt does not fit.
        Unsupported: the model at `base` has another depth, width or vocabulary.
    """
    network, tokenizer = loaded(reference, dtype, device, base)
    model = PromptClassifier(network, tokenizer, labels, prompt, chat, answers, features=features, system=system)
    return beside(model, base, dtype, device)


def beside(model: M, base: str | None, dtype: Dtype, device: str) -> M:
    """The model; its `pretrained` is the one at `base`, where that is given. Raises as `prompt_classifier`."""
    return model if base is None else fine_tuned_from(model, *loaded(base, dtype, device))


def loaded(reference: str, dtype: Dtype, device: str, base: str | None = None) -> tuple[Any, Any]:
    """Network and tokenizer, on the device and in evaluation mode; raises as `saved`.

    Args:
        base: the reference of the network that an adapter belongs to.
    """
    from transformers import AutoModelForCausalLM

    halved = dtype == "bfloat16"
    numbers = torch.bfloat16 if halved else torch.float32
    network, tokenizer = saved(AutoModelForCausalLM, reference, numbers, base=base)
    if halved:
        in_mixed_precision(network)
    return network.to(device).eval(), tokenizer
