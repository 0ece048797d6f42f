"""Fine-tuning of every weight, as BERT was (Devlin et al., 2019): AdamW, linear warm-up, linear decay."""

from __future__ import annotations

import copy

from attrimark_registry import Model, Unsupported

from attrimark_plugins.models.shared.encoder_with_head import EncoderWithHead

from .shared.training import Descent, fine_tuned, to_train, trainable


class Full(Descent):
    """Each seed trains a copy of the whole network, a classifier's with a new head."""

    name = "full"

    def origin(self, model: Model) -> Model:
        if model.packed or not all(each.is_floating_point() for each in model.network.parameters()):
            raise Unsupported('strategy "full" cannot train quantized weights: fine-tune first, then quantize')
        return model

    def begin(self, origin: Model) -> Model:
        network = copy.deepcopy(to_train(origin, self.name))
        if isinstance(network, EncoderWithHead):
            network.head = network.head.redrawn()
        network.requires_grad_(True)
        return fine_tuned(origin, network, trainable(network))
