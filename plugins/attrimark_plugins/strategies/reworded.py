"""Another wording of the prompt for each seed: what varies where no training does (Sclar et al., arXiv 2310.11324)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, product
from typing import Annotated, ClassVar

from attrimark_registry import AttrimarkError, Example, Model, PromptClassifier, Strategy, Unsupported
from pydantic import Field, Strict

SENTIMENT_PARAPHRASES = (
    "Is the sentiment of this sentence positive or negative? {text} Answer with one word:",
    "Read this review: {text} Decide whether its author was pleased. One word, positive or negative:",
    "Sentence: {text}\nSentiment (positive or negative):",
    "Label what follows as positive or as negative. Text: {text} Label:",
    "A critic wrote: {text} The critic's opinion of it, in one word, positive or negative, is",
)


class Reworded(Strategy):
    """Asks a prompted model in the prompt and with the answers that the seed stands for; no weight is moved.

    A model that was never trained here has no training seeds. Its nuisance factor is how it is asked: which paraphrase
    of the prompt, and which words stand for the labels. Seed 0 takes the first prompt with the first answers, seed 1
    the second prompt, and so on; after the last prompt come the second answers with every prompt again. Intervals over
    seeds then speak for other wordings like these.

    Options:
        prompts: each holds `{text}` where the text goes.
        answers: what is written for each label, one table for each choice of words; the model's own by default.
    """

    name = "reworded"
    trains: ClassVar[bool] = False

    prompts: Annotated[tuple[str, ...], Strict(False), Field(min_length=1)] = SENTIMENT_PARAPHRASES
    answers: Annotated[tuple[dict[str, str], ...], Strict(False)] = ()

    def fine_tune(self, model: Model, train: Sequence[Example], seeds: Sequence[int]) -> list[Model]:
        """The model, asked otherwise for each seed.

        Raises:
            Unsupported: the model is asked in no prompt.
            AttrimarkError: there are fewer wordings than seeds, or a prompt or answers do not fit.
        """
        if not isinstance(model, PromptClassifier):
            raise Unsupported("it is asked in no prompt, so there is nothing to reword")
        return [model.reworded(*self._wording(seed)) for seed in seeds]

    def _wording(self, seed: int) -> tuple[str, dict[str, str] | None]:
        wordings = product(self.answers or (None,), self.prompts)
        found = next(islice(wordings, seed, None), None)
        if found is None:
            count = len(self.prompts) * max(1, len(self.answers))
            raise AttrimarkError(
                f"seed {seed} has no wording: there are {count} of them, so take seeds below {count}, or add prompts"
            )
        answers, prompt = found
        return prompt, answers
