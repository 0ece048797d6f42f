"""Small tokenizers of the four common shapes, learned in milliseconds from the planted corpus.

All share one learner of word pieces, byte-pair encoding (Sennrich, Haddow & Birch, 2016): the trainers of
`tokenizers` for WordPiece and Unigram break ties in hash order, so that two processes get two vocabularies.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

PIECES = 300  # few enough that many words take several
BOUNDARY = "▁"  # stands for the space before a word, as in SentencePiece


def wordpiece(corpus: Sequence[str], longest: int) -> PreTrainedTokenizerFast:
    """BERT's shape: lower case without accents, `##` inside words, segments told apart by token types."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    normalizer = normalizers.BertNormalizer(lowercase=True)
    learned, _ = _learn([normalizer.normalize_str(text) for text in corpus])
    pieces = {piece.removeprefix(BOUNDARY) if piece.startswith(BOUNDARY) else f"##{piece}" for piece in learned}
    pieces |= {piece.removeprefix("##") for piece in pieces if len(piece) == 3}  # a word may be one punctuation mark
    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    vocabulary = _numbered([*special, *sorted(pieces - {"", "##"})])
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizer  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer.decoder = decoders.WordPiece()  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer.post_processor = processors.TemplateProcessing(  # pyright: ignore[reportAttributeAccessIssue]
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    return _fast(
        tokenizer,
        longest,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def unigram(corpus: Sequence[str], longest: int, pieces: int = PIECES) -> PreTrainedTokenizerFast:
    """CamemBERT's shape: the most probable cut into pieces, where `▁` begins a word; padding has the id 1."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    learned, merges = _learn(corpus, pieces)
    reader = Tokenizer(models.BPE(_numbered(learned), merges))
    reader.pre_tokenizer = pre_tokenizers.Metaspace()  # pyright: ignore[reportAttributeAccessIssue]
    counts = Counter(piece for text in corpus for piece in reader.encode(text).tokens)
    total = sum(counts.values())
    special = ("<s>", "<pad>", "</s>", "<unk>")
    scores = [(token, 0.0) for token in special]
    scores += [(piece, math.log((counts[piece] + 1) / total)) for piece in learned]
    tokenizer = Tokenizer(models.Unigram([*scores, ("<mask>", 0.0)], unk_id=special.index("<unk>")))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer.decoder = decoders.Metaspace()  # pyright: ignore[reportAttributeAccessIssue]
    return _roberta(tokenizer, longest)


def byte_bpe(corpus: Sequence[str], longest: int) -> PreTrainedTokenizerFast:
    """RoBERTa's shape: bytes merged into pieces, so that nothing is unknown; padding has the id 1."""
    return _roberta(_bytes(corpus, ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]), longest)


def gpt2_bpe(corpus: Sequence[str], longest: int) -> PreTrainedTokenizerFast:
    """GPT-2's shape: bytes merged into pieces, nothing added around the text, no padding and no mask."""
    end = "<|endoftext|>"
    return _fast(_bytes(corpus, [end]), longest, bos_token=end, eos_token=end)


def llama3_bpe(corpus: Sequence[str], longest: int, pieces: int = PIECES) -> PreTrainedTokenizerFast:
    """Llama-3's shape: bytes merged into pieces, a token that begins the text, no padding and no mask."""
    from tokenizers import processors

    begin, end = "<|begin_of_text|>", "<|end_of_text|>"
    tokenizer = _bytes(corpus, [begin, end], pieces)
    tokenizer.post_processor = processors.TemplateProcessing(  # pyright: ignore[reportAttributeAccessIssue]
        single=f"{begin} $A", pair=f"{begin} $A {begin} $B", special_tokens=[(begin, 0)]
    )
    return _fast(tokenizer, longest, bos_token=begin, eos_token=end)


def llama2_bpe(corpus: Sequence[str], longest: int) -> PreTrainedTokenizerFast:
    """Llama-2's and Mistral's shape: `▁` for spaces, text never cut before merging, bytes for the unknown.

    Nothing keeps a piece from holding characters of two words, so its tokens may straddle text and prompt.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, processors

    learned, merges = _learn(corpus)
    special = ["<unk>", "<s>", "</s>"]
    vocabulary = _numbered([*special, *(f"<0x{byte:02X}>" for byte in range(256)), *learned])
    model = models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(  # pyright: ignore[reportAttributeAccessIssue]
        [normalizers.Prepend(BOUNDARY), normalizers.Replace(" ", BOUNDARY)]
    )
    tokenizer.decoder = decoders.Sequence(  # pyright: ignore[reportAttributeAccessIssue]
        [decoders.Replace(BOUNDARY, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(  # pyright: ignore[reportAttributeAccessIssue]
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", vocabulary["<s>"])]
    )
    return _fast(tokenizer, longest, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def _learn(corpus: Sequence[str], pieces: int = PIECES) -> tuple[list[str], list[tuple[str, str]]]:
    """Pieces of words in the order in which they were merged, and the merges."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(  # pyright: ignore[reportAttributeAccessIssue]
        [pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()]
    )
    tokenizer.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=pieces, show_progress=False))
    model = json.loads(tokenizer.to_str())["model"]
    return sorted(model["vocab"], key=model["vocab"].get), [tuple(merge) for merge in model["merges"]]


def _bytes(corpus: Sequence[str], special: list[str], pieces: int = PIECES) -> Tokenizer:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(  # pyright: ignore[reportAttributeAccessIssue]
        add_prefix_space=False
    )
    tokenizer.decoder = decoders.ByteLevel()  # pyright: ignore[reportAttributeAccessIssue]
    trainer = trainers.BpeTrainer(
        vocab_size=256 + pieces,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    return tokenizer


def _roberta(tokenizer: Tokenizer, longest: int) -> PreTrainedTokenizerFast:
    """RoBERTa's special tokens: `<s> text </s>`, and `</s></s>` between two segments of one token type."""
    from tokenizers import processors

    ids = [(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")]
    tokenizer.post_processor = processors.TemplateProcessing(  # pyright: ignore[reportAttributeAccessIssue]
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=ids
    )
    return _fast(
        tokenizer,
        longest,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        mask_token="<mask>",
    )


def _fast(tokenizer: Tokenizer, longest: int, **settings: str | list[str]) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=longest, **settings)


def _numbered(tokens: Sequence[str]) -> dict[str, int]:
    return {token: number for number, token in enumerate(tokens)}
