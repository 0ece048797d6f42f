"""Ways to fine-tune."""

from attrimark_registry import Strategy, hookimpl

from .frozen import Frozen
from .full import Full
from .none import NoTraining


@hookimpl
def register_strategies() -> list[type[Strategy]]:
    return [NoTraining, Frozen, Full]
