"""InfOpinion: French news articles that inform or give an opinion. Bogaert et al. (TIPECS, 2023)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from attrimark_registry import AttrimarkError, Dataset, Example, Splits
from pydantic import Field

from .shared.rows import Row, rows_of
from .text_file import TextFile, share

LABELS = ("information", "opinion")
_SPLIT = "split"
_WORD = re.compile(r"\S+")


class InfOpinion(Dataset):
    """The corpus, read from your own copy: JSONL, CSV or TSV with a column of texts and one of labels.

    80 % is for training, 10 % for validation and 10 % for testing: as the file says where it has a column of splits,
    else by a hash of the text and the seed. So equal texts stay together, a new article moves no other, and the sizes
    and the balance of the labels are those of a random draw. Within a split texts are in the order of such a hash: its
    first n are a random sample, however the file is sorted.

    Options:
        path: relative to the working directory.
        text, label: their columns. Labels are information and opinion.
        split: the column that says train, validation or test; by default "split", where there is one.
        id: a column that names articles; the line number by default.
        first_words: what is kept of each article, in words. Most are longer than the 512 tokens that a CamemBERT
            takes, and what does not fit is refused later. By default they are whole.
    """

    name = "infopinion"

    path: str
    text: str = "text"
    label: str = "label"
    split: str | None = None
    id: str | None = None
    first_words: int | None = Field(default=None, ge=1)
    seed: int = 0

    def load(self) -> Splits:
        """The file's articles; notes tell how many were cut.

        Raises:
            AttrimarkError: no file, or one that `text-file` refuses; an article without a label, or with another one.
        """
        path = Path(self.path)
        if not path.exists():
            raise AttrimarkError(
                f"there is no file {path.absolute()}: InfOpinion does not come with attrimark; get it from its authors "
                f'and save it as JSONL, CSV or TSV with the columns "{self.text}" and "{self.label}"'
            )
        rows = list(rows_of(path))
        table = TextFile(
            path=self.path,
            text=self.text,
            label=self.label,
            labels=LABELS,
            split=self.split or self._split_of(rows),
            id=self.id,
            seed=self.seed,
        )
        splits = table.sort_out(rows)
        for where, row in rows:
            if row.get(self.label) in (None, ""):
                raise AttrimarkError(f"{where}: the article has no label: it must be one of {', '.join(LABELS)}")
        whole = (splits.train, splits.validation, splits.test)
        train, validation, test = (tuple(self._cut(each) for each in self._shuffled(split)) for split in whole)
        cut = sum(map(self._is_longer, (example for split in whole for example in split)))
        notes = {f"cut to the first {self.first_words} words": str(cut)} if cut else {}
        return Splits(LABELS, train, validation, test, notes)

    @staticmethod
    def _split_of(rows: Sequence[tuple[str, Row]]) -> str | None:
        return _SPLIT if any(_SPLIT in row for _, row in rows) else None

    def _shuffled(self, split: Sequence[Example]) -> list[Example]:
        return sorted(split, key=lambda example: (share(self.seed, example.text), example.id))

    def _is_longer(self, example: Example) -> bool:
        return self.first_words is not None and len(example.text.split()) > self.first_words

    def _cut(self, example: Example) -> Example:
        """The article up to the end of its last word that is kept, as it was written."""
        if self.first_words is None or not self._is_longer(example):
            return example
        ends = [word.end() for word in _WORD.finditer(example.text)]
        return replace(example, segments=(example.text[: ends[self.first_words - 1]],))
