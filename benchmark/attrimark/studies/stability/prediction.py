"""What a suite's authors expect, written down before it is run, and whether it came true."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from attrimark.statistics.intervals import Estimate
from attrimark.statistics.verdict import PredictionResult

Expectation = Literal["lower", "higher", "same", "not lower", "not higher"]


class Prediction(BaseModel):
    """The value of one chain against another's, by a metric of the population of seeds.

    The rule: "lower" and "higher" hold where the whole interval of the ratio lies below or above 1, and do not where
    it lies on the other side. "same" holds where it lies between 1/margin and margin, and does not where it lies
    outside; "not lower" and "not higher" ask for one of these ends only. All else cannot be told.

    Attributes:
        says: the claim, in words.
        metric: a metric of the suite, by its name, or with its options as tables show it.
        chain, than: by the names of their steps: `full → nf4`.
        method: by its name or as tables show it; every method of the suite where it is missing.
        margin: the largest ratio that still counts as the same.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    says: str
    metric: str
    chain: str
    than: str
    expect: Expectation
    method: str | None = None
    margin: float = Field(1.25, gt=1)

    def verdict(self, ratio: Estimate) -> PredictionResult:
        """What a ratio's interval says of the claim."""
        low, high, margin = ratio.low, ratio.high, self.margin
        if np.isnan(low) or np.isnan(high):
            return "cannot be told"
        holds, fails = {
            "lower": (high < 1, low > 1),
            "higher": (low > 1, high < 1),
            "same": (low > 1 / margin and high < margin, high < 1 / margin or low > margin),
            "not lower": (low > 1 / margin, high < 1 / margin),
            "not higher": (high < margin, low > margin),
        }[self.expect]
        return "holds" if holds else "does not hold" if fails else "cannot be told"
