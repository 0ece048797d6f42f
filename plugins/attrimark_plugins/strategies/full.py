"""Fine-tuning of every weight, as BERT was (Devlin et al., 2019): AdamW, linear warm-up, linear decay."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from attrimark_registry import Classifier, Encoded, Example, Model, Strategy, Unsupported
from pydantic import Field
from torch import nn

from attrimark_plugins.models.encoder_with_head import EncoderWithHead, Head

from .training import classifier_with_head, labelled_rows, optimizer, seeded, shuffled_batches


class Full(Strategy):
    """Each seed trains a copy of the whole network, with a new head."""

    name = "full"

    epochs: int = Field(default=2, ge=1)
    learning_rate: float = Field(default=2e-5, gt=0)
    batch_size: int = Field(default=16, ge=1)
    weight_decay: float = Field(default=0.01, ge=0)
    warm_up: float = Field(default=0.1, ge=0, le=1)  # share of the steps
    clipping: float = Field(default=1.0, gt=0)  # largest norm of the gradient

    def fine_tune(self, model: Model, train: Sequence[Example], seeds: Sequence[int]) -> list[Model]:
        """A model for each seed.

        Raises:
            Unsupported: the model has no encoder with a head, or its weights are quantized.
            AttrimarkError: no example can be trained on.
        """
        classifier, network = classifier_with_head(model, self.name)
        if not all(each.is_floating_point() for each in network.parameters()):
            raise Unsupported('strategy "full" cannot train quantized weights: fine-tune first, then quantize')
        rows, labels = labelled_rows(model, train)
        return [self._train(classifier, network, rows, labels, seed) for seed in seeds]

    def _train(
        self, model: Classifier, network: EncoderWithHead, rows: list[Encoded], labels: list[int], seed: int
    ) -> Model:
        with seeded(seed, model.device):
            network = copy.deepcopy(network)
            head = network.head
            network.head = Head(head.dense.in_features, head.out_proj.out_features, head.dropout.p).to(
                head.dense.weight
            )
            network.requires_grad_(True).train()
            tuned = Classifier(network, model.tokenizer, model.labels, pretrained=model)
            adamw = optimizer(network, self.learning_rate, self.weight_decay)
            lengths = [len(row) for row in rows]
            steps = self.epochs * -(-len(rows) // self.batch_size)
            schedule = torch.optim.lr_scheduler.LambdaLR(adamw, lambda step: self._rate(step, steps))
            for _ in range(self.epochs):
                for batch in shuffled_batches(lengths, self.batch_size):
                    gold = torch.tensor([labels[index] for index in batch], device=model.device)
                    logits = tuned.outputs(tuned.collate([rows[index] for index in batch]))
                    adamw.zero_grad()
                    nn.functional.cross_entropy(logits, gold).backward()
                    nn.utils.clip_grad_norm_(network.parameters(), self.clipping)
                    adamw.step()
                    schedule.step()
        network.zero_grad()
        network.eval()
        return tuned

    def _rate(self, step: int, steps: int) -> float:
        """The share of the learning rate at a step: up to 1 at the end of the warm-up, then down to 0."""
        rising = self.warm_up * steps
        if step < rising:
            return (step + 1) / (rising + 1)
        return (steps - step) / max(1.0, steps - rising)
