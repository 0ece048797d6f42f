"""Networks and tokenizers that somebody saved, read as they are.

Safetensors only, nothing of the model's own code is run, and nothing is made up: what the weights lack is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from attrimark_registry import AttrimarkError, Model, fetch
from attrimark_registry.vocabulary import require_vocabulary

from . import saved_adapter
from .saved_folder import (
    MERGES,
    has_vocabulary,
    is_adapter,
    lacking,
    no_tokenizer,
    renamed_weights,
    require_finite,
    require_read,
    require_weights,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

M = TypeVar("M", bound=Model)


@contextmanager
def quiet() -> Iterator[None]:
    """transformers without its progress bars and load reports: what matters of them is raised."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def load_saved(
    kind: Any, folder: Path, dtype: torch.dtype = torch.float32, **options: Any
) -> tuple[Any, PreTrainedTokenizerBase, list[str]]:
    """Network and tokenizer of a directory, and the names of the weights that it lacks.

    Args:
        kind: one of the Auto classes of transformers.
        options: passed on to the network, such as `add_pooling_layer=False`.

    Raises:
        AttrimarkError: it has no tokenizer files, or is an adapter.
    """
    if is_adapter(folder):  # from_pretrained would load the network that it names, unasked
        raise AttrimarkError(f"path:{folder} is an adapter: merge it into its network, and save that")
    tokenizer = load_tokenizer(f"path:{folder}", folder)
    network, missing = load_network(kind, folder, dtype, **options)
    return network, tokenizer, missing


def load_tokenizer(reference: str, folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a directory.

    Raises:
        AttrimarkError: it has no tokenizer files, or a part of them.
    """
    from transformers import AutoTokenizer

    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception:
        # whatever transformers says of them
        if not has_vocabulary(folder):
            raise no_tokenizer(reference) from None
        if (folder / "vocab.json").is_file() and not any((folder / name).is_file() for name in MERGES):
            raise no_tokenizer(reference, MERGES[:1]) from None
        raise
    require_read(reference, folder, tokenizer)
    return tokenizer


def load_network(kind: Any, folder: Path, dtype: torch.dtype, **options: Any) -> tuple[Any, list[str]]:
    """The network of a directory, and the names of the weights that it lacks or has in another shape."""
    with quiet():
        network, report = kind.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            output_loading_info=True,
            local_files_only=True,
            trust_remote_code=False,
            return_dict=True,  # outputs are read by name
            **options,
        )
    return network, sorted({*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])})


def saved(
    kind: Any,
    reference: str,
    dtype: torch.dtype = torch.float32,
    unread: tuple[str, ...] = (),
    base: str | None = None,
) -> tuple[Any, PreTrainedTokenizerBase]:
    """Network and tokenizer, complete and of one vocabulary; an adapter is merged into the network it belongs to.

    Args:
        unread: how names of weights begin that may be missing, since nobody reads what they compute.
        base: the reference of the network that an adapter belongs to; by default the one that it names.

    Raises:
        AttrimarkError: they cannot be fetched or read, are pickled, weights or tokenizer files are missing, or the
            tokenizer is another network's.
    """
    from safetensors import SafetensorError

    folder = fetch(reference)
    require_weights(reference, folder)
    try:
        if is_adapter(folder):
            network, tokenizer = _with_adapter(kind, reference, folder, dtype, unread, base)
        else:
            tokenizer = load_tokenizer(reference, folder)
            network = _complete(kind, reference, folder, dtype, unread)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise AttrimarkError(f"{reference} could not be loaded: {' '.join(str(error).split())}") from error
    try:
        require_vocabulary(tokenizer, network)
    except AttrimarkError as error:
        raise AttrimarkError(f"{reference}: {error}") from error
    return network, tokenizer


def _complete(
    kind: Any, reference: str, folder: Path, dtype: torch.dtype, unread: tuple[str, ...], **options: Any
) -> Any:
    """The network, whose weights are all there but for those that nobody reads."""
    mapping = renamed_weights(reference, folder)
    network, missing = load_network(kind, folder, dtype, key_mapping=mapping, **options)
    missing = [name for name in missing if not name.startswith(unread)]
    if missing:
        raise lacking(reference, folder, missing, network.config.architectures or ())
    require_finite(reference, network.named_parameters())
    return network


def _with_adapter(
    kind: Any, reference: str, folder: Path, dtype: torch.dtype, unread: tuple[str, ...], base: str | None
) -> tuple[Any, PreTrainedTokenizerBase]:
    """The adapter's network and tokenizer; its tokenizer is the other network's where none was saved with it."""
    below = base or saved_adapter.adapted(reference, folder)
    inner = fetch(below)
    require_weights(below, inner)
    if is_adapter(inner):
        raise AttrimarkError(f"{reference} is an adapter of {below}, which is an adapter too: merge that one first")
    saved_adapter.require_peft(reference)
    words = folder if has_vocabulary(folder) else inner
    tokenizer = load_tokenizer(reference if words is folder else below, words)
    options = saved_adapter.options(kind, folder, inner)
    replaced = saved_adapter.replaced(folder)
    network = _complete(kind, below, inner, dtype, (*unread, *replaced), **options)
    return saved_adapter.merge(reference, folder, network), tokenizer


def fine_tuned_from(model: M, network: Any, tokenizer: PreTrainedTokenizerBase) -> M:
    """The model, which now knows that network as the one that it was fine-tuned from.

    Raises:
        Unsupported: the network has another depth, width or vocabulary.
    """
    model.pretrained = model.around(network)
    model.pretrained.tokenizer = tokenizer  # told apart here; prompts are the fine-tuned model's
    model.require_pretrained()
    return model
