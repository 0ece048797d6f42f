"""What a suite repeats of a study: its protocol, or its claim."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

SAYS = {
    "protocol": (
        "Protocol replicated: the study's procedure, on other models or data. No outcome here speaks for or against "
        "the study's claim."
    ),
    "claim": "Claim replicated, where its prediction holds: the study's procedure, on its models and data.",
}


class Replication(BaseModel):
    """A suite beside the study that it repeats.

    Attributes:
        of: the "claim" needs the models and the data of the study, a prediction and a rule; else it is the "protocol".
        prediction: what is expected, written down before the first run; empty where nothing was.
        rule: by which it holds or does not, written down with it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    of: Literal["protocol", "claim"]
    prediction: str = Field("")
    rule: str = Field("")

    @model_validator(mode="after")
    def _judged(self) -> Replication:
        if bool(self.prediction) is not bool(self.rule):
            raise ValueError("a prediction and the rule that judges it are written down together")
        if self.of == "claim" and not self.prediction:
            raise ValueError("a claim is replicated only by a prediction and a rule that were written down before")
        return self

    @property
    def says(self) -> Iterator[str]:
        """What stands on the suite's page: what is replicated, the prediction, and the rule."""
        yield SAYS[self.of]
        if self.prediction:
            yield f"Predicted before the first run: {self.prediction}. The rule: {self.rule}."
        else:
            yield "Nothing was predicted before the first run."
