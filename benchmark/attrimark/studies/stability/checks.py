"""What is wrong with what a suite asks of its seeds, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrimark_registry.plugin import PopulationMetric

from attrimark.suite.matrix import chains_of, named
from attrimark.suite.reading.document import Complaint
from attrimark.suite.reading.members import names_of, not_among
from attrimark.suite.suite import Matrix

from .equivalence import Equivalence, judges
from .prediction import Prediction


def not_measured(rule: Equivalence | None, matrices: Sequence[Matrix]) -> Iterator[Complaint]:
    """Seeds can be chosen only by an accuracy that the suite measures."""
    if rule and not all(any(judges(each, rule.split) for each in matrix.metrics) for matrix in matrices):
        add = f'add {{ name = "accuracy", split = "{rule.split}" }} to metrics'
        yield Complaint(("equivalent",), f"seeds are chosen by their accuracy on the {rule.split} texts: {add}")


def not_to_be_foretold(predictions: Sequence[Prediction], matrices: Sequence[Matrix]) -> Iterator[Complaint]:
    """What predictions speak of must be in the suite."""
    metrics = (each for matrix in matrices for each in matrix.metrics if isinstance(each, PopulationMetric))
    chains = [named(chain) for matrix in matrices for chain in chains_of(matrix)]
    known = {
        "metric": names_of(metrics),
        "method": names_of(each for matrix in matrices for each in matrix.methods),
        "chain": chains,
        "than": chains,
    }
    for index, prediction in enumerate(predictions):
        for key, names in known.items():
            value = getattr(prediction, key)
            if value is not None:
                yield from not_among(value, names, ("predictions", index, key))
