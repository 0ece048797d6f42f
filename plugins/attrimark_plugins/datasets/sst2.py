"""SST-2: sentences and phrases of film reviews. Socher et al. (EMNLP 2013); Wang et al. (GLUE, arXiv 1804.07461)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from attrimark_registry import AttrimarkError, Dataset, Example, Splits
from pydantic import Field

from .shared.rows import rows_of
from .text_file import share

LABELS = ("negative", "positive")  # 0 and 1 in the files
_COLUMNS = ("sentence", "label")
_TRAIN, _DEV = "train.tsv", "dev.tsv"


class Sst2(Dataset):
    """GLUE's files, from your own copy: a folder with `train.tsv`, `dev.tsv` or both, or one of them alone.

    The development sentences are the test split, since GLUE keeps the labels of its own test sentences to itself. A
    share of the training phrases is for validation, by a hash of the phrase and the seed: phrases that stand there
    several times stay together. Within a split texts are in the order of such a hash: its first n are a random
    sample. The space that ends most lines is cut off, so that a prompt's punctuation follows the last word.

    Options:
        path: the folder, relative to the working directory, or one of its two files.
        validation: share of the training phrases.
    """

    name = "sst2"

    path: str
    validation: float = Field(default=0.05, ge=0, lt=1)
    seed: int = 0

    def load(self) -> Splits:
        """The texts of the files that are there.

        Raises:
            AttrimarkError: neither file is there; one is not in GLUE's form; a label is neither 0 nor 1; a text is
                empty.
        """
        train: list[Example] = []
        validation: list[Example] = []
        test: list[Example] = []
        for file in self._files():
            for example in _examples(file):
                if file.name == _DEV:
                    test.append(example)
                else:
                    (validation if share(self.seed, example.text) < self.validation else train).append(example)
        return Splits(LABELS, self._shuffled(train), self._shuffled(validation), self._shuffled(test))

    def _files(self) -> list[Path]:
        path = Path(self.path)
        found = [file for file in (path, path / _TRAIN, path / _DEV) if file.is_file() and file.name in (_TRAIN, _DEV)]
        if not found:
            raise AttrimarkError(
                f"{path.absolute()} is neither {_TRAIN} nor {_DEV}, nor a folder that holds one: SST-2 does not come "
                "with attrimark; get the GLUE benchmark's SST-2 and name its folder"
            )
        return found

    def _shuffled(self, split: list[Example]) -> tuple[Example, ...]:
        return tuple(sorted(split, key=lambda example: (share(self.seed, "order", example.text), example.id)))


def _examples(file: Path) -> Iterator[Example]:
    for where, row in rows_of(file):
        if not set(_COLUMNS) <= set(row):
            raise AttrimarkError(f'{where}: the columns must be "sentence" and "label", not {", ".join(row)}')
        text, label = (row[column].strip() for column in _COLUMNS)
        if label not in ("0", "1"):
            raise AttrimarkError(f"{where}: a label is 0 (negative) or 1 (positive), not {label!r}")
        if not text:
            raise AttrimarkError(f"{where}: the sentence is empty")
        yield Example(f"{file.stem}:{where.rpartition(':')[2]}", (text,), LABELS[int(label)])
