"""Builds the tiny random network of an architecture."""

import inspect
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal

import torch
from torch import nn
from transformers import (
    CONFIG_MAPPING,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
)

from tests.references.architectures.table import COMMON, TABLE
from tests.references.architectures.tokenizer import BOS, CLS, EOS, LABELS, MASK, PAD, SEP, tokenizer

Kind = Literal["classification", "causal"]
NAMES: dict[Kind, tuple[str, ...]] = {
    "classification": tuple(MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES),
    "causal": tuple(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES),
}
# What the mapping of causal networks and a config's `is_decoder` say wrongly of a classifier.
ENCODERS, DECODERS = ("xlm", "xlnet"), ("mistral4",)
SET_AS_THEY_ARE = ("A_log",)  # the decay rates of a state space


def build(name: str, kind: Kind, seed: int = 0) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """The tiny network of that name in transformers' mapping of this kind (float32, eval mode), and its tokenizer.

    The weights are drawn under the seed, wide enough that every word matters. A classifier has a logit for each of
    LABELS. Raises KeyError for a name that TABLE does not have; CANNOT has the reason.
    """
    kind_of_config = CONFIG_MAPPING[name]
    config = kind_of_config(**_sizes(kind_of_config, TABLE[name]))
    special = kind == "classification" and not _is_decoder(config)
    text = config.get_text_config()
    for part in (config, text):
        part.pad_token_id = PAD
        part.bos_token_id, part.eos_token_id = (CLS, SEP) if special else (BOS, EOS)
        if hasattr(part, "mask_token_id"):
            part.mask_token_id = MASK
    auto = AutoModelForCausalLM
    if kind == "classification":
        auto, config.num_labels = AutoModelForSequenceClassification, len(LABELS)
    else:
        for switch in ("is_decoder", "causal"):
            if hasattr(config, switch):
                setattr(config, switch, True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = auto.from_config(config).float().eval()
        _draw(network, getattr(text, "initializer_range", COMMON["initializer_range"]))
    takes = inspect.signature(network.forward).parameters
    inputs = [name for name in ("input_ids", "attention_mask") if name in takes]
    if special and "token_type_ids" in takes and hasattr(config, "type_vocab_size"):
        inputs.append("token_type_ids")
    return network, tokenizer(special, inputs)


def _is_decoder(config: PreTrainedConfig) -> bool:
    """Whether classifiers of that config are causal networks, which read the last token."""
    name = config.model_type
    writes = name in NAMES["causal"] and getattr(config, "is_decoder", True)
    return name in DECODERS or (writes and name not in ENCODERS)


def _sizes(kind: type[PreTrainedConfig], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The common sizes that a config has, with its overrides; the same for every config inside it."""
    names = {field.name for field in fields(kind)}
    sizes = {name: size for name, size in COMMON.items() if name in names}
    if "kv_lora_rank" in names and "num_key_value_heads" in names:  # latent attention has keys for each head
        sizes["num_key_value_heads"] = sizes["num_attention_heads"]
    inside = {}
    for name, default in kind.sub_configs_defaults.items():
        part = default.config_class
        if not issubclass(part, PreTrainedConfig):  # AutoConfig
            part = CONFIG_MAPPING[default.model_type]
        inside[name] = {"model_type": part.model_type, **_sizes(part, overrides.get(name, {}))}
    return {**sizes, **overrides, **inside}


def _draw(network: nn.Module, spread: float) -> None:
    """Matrices from N(0, spread²); vectors (norms, biases, gates) a little off what they were set to."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith(SET_AS_THEY_ARE):
                continue
            if parameter.dim() > 1:
                parameter.normal_(0, spread)
            else:
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
