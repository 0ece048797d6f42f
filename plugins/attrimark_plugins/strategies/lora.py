"""Low-rank adapters beside frozen weights: LoRA, Hu et al. (ICLR 2022), arXiv 2106.09685; layers by peft."""

from __future__ import annotations

from abc import ABC
from typing import Literal

from attrimark_registry import AttrimarkError, Model
from pydantic import Field

from attrimark_plugins.models.shared.encoder_with_head import EncoderWithHead

from .shared.adapters import inner_layers, merged_model, put_on, shared
from .shared.training import Descent, fine_tuned, to_train, trainable


class LowRank(Descent, ABC):
    """Trains an adapter for each layer named, and a classifier's head in full.

    The models of all seeds share every other weight with the model that they start from. Before the first step, an
    adapter adds nothing.

    Options:
        rank, alpha: an adapter adds alpha / rank · B A x, where A has `rank` rows.
        dropout: of what adapters read.
        layers: parts of the names of the linear layers that get an adapter; "all" but head and output layer.
    """

    learning_rate: float = Field(default=2e-4, gt=0)
    rank: int = Field(default=16, ge=1)
    alpha: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    layers: Literal["all"] | tuple[str, ...] = "all"

    def begin(self, origin: Model) -> Model:
        network = shared(to_train(origin, self.name))
        put_on(network, self._chosen(inner_layers(network)), self.rank, self.alpha, self.dropout)
        if isinstance(network, EncoderWithHead):
            network.head = network.head.redrawn().requires_grad_(True)
        return fine_tuned(origin, network, trainable(network))

    def _chosen(self, names: list[str]) -> list[str]:
        if self.layers == "all":
            return names
        unknown = [part for part in self.layers if not any(part in name for name in names)]
        if unknown:
            raise AttrimarkError(f"layers: none has {unknown[0]!r} in its name; there are {', '.join(names)}")
        return [name for name in names if any(part in name for part in self.layers)]


class Lora(LowRank):
    """Adapters over the weights as they are, in float or quantized."""

    name = "lora"

    def origin(self, model: Model) -> Model:
        return merged_model(model)
