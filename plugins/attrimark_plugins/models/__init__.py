"""Where networks come from."""

from attrimark_registry import ModelSource, hookimpl

from .camembert import Camembert
from .camembert_tiny import CamembertTiny
from .hub_causal import HubCausal
from .hub_classifier import HubClassifier
from .hub_writer import HubWriter
from .llama_tiny import LlamaTiny
from .minilm import Minilm
from .mistral import Mistral
from .rule_writer_tiny import RuleWriterTiny
from .smollm2 import Smollm2
from .tiny import TinyCausal, TinyEncoder, TinyWriter


@hookimpl
def register_models() -> list[type[ModelSource]]:
    return [
        Minilm,
        Camembert,
        Smollm2,
        Mistral,
        HubClassifier,
        HubCausal,
        HubWriter,
        CamembertTiny,
        LlamaTiny,
        RuleWriterTiny,
        TinyEncoder,
        TinyCausal,
        TinyWriter,
    ]
