"""Prompts of a task that a model is fine-tuned on, and as many texts that are not: can one tell by the network?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from attrimark_registry import Dataset, Example, Span, Splits
from pydantic import Field

from .planted import Language, Planted
from .rated_snippets import ARCHIVE, Domain, RatedSnippets
from .shared.prompt_classes import of_class

SLOT = "{text}"
_OTHER_SEED = 1_000_000  # so that no other text is one that a tiny model was pre-trained on


class TaskOrNot(Dataset):
    """Training texts are the task's alone; test texts are of the class `task`, and each beside one of `other`.

    A task's text is filled into `template`; another text stands as it is. Both of a pair have as many words, or as
    nearly as many as there are. Give the model `prompt = "{text}"`: what stands around a text must not tell its class.

    Options:
        task: planted texts of one language beside those of another one, or rated snippets of one domain beside another.
        language, domain: of the task; `other_language`, `other_domain` of the other texts.
        template: holds `{text}`.
        pairs: the number of test pairs.
        train: the number of training texts, at most.
    """

    name = "task-or-not"
    assets = (ARCHIVE,)

    task: Literal["planted", "rated-snippets"] = "planted"
    language: Language = "english"
    other_language: Language = "french"
    domain: Domain = "movies"
    other_domain: Domain = "editorials"
    template: str = Field(default="Text: {text}\nLabel:", pattern=r"\{text\}")
    pairs: int = Field(default=50, ge=1, le=2000)
    train: int = Field(default=1000, ge=1, le=50_000)
    validation: int = Field(default=100, ge=0, le=5000)
    seed: int = Field(default=0, ge=0)

    def load(self) -> Splits:
        """The task's training texts, and the pairs.

        Raises:
            AttrimarkError: the rated snippets are not cached and cannot be downloaded.
        """
        task, other = self._texts()
        return Splits(
            labels=task.labels,
            train=tuple(self._filled(each) for each in task.train[: self.train]),
            validation=tuple(self._filled(each) for each in task.validation[: self.validation]),
            test=tuple(self._pairs(task.test[: self.pairs], other)),
        )

    def _texts(self) -> tuple[Splits, Sequence[Example]]:
        if self.task == "planted":
            seed, train, validation, pairs = self.seed, self.train, self.validation, self.pairs
            task = Planted(language=self.language, train=train, validation=validation, test=pairs, seed=seed)
            seed += _OTHER_SEED
            other = Planted(language=self.other_language, train=0, validation=0, test=4 * pairs, seed=seed)
            return task.load(), other.load().test
        task = RatedSnippets(domain=self.domain, minimum=1.0, longest=20, seed=self.seed).load()
        return task, RatedSnippets(domain=self.other_domain, minimum=0.0, seed=self.seed).load().test

    def _pairs(self, task: Sequence[Example], other: Sequence[Example]) -> Iterator[Example]:
        left = list(other)
        for number, example in enumerate(task):
            filled = self._filled(example)
            wanted = len(filled.text.split())
            nearest = min(left, key=lambda each: abs(len(each.text.split()) - wanted))
            left.remove(nearest)
            yield of_class(replace(filled, id=f"{number}/task"), "task")
            yield of_class(Example(f"{number}/other", nearest.segments), "other")

    def _filled(self, example: Example) -> Example:
        before, after = self.template.split(SLOT, 1)
        spans = tuple(
            replace(span, start=span.start + len(before), end=span.end + len(before)) for span in example.spans
        )
        text = Span(0, len(before), len(before) + len(example.text), "text")
        return replace(example, segments=(before + example.text + after,), spans=(*spans, text))
