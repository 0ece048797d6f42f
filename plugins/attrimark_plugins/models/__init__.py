"""Where networks come from."""

from attrimark_registry import ModelSource, hookimpl

from .hub import HubCausal, HubClassifier
from .minilm import Minilm
from .smollm2 import Smollm2
from .tiny import TinyCausal, TinyEncoder, TinyWriter


@hookimpl
def register_models() -> list[type[ModelSource]]:
    return [Minilm, Smollm2, HubClassifier, HubCausal, TinyEncoder, TinyCausal, TinyWriter]
