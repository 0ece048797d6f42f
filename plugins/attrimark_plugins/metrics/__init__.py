"""Judgements of explanations, and of models."""

from attrimark_registry import Metric, hookimpl

from .accuracy import Accuracy
from .average_precision import AveragePrecision
from .comprehensiveness import Comprehensiveness
from .lexicon_agreement import LexiconAgreement
from .parse_rate import ParseRate
from .rationale_agreement import RationaleAgreement
from .reliance import Reliance
from .sufficiency import Sufficiency


@hookimpl
def register_metrics() -> list[type[Metric]]:
    return [
        Sufficiency,
        Comprehensiveness,
        RationaleAgreement,
        AveragePrecision,
        LexiconAgreement,
        Accuracy,
        ParseRate,
        Reliance,
    ]
