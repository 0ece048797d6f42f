"""What a folder of saved weights holds, and why one cannot be loaded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrimark_registry import AttrimarkError

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
ADAPTER, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"
# The files that hold a vocabulary, whatever the kind of tokenizer; its configuration alone is none.
VOCABULARIES = ("tokenizer.json", "tekken.json", "vocab*", "merges.txt", "*.model", "*.tiktoken", "*.spm", "*.codes")
MERGES = ("merges.txt", "tokenizer.json")  # without which a vocab.json is half a tokenizer
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack")
_POINTER = b"version https://git-lfs.github.com"
# Modules that hold a network while it is trained, and put their own name before or between those of its weights.
_WITHIN = re.compile(r"(^|\.)(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)(?=\.)")
_OUTERMOST = re.compile(r"^(?:module\.)+")


def is_adapter(folder: Path) -> bool:
    """Whether the folder holds a PEFT adapter, which is loaded into another folder's network."""
    return (folder / ADAPTER_CONFIG).is_file()


def require_weights(reference: str, folder: Path) -> None:
    """Check that the folder holds one whole network, or an adapter, in files that can be read.

    Raises:
        AttrimarkError: it does not; the message names the cause and the remedy.
    """
    if not folder.is_dir():
        raise AttrimarkError(f"{reference} is a file: name the folder that save_pretrained wrote")
    if not any(folder.iterdir()):
        raise AttrimarkError(f"{reference} is an empty folder: save a model there with model.save_pretrained")
    if is_adapter(folder):
        _require_one(reference, folder)
        files = [folder / ADAPTER]
        if not files[0].is_file():
            raise _no_weights(reference, folder, f"{ADAPTER} next to its {ADAPTER_CONFIG}")
    else:
        files = weight_files(reference, folder)
        if not (folder / "config.json").is_file():
            raise AttrimarkError(
                f"{reference} has weights and no config.json: save the network with model.save_pretrained"
            )
    for file in (*files, *(path for name in VOCABULARIES for path in folder.glob(name)), *folder.glob("*.json")):
        _require_content(reference, file)


def weight_files(reference: str, folder: Path) -> list[Path]:
    """The safetensors files that transformers reads a network from.

    Raises:
        AttrimarkError: there are none; the index is no index, leads elsewhere, or names files that are missing.
    """
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        files = shards(folder)
        if not files:
            raise AttrimarkError(
                f"{reference}: its {INDEX} names no weights, or is damaged or incomplete: copy or download it again"
            )
        if outside := [file for file in files if ".." in file.parts or not file.is_relative_to(folder)]:
            raise AttrimarkError(f"{reference}: its {INDEX} names {outside[0]}, which is not in that folder")
        missing = sorted(str(file.relative_to(folder)) for file in files if not file.is_file())
        if missing:
            raise AttrimarkError(
                f"{reference} lacks {', '.join(missing)}, which its {INDEX} names: copy or download them again"
            )
        return files
    raise _no_weights(reference, folder, WEIGHTS)


def shards(folder: Path) -> list[Path]:
    """The files that the folder's index of weights names, whether they exist or not; none where it has no index."""
    try:
        named = set(json.loads((folder / INDEX).read_text("utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    return [folder / name for name in sorted(named) if isinstance(name, str)]


def renamed_weights(reference: str, folder: Path) -> dict[str, str] | None:
    """What from_pretrained calls `key_mapping`, where a compiled or distributed module was saved; else None.

    Raises:
        AttrimarkError: without that module's name, two weights would have one name.
    """
    names = weight_names(reference, weight_files(reference, folder))
    outer = all(_OUTERMOST.match(_WITHIN.sub(r"\1", name).lstrip(".")) for name in names)
    clean = [_clean(name, outer) for name in names]
    if clean == names:
        return None
    if len(set(clean)) < len(clean):
        twice = next(name for name in clean if clean.count(name) > 1)
        raise AttrimarkError(
            f"{reference} holds {twice} twice, once as a compiled or distributed module names it: save the network "
            "itself with model.save_pretrained into a new folder"
        )
    mapping = {r"(^|\.)(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.": r"\1"}
    return {**mapping, r"^(?:module\.)+": ""} if outer else mapping


def weight_names(reference: str, files: Iterable[Path]) -> list[str]:
    """The names of the weights in safetensors files.

    Raises:
        AttrimarkError: a file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    names: list[str] = []
    for file in files:
        try:
            with safe_open(file, framework="pt") as opened:
                names += opened.keys()
        except (SafetensorError, OSError) as error:
            raise AttrimarkError(
                f"{reference} could not be loaded: {file.name} is damaged or incomplete ({error}): save, copy or "
                "download it again"
            ) from error
    return names


def lacking(reference: str, folder: Path, missing: list[str], saved_as: Iterable[str]) -> AttrimarkError:
    """The error for weights that the folder does not hold, with the cause as its names show it."""
    names = set(weight_names(reference, weight_files(reference, folder)))
    for name in sorted(names):
        prefix = name.removesuffix(missing[0])
        if prefix not in ("", name) and all(prefix + each in names for each in missing):
            return AttrimarkError(
                f"{reference} holds its weights under other names ({name} for {missing[0]}): the module that holds the "
                "network was saved; save the network itself with model.save_pretrained"
            )
    return AttrimarkError(
        f"{reference} lacks trained weights for {', '.join(missing)}: it was saved as another kind of model "
        f"({', '.join(saved_as) or 'unknown'})"
    )


def require_finite(reference: str, weights: Iterable[tuple[str, Tensor]]) -> None:
    """Check that no weight is NaN or infinite.

    Raises:
        AttrimarkError: one is; the message names it.
    """
    for name, weight in weights:
        # numbers of 8 bits are quantized ones
        if weight.is_floating_point() and weight.element_size() > 1 and not weight.isfinite().all():
            raise AttrimarkError(
                f"{reference}: {name} holds numbers that are not finite (NaN or infinity), so training diverged or the "
                "numbers overflowed when saved in half precision: use an earlier checkpoint, or save it in float32"
            )


def no_tokenizer(reference: str, missing: Iterable[str] = ()) -> AttrimarkError:
    """The error for a folder without a vocabulary, or with a part of one."""
    files = ", ".join(missing) or "tokenizer files"
    return AttrimarkError(f"no {files} in {reference}; save them with tokenizer.save_pretrained")


def has_vocabulary(folder: Path) -> bool:
    return any(True for name in VOCABULARIES for _ in folder.glob(name))


def require_read(reference: str, folder: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    """Check that the tokenizer was read from files: without them, transformers makes an empty one up.

    Raises:
        AttrimarkError: a file that its class reads is missing.
    """
    if not tokenizer.is_fast or any((folder / name).is_file() for name in ("tokenizer.json", "tekken.json")):
        return
    named: dict[str, Any] = type(tokenizer).vocab_files_names
    missing = [name for name in named.values() if name != "tokenizer.json" and not (folder / name).is_file()]
    if not has_vocabulary(folder):
        raise no_tokenizer(reference)
    if missing:
        raise no_tokenizer(reference, missing)


def _clean(name: str, outer: bool) -> str:
    name = _WITHIN.sub("", name).lstrip(".")
    return _OUTERMOST.sub("", name) if outer else name


def _require_one(reference: str, folder: Path) -> None:
    if (folder / WEIGHTS).is_file() or (folder / INDEX).is_file():
        raise AttrimarkError(
            f"{reference} holds a whole network and an adapter ({ADAPTER_CONFIG}), which it may contain already: "
            "move the adapter into a folder of its own and name the one to load"
        )


def _require_content(reference: str, file: Path) -> None:
    with file.open("rb") as opened:
        start = opened.read(len(_POINTER))
    if start == _POINTER:
        raise AttrimarkError(
            f"{reference}: {file.name} is a pointer of git-lfs and not the file itself: run `git lfs pull` there, or "
            "download the file"
        )


def _no_weights(reference: str, folder: Path, wanted: str) -> AttrimarkError:
    """Why there is no such file, from what there is instead."""
    inner = sorted((path for path in folder.iterdir() if path.is_dir() and _holds_weights(path)), key=_step)
    if inner:
        kind = "checkpoints" if all(path.name.startswith("checkpoint-") for path in inner) else "folders of weights"
        return AttrimarkError(
            f"{reference} is a folder of {kind} ({', '.join(path.name for path in inner)}): name one of them, such as "
            f"path:{inner[-1]}"
        )
    others = sorted(path.name for path in folder.glob("*.safetensors"))
    if others:
        return AttrimarkError(
            f"{reference} holds {', '.join(others)} where {wanted} is read: rename the file, or save the network with "
            "model.save_pretrained"
        )
    pickled = sorted(path.name for ending in _PICKLED for path in folder.glob(ending))
    found = f" ({', '.join(pickled)})" if pickled else ""
    return AttrimarkError(
        f"{reference} holds no safetensors weights; pickled ones{found} are not loaded: convert them where you trust "
        "them, with model.save_pretrained(folder) after from_pretrained"
    )


def _holds_weights(folder: Path) -> bool:
    endings = ("*.safetensors", *_PICKLED)
    return any((folder / name).is_file() for name in ("config.json", ADAPTER_CONFIG)) and any(
        True for ending in endings for _ in folder.glob(ending)
    )


def _step(folder: Path) -> tuple[int, str]:
    digits = re.search(r"\d+$", folder.name)
    return int(digits[0]) if digits else 0, folder.name
