"""Networks whose blocks add what a function says to the state, for decompositions that can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace

import torch
from attrimark_registry import Writer
from torch import Tensor, nn

from tests.references.networks import PROMPT, WORDS, tokenizer

Added = Callable[[Tensor], Tensor]


class Block(nn.Module):
    """x + f(x)."""

    def __init__(self, added: Added) -> None:
        super().__init__()
        self.added = added

    def forward(self, hidden_states: Tensor, use_cache: bool = False) -> Tensor:
        return hidden_states + self.added(hidden_states)


class ResidualStream(nn.Module):
    """Embeddings, blocks, and logits of the state itself."""

    def __init__(self, added: Sequence[Added], embeddings: Tensor) -> None:
        super().__init__()
        self.config = SimpleNamespace(
            num_hidden_layers=len(added), hidden_size=embeddings.shape[1], max_position_embeddings=64
        )
        self.embeddings = nn.Embedding.from_pretrained(embeddings)
        self.blocks = nn.ModuleList(map(Block, added))

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings

    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        position_ids=None,
        logits_to_keep=0,
        use_cache=True,
        inputs_embeds=None,
    ):
        state = self.embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        for block in self.blocks:
            state = block(state, use_cache=use_cache)
        return SimpleNamespace(logits=state[:, -logits_to_keep:])


def writer(added: Sequence[Added], embeddings: Tensor | None = None, pretrained: Writer | None = None) -> Writer:
    """A writer around such a network; every embedding is ones unless others are given."""
    table = torch.ones(len(WORDS), 4) if embeddings is None else embeddings
    return Writer(ResidualStream(added, table), tokenizer(False), PROMPT, most=1, pretrained=pretrained)
