"""β: the largest share that fine-tuning has in what the first l blocks add; it bounds how far responses can part.

See `attrimark_plugins.methods.shared.contributions` for the decomposition and the paper.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrimark_registry import Example, Model, ModelMetric, Scores

from .shared.contributions_of_texts import contributions_of_texts


class Beta(ModelMetric):
    """max over l = 1…L of ‖F̄_l‖₁ / (‖P̄_l‖₁ + ‖F̄_l‖₁), over all tokens of the text.

    Where pre-training's contributions are at most M in norm and Lipschitz with B, the last states of the fine-tuned and
    the pre-trained network are no further apart than L·M·(1 + B)^L·β / (1 − β).
    """

    name = "beta"
    needs = frozenset({"pretrained"})
    headline = False
    higher_is_better = None

    def measure(self, model: Model, examples: Sequence[Example]) -> Scores:
        """β of each text.

        Raises:
            Unsupported: the pre-trained network is not known, or is no twin of this one; no text can be taken.
        """
        found = contributions_of_texts(model, examples)
        return found.told(found.beta)
