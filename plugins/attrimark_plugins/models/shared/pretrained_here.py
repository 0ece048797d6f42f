"""Models that are pre-trained on this machine: made once from a recipe, kept in the cache, and told by the recipe."""

from __future__ import annotations

import hashlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

from attrimark_registry import ModelSource
from attrimark_registry.assets import file_hash, kept, made
from attrimark_registry.network_kinds import NetworkKind

from .references import fingerprint

log = logging.getLogger("attrimark.models")

LIBRARIES = ("tokenizers", "torch", "transformers")  # what a recipe's weights depend on beside it
WEIGHTS = "model.safetensors"


class PretrainedHere(ModelSource, ABC):
    """A source whose weights follow from its options, its texts and the versions of the libraries that train.

    On one machine they depend on these alone; another one may round otherwise. So the identity is the recipe, which
    costs nothing to know, and the weights' own hash is recorded with what was computed from them and verified.
    """

    kinds: ClassVar[frozenset[NetworkKind] | None] = frozenset()

    @abstractmethod
    def recipe(self) -> Sequence[str]:
        """All that the weights follow from, but for the libraries."""

    @abstractmethod
    def pretrain(self, folder: Path) -> None:
        """Write the network and its tokenizer into an empty folder."""

    def fingerprint(self) -> str:
        """The options, the recipe and the libraries' versions."""
        return _hashed([self.digest, self._key()])[:16]

    def former_fingerprint(self) -> str | None:
        """The options and the hashes of the weights, where an earlier version made them on this machine."""
        folder = kept(self.name, self._former_key())
        return None if folder is None else fingerprint(self, f"path:{folder}")

    def weights(self) -> str:
        return file_hash(self.folder() / WEIGHTS)

    def former_weights(self) -> str | None:
        folder = kept(self.name, self._former_key())
        return None if folder is None else file_hash(folder / WEIGHTS)

    def folder(self) -> Path:
        """The directory of the network and its tokenizer, which are trained first where they are not cached."""

        def make(folder: Path) -> None:
            log.info("pre-training %s, once", self)
            self.pretrain(folder)

        return made(self.name, self._key(), make)

    def _key(self) -> str:
        return _hashed([*self.recipe(), *(f"{name} {version(name)}" for name in LIBRARIES)])[:24]

    def _former_key(self) -> str:
        return _hashed(self.recipe())[:24]


def _hashed(parts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
