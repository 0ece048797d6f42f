"""Whether a tokenizer and a network belong together, as far as ids and rows can show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .errors import AttrimarkError

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedTokenizerBase

# Tables are padded to multiples of 64 or 128 and hold spare rows: 28 of T5's 32,128, 943 of Phi-2's 51,200, and
# 4 % of Persimmon's 262,144. Another model's tokenizer leaves more: BERT's 30,522 words on XLM-R's 250,002 rows.
_MODALITY = re.compile("image|audio|video")
_SPARE_ROWS, _SPARE_SHARE = 1024, 0.2


def require_vocabulary(tokenizer: PreTrainedTokenizerBase, network: nn.Module) -> None:
    """Check that the network's table of word embeddings has a row for each id that the tokenizer can give.

    A network whose table is not known (it reads bytes, hashes or latents) passes.

    Raises:
        AttrimarkError: an id is beyond the table; the tokenizer knows no word; it knows far fewer than the table has
            rows, so that it was made for another network.
    """
    words = tokenizer.get_vocab()
    special = {str(token) for token in tokenizer.added_tokens_decoder.values()} | set(tokenizer.all_special_tokens)
    if not words.keys() - special:
        raise AttrimarkError(
            f"the tokenizer has {len(words)} special tokens and no word, so that every text would read the same: save "
            "the network's own tokenizer with tokenizer.save_pretrained"
        )
    rows = _rows(network)
    if rows is None:
        return
    # a text model may share its tokenizer with one of several modalities: Gemma 3's has a token for images beyond the
    # table, which no text holds
    added = tokenizer.added_tokens_decoder
    others = {place for place, token in added.items() if token.special and _MODALITY.search(str(token))}
    ids = {*words.values(), *added, *tokenizer.all_special_ids} - others
    last = max(ids)
    if last >= rows:
        raise AttrimarkError(
            f"the tokenizer has ids up to {last} and the network's table of embeddings {rows} rows: call "
            "model.resize_token_embeddings(len(tokenizer)) and save it again, or use the tokenizer that it was "
            "trained with"
        )
    if rows - last - 1 > max(_SPARE_ROWS, _SPARE_SHARE * rows):
        raise AttrimarkError(
            f"the tokenizer has ids up to {last} and the network's table of embeddings {rows} rows: it was made for "
            "another network; save the network's own tokenizer with tokenizer.save_pretrained"
        )


def _rows(network: Any) -> int | None:
    """The number of rows of the table of word embeddings."""
    try:
        table = network.get_input_embeddings()
    except (AttributeError, NotImplementedError):
        return None
    return getattr(table, "num_embeddings", None)
