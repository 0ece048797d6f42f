"""One row through the network, to the last bit: what moved its outputs or their gradient has moved the network."""

from __future__ import annotations

import torch
from attrimark_registry.encoding import Encoded
from attrimark_registry.memory import is_exhaustion
from attrimark_registry.model import Model

NAMES = ("its outputs", "their gradient")

Bits = tuple[bytes, ...]  # of the outputs, and of their gradient where one can be had


class Canary:
    """A row, and what it gives; call it inside `model.active()`.

    What a network does not give twice for the same row (kernels on a GPU may add in any order) is not compared.
    """

    def __init__(self, model: Model, row: Encoded) -> None:
        self.model = model
        self.row = row
        self.with_gradient = model.refusal("gradients") is None
        try:
            self.first = self._bits()
        except Exception as error:
            if not self.with_gradient or not is_exhaustion(error):
                raise
            self.with_gradient = False  # there is no room for one
            self.first = self._bits()
        again = self._bits()
        self.compared = [place for place, bits in enumerate(again) if bits == self.first[place]]

    def moved(self) -> tuple[str, ...]:
        """What differs from what it was, twice: once may be chance."""
        try:
            return self._differing() and self._differing()
        # whatever a plugin has made of the network
        except Exception as error:
            return (f"the network, which no longer runs ({type(error).__name__}: {error})",)

    def _differing(self) -> tuple[str, ...]:
        bits = self._bits()
        return tuple(NAMES[place] for place in self.compared if bits[place] != self.first[place])

    def _bits(self) -> Bits:
        batch = self.model.collate([self.row])
        if not self.with_gradient:
            with torch.no_grad():
                return (_bytes(self.model.outputs(batch)),)
        with torch.no_grad():
            embeddings = self.model.embed(batch)
        with torch.enable_grad():
            embeddings = embeddings.detach().requires_grad_()
            outputs = self.model.outputs(batch, embeddings)
            (gradient,) = torch.autograd.grad(outputs.sum(), [embeddings])
        return _bytes(outputs), _bytes(gradient)


def _bytes(values: torch.Tensor) -> bytes:
    return values.detach().double().cpu().numpy().tobytes()
