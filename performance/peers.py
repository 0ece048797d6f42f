"""The work of `subset_evaluation.py` done with other libraries: what our subset evaluator is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from attrimark_registry import Encoded, Model, PromptClassifier
from torch import Tensor


class HandBatched:
    """A row's set function as a careful user of Captum or shapiq writes it: the log-odds of its target, in batches.

    Rows are made of token ids, cut or masked where an indicator is 0. A causal model's are padded on the left with
    their own position ids, and only the last position's logits are asked for.

    Attributes:
        rows, tokens: what has gone through the network so far; padding is not counted.
    """

    def __init__(self, model: Model, row: Encoded, size: int) -> None:
        self.model, self.size = model, size
        self.causal = isinstance(model, PromptClassifier)
        self.ids = torch.from_numpy(row.ids).to(model.device)
        self.feature_of = torch.from_numpy(row.feature_of).to(model.device)
        assert row.target is not None  # rows come from `decide`
        self.target = row.target.chosen[0]
        self.answers = answer_tokens(model) if isinstance(model, PromptClassifier) else None
        self.rows = self.tokens = 0

    def __call__(self, indicators: Tensor) -> Tensor:
        """One value for each line of zeros and ones."""
        with torch.no_grad():
            return torch.cat([self._values(some > 0) for some in indicators.split(self.size)])

    def of_coalitions(self, coalitions: np.ndarray) -> np.ndarray:
        """The same for shapiq and shap, in their types."""
        return self(torch.from_numpy(np.atleast_2d(coalitions))).cpu().double().numpy()

    def _values(self, keep: Tensor) -> Tensor:
        kept = keep.to(self.ids.device)[:, self.feature_of.clamp(min=0)] | (self.feature_of < 0)
        logits = self._cut(kept) if self.causal else self._masked(kept)
        others = torch.arange(logits.shape[1], device=logits.device) != self.target
        return logits[:, self.target] - logits[:, others].logsumexp(-1)

    def _cut(self, kept: Tensor) -> Tensor:
        lengths = kept.sum(1)
        real = torch.arange(int(lengths.max()), device=kept.device) >= lengths.max() - lengths[:, None]
        ids = torch.full(real.shape, self.model.pad_id or 0, device=kept.device)
        ids[real] = self.ids.expand_as(kept)[kept]
        positions = (real.cumsum(1) - 1).clamp(min=0)
        self._count(real)
        made = self.model.network(
            ids, attention_mask=real.long(), position_ids=positions, logits_to_keep=1, use_cache=False
        )
        return made.logits[:, -1].float()[:, self.answers]

    def _masked(self, kept: Tensor) -> Tensor:
        ids = torch.where(kept, self.ids, self.model.tokenizer.mask_token_id)
        self._count(torch.ones_like(ids))
        return self.model.network(ids, attention_mask=torch.ones_like(ids)).logits.float()

    def _count(self, real: Tensor) -> None:
        self.rows += len(real)
        self.tokens += int(real.sum())


Explain = Callable[[HandBatched, int], np.ndarray]  # the scores of so many features of a set function


def ablated(value: HandBatched, features: int) -> np.ndarray:
    """Captum's `FeatureAblation` of the indicator vector: what leaves one feature out."""
    from captum.attr import FeatureAblation

    whole = torch.ones(1, features)
    return FeatureAblation(value).attribute(whole, perturbations_per_eval=value.size)[0].numpy()


def sampled(value: HandBatched, features: int, permutations: int, rng: np.random.Generator) -> np.ndarray:
    """Captum's `ShapleyValueSampling` of the indicator vector, in the orders that the generator draws."""
    from captum.attr import ShapleyValueSampling

    whole = torch.ones(1, features)
    with orders_from(rng):
        return ShapleyValueSampling(value).attribute(
            whole, n_samples=permutations, perturbations_per_eval=value.size
        )[0].numpy()  # fmt: skip


def sampled_by_shapiq(value: HandBatched, features: int, permutations: int, seed: int) -> np.ndarray:
    """shapiq's permutation sampling, in its own orders: as many of them."""
    from shapiq import PermutationSamplingSV

    budget = permutations * (features - 1) + 2
    orders_a_batch = max(1, value.size // max(1, features - 1))
    found = PermutationSamplingSV(features, random_state=seed).approximate(
        budget, value.of_coalitions, batch_size=orders_a_batch
    )
    return found.get_n_order_values(1)


def paired_by_shap(value: HandBatched, features: int, pairs: int, seed: int) -> np.ndarray:
    """shap's `Permutation` explainer of the indicator vector: random orders, each forwards and backwards."""
    from shap.explainers import Permutation
    from shap.maskers import Independent

    absent, whole = np.zeros((1, features)), np.ones((1, features))
    explainer = Permutation(value.of_coalitions, Independent(absent, max_samples=1), seed=seed)
    asked = pairs * (2 * features + 1)
    return explainer(whole, max_evals=asked, batch_size=value.size, silent=True).values[0]


def documented(model: PromptClassifier, row: Encoded, permutations: int | None, rng: np.random.Generator) -> np.ndarray:
    """Captum's `LLMAttribution` as its tutorial shows it: words of a template, the answer's log-probability.

    Args:
        permutations: of `ShapleyValueSampling`; None for `FeatureAblation`.
    """
    from captum.attr import FeatureAblation, LLMAttribution, ShapleyValueSampling, TextTemplateInput

    template, words = template_of(model, row)
    assert row.target is not None
    answer = model.answers[model.labels[row.target.chosen[0]]]
    given = TextTemplateInput(template, values=words)
    captum_method = (FeatureAblation if permutations is None else ShapleyValueSampling)(model.network)
    options: dict[str, Any] = {} if permutations is None else {"n_samples": permutations}
    with orders_from(rng):
        found = LLMAttribution(captum_method, model.tokenizer).attribute(given, target=answer, **options)
    return found.seq_attr.cpu().numpy()


def template_of(model: PromptClassifier, row: Encoded) -> tuple[str, list[str]]:
    """A template with a slot for each word, and the words, each with the space before it."""
    before, after = model.prompt.pieces
    text = row.example.text
    starts = [0, *(feature.end for feature in row.features[:-1])]
    words = [text[start : feature.end] for start, feature in zip(starts, row.features, strict=True)]
    words[0] = " " + words[0]
    return before.removesuffix(" ") + "{}" * len(words) + text[row.features[-1].end :] + after, words


def same_as_text(model: PromptClassifier, row: Encoded) -> bool:
    """Whether a text without one of its words becomes the tokens that are left when the word's own are removed."""
    template, words = template_of(model, row)
    for left_out in range(len(words)):
        written = template.format(*("" if place == left_out else word for place, word in enumerate(words)))
        if model.tokenizer(written)["input_ids"] != row.ids[row.feature_of != left_out].tolist():
            return False
    return True


def answer_tokens(model: PromptClassifier) -> list[int]:
    """The one token of each label's answer."""
    tokens = [model.prompt.continuation(model.answers[label]) for label in model.labels]
    assert all(len(ids) == 1 for ids in tokens), "answers of several tokens: the hand-written batch scores one"
    return [ids[0] for ids in tokens]


@contextmanager
def orders_from(rng: np.random.Generator) -> Iterator[None]:
    """Captum draws its orders from this generator, as our method does."""
    draw: Callable[..., Tensor] = lambda count, **_: torch.from_numpy(rng.permutation(count))  # noqa: E731
    with patch.object(torch, "randperm", draw):
        yield
