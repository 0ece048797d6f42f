"""Kinds of networks that need care, told from their configuration: no weight is loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

NetworkKind = Literal[
    "decoder classifier",
    "decoder classifier with another padding",
    "length-dependent",
    "mean-pooled head",
    "padding-dependent",
    "scaled embeddings",
    "score head",
    "sigmoid head",
]

# by transformers' name of the architecture
PADDING_DEPENDENT = {
    "canine",
    "convbert",
    "fnet",
    "mobilebert",
    "nystromformer",
    "t5gemma",
    "t5gemma2",
    "xlnet",
    "yoso",
}
SCALED = {"bart", "bigbird_pegasus", "biogpt", "blenderbot", "mbart", "minicpm3", "plbart", "trocr", "xglm"}
SCALED_FAMILIES = ("gemma", "t5gemma", "vaultgemma", "recurrent_gemma")


def kinds_of_folder(folder: Path) -> frozenset[NetworkKind] | None:
    """The kinds of the network that a folder holds; None where it has no configuration that can be read."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return frozenset(_kinds(config, _pad_of_tokenizer(folder))) if isinstance(config, dict) else None


def _kinds(config: Mapping[str, Any], tokenizer_pad: int | None) -> Iterator[NetworkKind]:
    name = str(config.get("model_type", ""))
    classifies = any(str(each).endswith("ForSequenceClassification") for each in config.get("architectures") or ())
    if name in SCALED or name.startswith(SCALED_FAMILIES):
        yield "scaled embeddings"
    if name in PADDING_DEPENDENT:
        yield "padding-dependent"
    if any(depends_on_length(part) for part in (config, config.get("text_config") or {})):
        yield "length-dependent"
    if not classifies:
        return
    if config.get("problem_type") == "multi_label_classification":
        yield "sigmoid head"
    elif len(config.get("id2label") or range(config.get("num_labels", 2))) == 1:
        yield "score head"
    if config.get("classifier_pooling") in ("mean", "late"):
        yield "mean-pooled head"
    if _is_decoder(name):
        yield "decoder classifier"
        if config.get("pad_token_id") != tokenizer_pad:
            yield "decoder classifier with another padding"


def depends_on_length(config: Mapping[str, Any]) -> bool:
    """Whether the numbers of a call depend on its longest row, by a configuration as plain data.

    Dynamic rotary positions do, and BigBird's sparse attention, which is full where texts are short.
    """
    parameters = config.get("rope_parameters") or config.get("rope_scaling") or {}
    each = [parameters, *(value for value in parameters.values() if isinstance(value, dict))]
    kinds = {str(some.get("rope_type", some.get("type", ""))) for some in each}
    sparse = config.get("attention_type") == "block_sparse"
    return sparse or any(kind == "longrope" or "dynamic" in kind for kind in kinds)


def _is_decoder(name: str) -> bool:
    """Whether an architecture continues texts and fills in no masks."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    )

    return name in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and name not in MODEL_FOR_MASKED_LM_MAPPING_NAMES


def _pad_of_tokenizer(folder: Path) -> int | None:
    """The id of the padding token that the tokenizer's files name."""
    try:
        named = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8")).get("pad_token")
        added = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8")).get("added_tokens", [])
    except (OSError, ValueError):
        return None
    content = named.get("content") if isinstance(named, dict) else named
    return next((each["id"] for each in added if each.get("content") == content), None)
