"""TuCo, the tuning contribution: how much of a response fine-tuning made.

See `attrimark_plugins.methods.shared.contributions` for the decomposition and the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from attrimark_registry import Example, Model, ModelMetric, Scores

from .shared.contributions_of_texts import contributions_of_texts


class TuningContribution(ModelMetric):
    """‖F̄‖ / (‖P̄‖ + ‖F̄‖), where P̄ and F̄ are all that pre-training and fine-tuning add to the last token's state.

    0 where fine-tuning adds nothing, 1 where pre-training does not. It says how much, not what for. Blocks that
    normalise what they return (BERT's) write to no residual stream; the diagnostic `post_norm` is then 1.

    Options:
        order: of the norm; the paper's is 1.
    """

    name = "tuco"
    needs = frozenset({"pretrained"})
    headline = False
    higher_is_better = None

    order: Literal[1, 2] = 1

    def measure(self, model: Model, examples: Sequence[Example]) -> Scores:
        """TuCo of each text.

        Raises:
            Unsupported: the pre-trained network is not known, or is no twin of this one; no text can be taken.
        """
        found = contributions_of_texts(model, examples)
        return found.told(found.tuco[self.order])
