"""Ways to fine-tune."""

from attrimark_registry import Strategy, hookimpl

from .frozen import Frozen
from .full import Full
from .lora import Lora
from .none import NoTraining
from .qlora import QLora
from .reworded import Reworded
from .scaled import Scaled


@hookimpl
def register_strategies() -> list[type[Strategy]]:
    return [NoTraining, Frozen, Full, Lora, QLora, Reworded, Scaled]
