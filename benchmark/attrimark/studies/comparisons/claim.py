"""What is expected of one strategy against another, or of larger models; written down before the run."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from attrimark.statistics.verdict import PredictionResult

Expectation = Literal["lower", "higher", "different", "rising", "falling"]

ERROR = 0.05


class Claim(BaseModel):
    """One level of a factor against another, or a metric over models of several sizes.

    The rule, at the level of networks: "lower" and "higher" hold where Holm's p is at most 0.05 and the sign is the one
    expected, and do not hold where it is the other one; "different" holds where Holm's p is at most 0.05; "rising" and
    "falling" hold where Holm's p, of networks that change models, is at most 0.05 and the whole interval of the slope,
    for new networks of these models, lies on that side of 0; they do not where it lies on the other. All else cannot
    be told.

    Attributes:
        says: the claim, in words.
        metric: as tables show it; else all metrics of that name. "different" may leave it out, and then speaks of the
            distributions of shares over words.
        level, than: as tables name them: a strategy by its steps, a quantizer, a model; left out for a trend.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    says: str
    expect: Expectation
    metric: str | None = None
    level: str | None = None
    than: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Claim:
        if self.of_trend:
            if self.metric is None or self.level or self.than:
                raise ValueError(f'"{self.expect}" speaks of a metric over all models: name it, and no level')
        elif not (self.level and self.than):
            raise ValueError(f'"{self.expect}" compares two levels: name them as level and than')
        elif self.metric is None and self.expect != "different":
            raise ValueError(f'"{self.expect}" needs a metric')
        return self

    @property
    def of_trend(self) -> bool:
        return self.expect in ("rising", "falling")

    def verdict(self, difference: float, p: float | None) -> PredictionResult:
        """What a difference (level − than) and its p by Holm say; no p is no claim."""
        if p is None or p > ERROR:
            return "cannot be told"
        if self.expect == "different":
            return "holds"
        return "holds" if (difference < 0) == (self.expect == "lower") else "does not hold"

    def verdict_on_slope(self, interval: tuple[float, float] | None, p: float | None) -> PredictionResult:
        """What the interval of a slope and its p by Holm say; none is no claim."""
        if interval is None or p is None or p > ERROR or interval[0] <= 0 <= interval[1]:
            return "cannot be told"
        return "holds" if (interval[0] > 0) == (self.expect == "rising") else "does not hold"
