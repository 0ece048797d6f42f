"""A PEFT adapter that somebody saved, merged into the network that it was trained on."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from attrimark_registry import AttrimarkError, fetch
from attrimark_registry.assets import Reference
from torch import Tensor, nn

from .output_layer import output_layers
from .saved_folder import ADAPTER, ADAPTER_CONFIG, is_adapter, require_finite

_PREFIX = "base_model.model."  # of every name in an adapter's file
_WRAPPED = ("", ".base_layer", ".token_adapter.base_layer")  # where peft puts the table that it adapts


def adapted(reference: str, folder: Path) -> str:
    """The reference of the network that the adapter in this folder was trained on, as its configuration names it.

    A local folder counts for an adapter that is local too (`path:`); a model of a hub is used where it is pinned.

    Raises:
        AttrimarkError: it names none, one that is not there, or one of a hub without its revision.
    """
    settings = _settings(reference, folder)
    name = settings.get("base_model_name_or_path") or ""
    remedy = (
        'name the model that it was trained on: base = "path:DIRECTORY", or base = "hf:owner/name@<the 40 digits of a '
        'revision>"'
    )
    if not name:
        raise AttrimarkError(f"{reference} is an adapter, and its {ADAPTER_CONFIG} names no model: {remedy}")
    if Reference.parse(reference).scheme == "path":
        for local in (Path(name).expanduser(), folder / name):
            if local.is_dir():
                return f"path:{local}"
    revision = settings.get("revision") or ""
    if re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name) and re.fullmatch(r"[0-9a-f]{40}", revision):
        return f"hf:{name}@{revision}"
    raise AttrimarkError(
        f"{reference} is an adapter of {name}, which is no folder here and not pinned to a revision: {remedy}"
    )


def adapted_unpinned(reference: str) -> str | None:
    """As `adapted`, where the reference is the path of an adapter, whose network may change; else None."""
    if Reference.parse(reference).scheme != "path" or not is_adapter(folder := fetch(reference)):
        return None
    return adapted(reference, folder)


def require_peft(reference: str) -> None:
    """Raises AttrimarkError where peft is not installed."""
    if find_spec("peft") is None:
        raise AttrimarkError(f"{reference} is an adapter, which needs peft: pip install 'attrimark[adapters]'")


def replaced(folder: Path) -> tuple[str, ...]:
    """The names of the network's own weights that are saved with the adapter, such as those of a head."""
    return tuple(name.removeprefix(_PREFIX) for name in _weights(folder))


def options(kind: Any, folder: Path, inner: Path) -> dict[str, Any]:
    """What to load the network in `inner` with, so that the adapter's head fits: number, names and kind of its labels.

    Names and kind (`problem_type`) are those of the adapter's own config.json, where it has one for as many labels;
    else the network's, or LABEL_0 and so on.
    """
    from transformers import AutoConfig

    trust = {"local_files_only": True, "trust_remote_code": False}
    settings = AutoConfig.from_pretrained(inner, **trust)
    with torch.device("meta"):
        network = kind.from_config(settings, trust_remote_code=False)
    count = _outputs(folder, network)
    # a base's own head, of another size, is replaced
    chosen: dict[str, Any] = {"ignore_mismatched_sizes": True}
    if (folder / "config.json").is_file():
        own = AutoConfig.from_pretrained(folder, **trust)
        if count in (None, own.num_labels):
            kept = ("num_labels", "id2label", "problem_type")
            return {**chosen, **{name: getattr(own, name) for name in kept}}
    return chosen if count in (None, settings.num_labels) else {**chosen, "num_labels": count}


def merge(reference: str, folder: Path, network: Any) -> nn.Module:
    """The network with the adapter folded into its weights, and with what was saved with it, such as a head.

    Raises:
        AttrimarkError: the adapter is of a kind that is not kept in weights, its network is quantized, or it does not
            fit the network; its file lacks weights or has some that are not finite.
    """
    from peft import PeftConfig

    if not all(parameter.is_floating_point() for parameter in network.parameters()):
        raise AttrimarkError(
            f"the network of the adapter {reference} has quantized weights, which merging would round once more: name "
            "the same network in float as base"
        )
    weights = _weights(folder)
    require_finite(reference, weights.items())
    try:
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("ignore")  # of another name of the base; what is missing is looked at here
            merged = _merged(reference, network, PeftConfig.from_pretrained(str(folder)), weights)
    except IndexError as error:
        raise AttrimarkError(
            f"the adapter {reference} trains tokens that its network's table of embeddings has no row for ({error}): "
            "save the adapter with save_pretrained(folder, save_embedding_layers=True), or name the network with the "
            "resized table as base"
        ) from error
    except (KeyError, ValueError, RuntimeError, TypeError, AttributeError, NotImplementedError) as error:
        said = " ".join(str(error).split())
        raise AttrimarkError(
            f"the adapter {reference} does not fit the network that it was put into: {said}; name the one that it was "
            "trained on as base"
        ) from error
    if hasattr(merged, "peft_config"):
        del merged.peft_config
    return merged


def _merged(reference: str, network: Any, settings: Any, weights: Mapping[str, Tensor]) -> Any:
    """The network with these weights folded in; raises what peft raises where they do not fit."""
    import peft

    _grow(network, weights)
    tables = network.get_input_embeddings(), network.get_output_embeddings()
    wrapped: Any = peft.get_peft_model(network, settings)
    if settings.is_prompt_learning or not hasattr(wrapped, "merge_and_unload"):
        raise ValueError(f"adapters of the kind {settings.peft_type} are not kept in a network's weights")
    expected = peft.get_peft_model_state_dict(wrapped, save_embedding_layers=False)
    if missing := sorted(expected.keys() - weights.keys()):
        raise _incomplete(reference, missing)
    loaded = peft.set_peft_model_state_dict(wrapped, dict(weights))
    if unexpected := _unread(loaded.unexpected_keys, weights):
        raise ValueError(f"the network has no {_listed(unexpected)}")
    _untie(network, *tables)
    return wrapped.merge_and_unload(safe_merge=True)


def _outputs(folder: Path, network: nn.Module) -> int | None:
    """How many labels the adapter's own head decides between; None where it has none for this kind of network."""
    weights = _weights(folder)
    heads = (weights.get(f"{_PREFIX}{name}.weight") for name, _ in output_layers(network))
    return next((len(head) for head in heads if head is not None), None)


def _grow(network: Any, weights: Mapping[str, Tensor]) -> None:
    """Give the network's tables as many rows as those that were saved with the adapter, which replace them."""
    table = network.get_input_embeddings()
    own = _saved_table(network, table, weights)
    if own is None or len(own) == table.num_embeddings:
        return
    network.resize_token_embeddings(len(own), mean_resizing=False)
    written = network.get_output_embeddings()
    if written is None or written.weight is network.get_input_embeddings().weight:
        return
    if _saved_table(network, written, weights) is None:
        name = next(name for name, module in network.named_modules() if module is written)
        raise ValueError(f"words were added, and the rows of {name} for them were not saved")


def _saved_table(network: nn.Module, table: nn.Module | None, weights: Mapping[str, Tensor]) -> Tensor | None:
    """The weights that were saved for this module, or for the one below the adapter that wraps it."""
    name = next((name for name, module in network.named_modules() if module is table), None)
    return next((weights[key] for each in _WRAPPED if (key := f"{_PREFIX}{name}{each}.weight") in weights), None)


def _untie(network: Any, read: Any, written: Any) -> None:
    """Give the output layer a table of its own where one of two tied tables is adapted: merging would change both."""
    if written is None or written.weight is not read.weight:
        return
    if network.get_input_embeddings() is read and network.get_output_embeddings() is written:
        return
    written.weight = nn.Parameter(written.weight.detach().clone(), requires_grad=written.weight.requires_grad)
    network.config.tie_word_embeddings = False


def _unread(unexpected: Sequence[str], weights: Mapping[str, Tensor]) -> list[str]:
    """The names of those that are no copies of others: peft saves a resized table, or a tied one, more than once."""
    read = [weight for name, weight in weights.items() if name not in unexpected]
    return sorted(name for name in unexpected if not any(_same(weights.get(name), weight) for weight in read))


def _same(one: Tensor | None, other: Tensor) -> bool:
    return one is not None and one.shape == other.shape and one.dtype == other.dtype and torch.equal(one, other)


def _incomplete(reference: str, missing: Sequence[str]) -> AttrimarkError:
    """The error for weights that the adapter's settings name and its file does not hold."""
    return AttrimarkError(
        f"the adapter {reference} lacks {_listed(missing)} in its {ADAPTER}: save the PeftModel that was trained with "
        "its save_pretrained, or name the network that it was trained on as base"
    )


def _listed(names: Sequence[str], most: int = 6) -> str:
    """The first names, and how many more there are."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def _weights(folder: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / ADAPTER)


def _settings(reference: str, folder: Path) -> Mapping[str, Any]:
    try:
        settings = json.loads((folder / ADAPTER_CONFIG).read_text())
    except ValueError as error:
        raise AttrimarkError(f"{reference}: {ADAPTER_CONFIG} is damaged ({error}): save the adapter again") from error
    if not isinstance(settings, dict):
        raise AttrimarkError(f"{reference}: {ADAPTER_CONFIG} is damaged: save the adapter again")
    return settings
