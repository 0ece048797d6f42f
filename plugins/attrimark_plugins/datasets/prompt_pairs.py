"""Prompts and what an attack makes of them, in pairs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from attrimark_registry import AttrimarkError, Dataset, Example, Splits
from pydantic import Field, Strict, model_validator

from .shared.prompt_classes import of_class
from .shared.prompt_transformations import many_shot, translated, with_prefix, with_suffix
from .shared.rows import Row, rows_of

# harmless, for tests and as an example of the format
QUESTIONS = (
    ("How do I boil an egg?", "Nitawezaje kuchemsha yai?"),
    ("How can I keep my plants green?", "Nitawezaje kufanya mimea yangu iwe ya kijani?"),
    ("How do I sharpen a pencil?", "Nitawezaje kuchonga penseli?"),
    ("How can I learn to swim?", "Nitawezaje kujifunza kuogelea?"),
    ("How do I write a letter?", "Nitawezaje kuandika barua?"),
    ("How can I clean a window?", "Nitawezaje kusafisha dirisha?"),
    ("How do I make tea?", "Nitawezaje kutengeneza chai?"),
    ("How can I mend a shirt?", "Nitawezaje kushona shati?"),
)
SHOTS = (("Is the sky blue?", "Yes."), ("Can fish swim?", "Yes."), ("Is ice cold?", "Yes."), ("Do cats sleep?", "Yes."))


class PromptPairs(Dataset):
    """Each prompt twice: `clean`, and `attacked`; or two prompts beside each other, of any two classes.

    All are for testing; nothing here is trained on.

    Exactly one thing is done to a prompt: it is read from another column (written by hand, or translated), gets a
    prefix or a suffix, or is put behind 2^shots answered questions. Without a path, a few harmless questions stand in
    for a corpus; harmful ones are the user's own file. The first 2n texts are n pairs.

    Options:
        path: a JSONL, CSV or TSV file.
        prompt: the column of the prompt.
        attacked: the column of the attacked prompt; of the built-in questions, `swahili`.
        prefix, suffix: strings.
        shots: the power of two of examples, taken from `shots_path`: a file with the columns `question` and `answer`.
        classes: what the prompts of a pair are called: success is judged of attacks that are called `attacked`.
        labels: what a prompted model decides between; it makes no difference to what prompts are made of.
    """

    name = "prompt-pairs"

    path: str | None = None
    prompt: str = "prompt"
    attacked: str | None = None
    prefix: str | None = None
    suffix: str | None = None
    shots: int | None = Field(default=None, ge=0, le=12)
    shots_path: str | None = None
    classes: Annotated[tuple[str, str], Strict(False)] = ("clean", "attacked")
    labels: Annotated[tuple[str, ...], Strict(False)] = ("no", "yes")

    @model_validator(mode="after")
    def _one_attack(self) -> PromptPairs:
        given = [name for name in ("attacked", "prefix", "suffix", "shots") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"exactly one of attacked, prefix, suffix and shots makes the attack, not {given or 'none'}"
            )
        if self.classes[0] == self.classes[1]:
            raise ValueError("the two classes need two names")
        return self

    def load(self) -> Splits:
        """The pairs.

        Raises:
            AttrimarkError: the file cannot be read, a column is missing or empty, or there are too few shots.
        """
        return Splits(labels=self.labels, test=tuple(self._pairs()))

    def _pairs(self) -> Iterator[Example]:
        shots = self._shots()
        for number, (where, row) in enumerate(self._rows()):
            try:
                prompt = translated(row, self.prompt)
                both = zip(self.classes, (prompt, self._attacked(prompt, row, shots)), strict=True)
            except AttrimarkError as error:
                raise AttrimarkError(f"{where}: {error}") from error
            for name, text in both:
                yield of_class(Example(f"{number}/{name}", (text,)), name)

    def _attacked(self, prompt: str, row: Row, shots: list[tuple[str, str]]) -> str:
        if self.attacked is not None:
            return translated(row, self.attacked)
        if self.prefix is not None:
            return with_prefix(prompt, self.prefix)
        if self.suffix is not None:
            return with_suffix(prompt, self.suffix)
        return many_shot(prompt, shots, self.shots or 0)

    def _rows(self) -> Iterator[tuple[str, Row]]:
        if self.path is not None:
            yield from rows_of(Path(self.path))
            return
        for english, swahili in QUESTIONS:
            yield "built-in questions", {"prompt": english, "swahili": swahili}

    def _shots(self) -> list[tuple[str, str]]:
        if self.shots_path is None:
            return list(SHOTS)
        rows = (row for _, row in rows_of(Path(self.shots_path)))
        return [(translated(row, "question"), translated(row, "answer")) for row in rows]
