"""What a plugin author may use. What is not listed here is ours to change."""

from .assets import fetch
from .attribution import Attribution, Cost, Measure, Record, Scores
from .catalog import Catalog, load_catalog
from .classifier import Classifier
from .encoding import PROTECTED, Batch, Encoded, Target
from .errors import AttrimarkError, Unsupported
from .hookspecs import hookimpl
from .memory import smaller_on_exhaustion
from .model import How, Model, Packing, logical_shape
from .plugin import (
    Dataset,
    Exploration,
    Keep,
    Method,
    Metric,
    ModelMethod,
    ModelMetric,
    ModelSource,
    Plugin,
    PopulationMetric,
    Quantizer,
    SpanMetric,
    Strategy,
    SubsetMethod,
    SubsetMetric,
    Values,
)
from .prompt_classifier import PromptClassifier
from .reading import Reading, at_least_float32
from .removal import OPERATORS, Operator
from .shares import shares
from .text import Example, Feature, Granularity, Span, Splits, features_of
from .writer import Writer

__all__ = [
    "OPERATORS",
    "PROTECTED",
    "Attribution",
    "AttrimarkError",
    "Batch",
    "Catalog",
    "Classifier",
    "Cost",
    "Dataset",
    "Encoded",
    "Example",
    "Exploration",
    "Feature",
    "Granularity",
    "How",
    "Keep",
    "Measure",
    "Method",
    "Metric",
    "Model",
    "ModelMethod",
    "ModelMetric",
    "ModelSource",
    "Operator",
    "Packing",
    "Plugin",
    "PopulationMetric",
    "PromptClassifier",
    "Quantizer",
    "Reading",
    "Record",
    "Scores",
    "Span",
    "SpanMetric",
    "Splits",
    "Strategy",
    "SubsetMethod",
    "SubsetMetric",
    "Target",
    "Unsupported",
    "Values",
    "Writer",
    "at_least_float32",
    "features_of",
    "fetch",
    "hookimpl",
    "load_catalog",
    "logical_shape",
    "shares",
    "smaller_on_exhaustion",
]
