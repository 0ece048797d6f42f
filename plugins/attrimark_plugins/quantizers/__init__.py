"""Ways to store a network in fewer bits."""

from attrimark_registry import Quantizer, hookimpl

from .fp4 import Fp4
from .nf4 import Nf4
from .none import NoQuantization


@hookimpl
def register_quantizers() -> list[type[Quantizer]]:
    return [NoQuantization, Fp4, Nf4]
