"""What a suite asks of its strategies, quantizers or models: by which metrics they are compared."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .claim import Claim

Over = Literal["strategy", "quantizer", "model"]


class FactorComparison(BaseModel):
    """One factor, and the metrics by which its levels are compared.

    Attributes:
        over: what differs between the networks compared; all else is held equal.
        metrics: by their names, or with their options as tables show them: of explanations compared with their texts,
            or of the model alone.
        against: a metric of the model alone, such as `parameters`, against whose logarithm trends over models are
            drawn; where it is missing, models are compared without an order.
        method: by its name or as tables show it; every method of the suite where it is missing.
        claims: what is expected.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    over: Over
    metrics: Annotated[tuple[str, ...], Field(min_length=1)]
    against: str | None = None
    method: str | None = None
    claims: tuple[Claim, ...] = ()

    @model_validator(mode="after")
    def _ordered(self) -> FactorComparison:
        if self.against and self.over != "model":
            raise ValueError('only models stand in an order: write over = "model", or leave out against')
        for claim in self.claims:
            if claim.of_trend and not self.against:
                raise ValueError(f'"{claim.expect}" needs to know against what: add against = "parameters"')
            if self.against and not claim.of_trend:
                raise ValueError(f'"{claim.expect}" compares two models, where a trend is drawn: leave out against')
        return self
