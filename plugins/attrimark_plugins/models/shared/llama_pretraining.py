"""A new network of Llama's shape, pre-trained on texts that were generated here, and saved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from .language_modelling import pretrain
from .loading import quiet
from .one_thread import one_thread

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

POSITIONS = 256  # the longest text, in tokens
_SPREAD = 0.05  # standard deviation of the first weights: wide, since there are few steps to move them in


def pretrain_llama(
    folder: Path,
    tokenizer: PreTrainedTokenizerFast,
    texts: Sequence[str],
    *,
    layers: int,
    width: int,
    heads: int,
    seed: int,
    epochs: int,
    learning_rate: float,
    batch_size: int,
    tied: bool = False,
    after: str | None = None,
) -> None:
    """Write the network and its tokenizer into the folder; on one machine the weights depend on the arguments alone.

    Args:
        after: only what follows the first such string of a text is predicted.
        tied: the output layer is the table of embeddings, so that a word that is read is easily written.
    """
    from transformers import LlamaConfig, LlamaForCausalLM

    vocabulary = tokenizer.get_vocab()
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=POSITIONS,
        initializer_range=_SPREAD,
        bos_token_id=vocabulary[str(tokenizer.bos_token)],
        eos_token_id=vocabulary[str(tokenizer.eos_token)],
        tie_word_embeddings=tied,
    )
    with torch.random.fork_rng(devices=[]), one_thread():
        torch.manual_seed(seed)
        network = LlamaForCausalLM(config)
        pretrain(network, tokenizer, texts, epochs, learning_rate, batch_size, after)
    with quiet():
        network.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
