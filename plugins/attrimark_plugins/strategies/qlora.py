"""Adapters over weights in four bits: QLoRA, Dettmers et al. (NeurIPS 2023), arXiv 2305.14314."""

from __future__ import annotations

from attrimark_registry import Model

from attrimark_plugins.quantizers.shared.four_bit import Code, Compute, in_four_bits, linear_layers

from .lora import LowRank
from .shared.adapters import inner_layers, merged_model
from .shared.training import inside, to_train


class QLora(LowRank):
    """The network's linear layers in four bits, scales in eight, and adapters trained over them.

    Head and output layer keep their precision. The quantized model is what the tuned ones call `pretrained`, so that
    the two differ by what was trained; adapters are never merged into it.

    Options:
        compute: the numbers that quantized layers multiply in; the paper's are "bfloat16" (see `in_four_bits`).
    """

    name = "qlora"

    code: Code = "nf4"
    compute: Compute = "float32"

    def origin(self, model: Model) -> Model:
        model = merged_model(model)
        model = inside(model, to_train(model, self.name))
        inner = set(inner_layers(model.network))
        outer = tuple(name for name, _ in linear_layers(model.network) if name not in inner)
        return in_four_bits(
            model, self.code, double_quant=True, skip=outer, backend="bitsandbytes", compute=self.compute
        )
