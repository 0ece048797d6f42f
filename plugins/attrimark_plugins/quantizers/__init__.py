"""Ways to store a network in fewer bits."""

from attrimark_registry import Quantizer, hookimpl

from .none import NoQuantization


@hookimpl
def register_quantizers() -> list[type[Quantizer]]:
    return [NoQuantization]
