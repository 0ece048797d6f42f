"""An encoder and RoBERTa's classification head (Liu et al., 2019): the one head of every encoder here.

So that models and strategies differ in what they say they differ in, and never in the shape of a head.
"""

from __future__ import annotations

import copy
import inspect
from typing import TYPE_CHECKING, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import PretrainedConfig
    from transformers.modeling_outputs import SequenceClassifierOutput

Pooling = Literal["first", "mean", "last"]


class Head(nn.Module):
    """Dropout, a dense layer, tanh, dropout, and one logit a label."""

    def __init__(self, width: int, labels: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.out_proj = nn.Linear(width, labels)

    def forward(self, pooled: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch labels"]:
        hidden = torch.tanh(self.dense(self.dropout(pooled)))
        return self.out_proj(self.dropout(hidden))

    def redrawn(self) -> Head:
        """A new head of the same sizes, drawn from torch's global generator."""
        new = Head(self.dense.in_features, self.out_proj.out_features, self.dropout.p)
        return new.to(self.out_proj.bias)  # a bias is never packed to four bits


class EncoderWithHead(nn.Module):
    """Logits from the last hidden state of the first token or, among the tokens attended to, of the last or the mean.

    The encoder's own pooler, where it has one, is left out.
    """

    def __init__(self, encoder: nn.Module, labels: int, pooling: Pooling = "first", dropout: float = 0.1) -> None:
        super().__init__()
        if getattr(encoder, "pooler", None) is not None:
            encoder = copy.copy(encoder)  # the encoder given keeps its pooler
            encoder._modules = {**encoder._modules, "pooler": None}
        self.encoder = encoder
        self.pooling: Pooling = pooling
        self.head = Head(self.config.hidden_size, labels, dropout)

    @property
    def config(self) -> PretrainedConfig:
        return self.encoder.config  # pyright: ignore[reportReturnType]

    def get_input_embeddings(self) -> nn.Module:
        return self.encoder.get_input_embeddings()  # pyright: ignore[reportCallIssue]

    def set_attn_implementation(self, attn_implementation: str) -> None:
        self.encoder.set_attn_implementation(attn_implementation)  # pyright: ignore[reportCallIssue]

    def pool(
        self,
        input_ids: Int[Tensor, "batch tokens"] | None = None,
        inputs_embeds: Float[Tensor, "batch tokens dim"] | None = None,
        attention_mask: Int[Tensor, "batch tokens"] | None = None,
        position_ids: Int[Tensor, "batch tokens"] | None = None,
        token_type_ids: Int[Tensor, "batch tokens"] | None = None,
    ) -> Float[Tensor, "batch dim"]:
        """The features that the head reads."""
        words = {"input_ids": input_ids} if inputs_embeds is None else {"inputs_embeds": inputs_embeds}
        optional = {"position_ids": position_ids}
        if getattr(self.config, "type_vocab_size", 0) > 1:  # RoBERTa has one type, DistilBERT none
            optional["token_type_ids"] = token_type_ids
        accepted = inspect.signature(self.encoder.forward).parameters
        given = {name: ids for name, ids in optional.items() if ids is not None and name in accepted}
        states = self.encoder(**words, attention_mask=attention_mask, **given).last_hidden_state
        if self.pooling == "first":
            return states[:, 0]
        if attention_mask is None:
            return states[:, -1] if self.pooling == "last" else states.mean(1)
        if self.pooling == "last":
            places = torch.arange(states.shape[1], device=states.device)
            return states[torch.arange(len(states)), (attention_mask * places).argmax(-1)]
        weights = attention_mask.unsqueeze(-1).to(states.dtype)
        return (states * weights).sum(1) / weights.sum(1)

    def forward(
        self,
        input_ids: Int[Tensor, "batch tokens"] | None = None,
        inputs_embeds: Float[Tensor, "batch tokens dim"] | None = None,
        attention_mask: Int[Tensor, "batch tokens"] | None = None,
        position_ids: Int[Tensor, "batch tokens"] | None = None,
        token_type_ids: Int[Tensor, "batch tokens"] | None = None,
    ) -> SequenceClassifierOutput:
        from transformers.modeling_outputs import SequenceClassifierOutput

        pooled = self.pool(input_ids, inputs_embeds, attention_mask, position_ids, token_type_ids)
        # the encoder may be held in fewer bits than the head
        logits = self.head(pooled.to(self.head.out_proj.bias.dtype))  # a bias is never packed to four bits
        return SequenceClassifierOutput(logits=logits)  # pyright: ignore[reportArgumentType]
