"""One tokenizer of whole words for every tiny network: the same ids wherever the network comes from."""

from collections.abc import Sequence

from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

# RoBERTa and its relatives count positions from the padding's id, so that id is theirs.
SPECIAL = ("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]", "<s>", "</s>", "<image>")
CLS, PAD, SEP, UNK, MASK, BOS, EOS, IMAGE = range(len(SPECIAL))
LABELS = ("negative", "neutral", "positive")
WORDS = (
    "a an the this that it its is was are were and or but not no very too so quite film movie plot story scene actor"
    " cast music ending dialogue good bad great dull witty sad funny slow fast gorgeous tedious superb bland moving"
    " clumsy radiant lifeless charming bold weak strong i we you they he she liked hated loved found made with without"
    " of in on for from to as by more less never always again . , ! ? : ;"
)
VOCABULARY = (*SPECIAL, *LABELS, *WORDS.split())


def tokenizer(special: bool, inputs: Sequence[str] = ("input_ids", "attention_mask")) -> PreTrainedTokenizerFast:
    """One token a word (`special`: between [CLS] and [SEP]), which returns those inputs."""
    words = Tokenizer(models.WordLevel({word: id for id, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    if special:
        words.post_processor = processors.TemplateProcessing(  # pyright: ignore[reportAttributeAccessIssue]
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)],
        )
        names = {"cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    else:
        names = {"bos_token": "<s>", "eos_token": "</s>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="[PAD]",
        unk_token="[UNK]",
        model_max_length=64,
        model_input_names=list(inputs),
        **names,
    )
