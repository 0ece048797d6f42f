"""What a network and its tokenizer are set to: modes, hooks and configurations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from attrimark_registry.model import Model
from torch import nn
from torch.nn.modules import module as torch_module

PLAIN = (bool, int, float, str, type(None))
OF_TOKENIZER = ("padding_side", "truncation_side", "model_max_length", "chat_template")
OF_BACKEND = ("normalizer", "pre_tokenizer", "model", "post_processor", "decoder")
OF_MODEL = ("network", "tokenizer", "labels", "tuned", "packed", "altered", "handling", "pretrained", "head", "prompt")


def facts_of(model: Model) -> Mapping[str, Any]:
    """By what they are called in messages; equal to what they were, or something has moved."""
    return dict((*_of_model(model), *_of_network(model.network)))


def settings_of(network: nn.Module) -> Mapping[str, Any]:
    """Plain attributes of modules, such as an epsilon. Some networks change theirs with every call, so these only say
    what it was that moved the numbers."""
    return {
        f"{key} of {name or type(network).__name__}": value
        for name, module in network.named_modules()
        for key, value in vars(module).items()
        if isinstance(value, PLAIN)
    }


def _of_model(model: Model) -> Iterator[tuple[str, Any]]:
    for name in OF_MODEL:
        yield f"the model's {name}", id(vars(model).get(name))
    tokenizer: Any = model.tokenizer
    yield "the tokenizer's vocabulary", len(tokenizer)
    yield "the tokenizer's special tokens", str(tokenizer.special_tokens_map)
    for name in OF_TOKENIZER:
        yield f"the tokenizer's {name}", str(getattr(tokenizer, name, None))
    # truncation and padding are no part of it: every call sets them anew
    backend: Any = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        yield "the tokenizer's added tokens", repr(backend.get_added_tokens_decoder())
        for name in OF_BACKEND:
            yield f"the tokenizer's backend ({name})", _state(getattr(backend, name, None))


def _of_network(network: Any) -> Iterator[tuple[str, Any]]:
    for name in ("config", "generation_config"):
        config: Any = getattr(network, name, None)
        yield f"the network's {name}", str(config.to_dict()) if hasattr(config, "to_dict") else str(config)
    attention = getattr(getattr(network, "config", None), "_attn_implementation", None)
    yield "the network's attention implementation", attention
    for kind, hooks in vars(torch_module).items():
        if kind.startswith("_global_") and isinstance(hooks, dict):
            yield f"hooks of all modules ({kind})", _identities(hooks)
    for name, module in network.named_modules():
        where = name or type(network).__name__
        yield f"the mode of {where}", module.training
        yield f"the kind of {where}", (type(module), vars(module).get("forward"))
        for kind, hooks in vars(module).items():
            if kind.endswith("_hooks") and hooks:
                yield f"hooks of {where} ({kind})", _identities(hooks)
    for name, parameter in network.named_parameters():
        yield f"whether {name} needs a gradient", parameter.requires_grad
        yield f"hooks of {name}", _identities(parameter._backward_hooks or {})


def _state(part: Any) -> str | None:
    """A hash of all that a part of a fast tokenizer's backend is set to; its vocabulary may take megabytes."""
    if part is None:
        return None
    try:
        return hashlib.sha256(part.__getstate__()).hexdigest()
    except Exception:  # the library raises no narrower one for a part that is written in Python
        return type(part).__name__


def _identities(hooks: Mapping[Any, Any]) -> tuple[Any, ...]:
    return tuple(map(id, hooks.values()))
