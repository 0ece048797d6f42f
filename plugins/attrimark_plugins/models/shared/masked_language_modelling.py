"""Pre-training of a small encoder: masked language modelling (Devlin et al., 2019) and bag-of-words prediction.

Masked language modelling reads nothing from the first token, whose state would stay what it happened to be. So that
state learns to name the words of its text through their own embeddings (Ma et al., SIGIR 2024, arXiv:2401.11248); rare
words weigh more, by the inverse of their document frequency (Spärck Jones, 1972). All masked tokens become the mask;
there is no dropout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import CamembertForMaskedLM, PreTrainedTokenizerBase

MASKED = 0.15  # share of the tokens
BAG_WEIGHT = 10.0  # of bag-of-words prediction, where masked language modelling weighs 1
WARM_UP = 0.1  # share of the steps
CLIPPING = 1.0  # largest norm of the gradient


def pretrain(
    network: CamembertForMaskedLM,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    epochs: int,
    learning_rate: float,
    batch_size: int,
) -> None:
    """Train the network in place; masks and order come from torch's global generator."""
    encoding = tokenizer(list(texts), padding=True, return_tensors="pt", return_special_tokens_mask=True)
    ids, visible = encoding["input_ids"], encoding["attention_mask"]
    words = encoding["special_tokens_mask"] == 0
    bags = bags_of_words(ids, words, len(tokenizer))
    network.eval()
    adamw = torch.optim.AdamW(network.parameters(), lr=learning_rate)
    steps = epochs * -(-len(texts) // batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        adamw, lambda step: min((step + 1) / (WARM_UP * steps), (steps - step) / ((1 - WARM_UP) * steps), 1.0)
    )
    for _ in range(epochs):
        for batch in torch.randperm(len(texts)).split(batch_size):
            longest = int(visible[batch].sum(1).max())
            row, seen = ids[batch, :longest], visible[batch, :longest]
            hidden = words[batch, :longest] & (torch.rand(row.shape) < MASKED)
            states = network.roberta(
                input_ids=row.masked_fill(hidden, tokenizer.mask_token_id), attention_mask=seen
            ).last_hidden_state
            embeddings = network.roberta.embeddings.word_embeddings.weight
            named = nn.functional.cross_entropy(states[:, 0] @ embeddings.T, bags[batch])
            # summed and divided: a batch in which nothing is hidden loses nothing
            guessed = nn.functional.cross_entropy(network.lm_head(states[hidden]), row[hidden], reduction="sum")
            adamw.zero_grad()
            (guessed / hidden.sum().clamp(min=1) + BAG_WEIGHT * named).backward()
            nn.utils.clip_grad_norm_(network.parameters(), CLIPPING)
            adamw.step()
            schedule.step()
    network.zero_grad()


def bags_of_words(
    ids: Int[Tensor, "texts tokens"], words: Bool[Tensor, "texts tokens"], vocabulary: int
) -> Float[Tensor, "texts vocabulary"]:
    """The words of each text, weighted by the inverse of the share of texts that hold them; a row sums to 1."""
    present = torch.zeros(len(ids), vocabulary)
    texts, places = words.nonzero(as_tuple=True)
    present[texts, ids[texts, places]] = 1.0
    weighted = present / present.mean(0).clamp(min=1 / len(ids))
    return weighted / weighted.sum(1, keepdim=True)
