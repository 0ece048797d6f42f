"""What pre-training and fine-tuning each add to a response: the decomposition behind TuCo.

"Measuring the Contribution of Fine-Tuning to Individual Responses of LLMs" (submission 8140 to ICLR 2025).

A block adds f(x) to the state x. On the fine-tuned network's own states, the pre-training contribution is what the
pre-trained network's block would have added, and the fine-tuning contribution is the rest of what was added; so
x_L = x_0 + Σ PTC + Σ FTC exactly. No final normalisation and no output layer are part of it.

The fine-tuned network runs once; then the pre-trained one runs once with each block's input replaced by the
fine-tuned network's state, so that masks, rotary embeddings and windows are its own. No gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from attrimark_registry import Batch, Classifier, Model, Unsupported, at_least_float32
from attrimark_registry.causal import log_probabilities
from jaxtyping import Bool, Float
from torch import Tensor, nn

State = Float[Tensor, "batch tokens dim"]


@dataclass(frozen=True)
class Contributions:
    """Contributions to the state of the last token n (which the response follows from), and over all tokens.

    Attributes:
        pretraining, fine_tuning: ‖PTC_l[n]‖ and ‖FTC_l[n]‖ of each block.
        pretraining_sum, fine_tuning_sum: P̄_L[n] and F̄_L[n], the sums over all blocks.
        shares: β_l, the share ‖F̄_l‖₁ / (‖P̄_l‖₁ + ‖F̄_l‖₁) over all tokens, after l = 1…L blocks.
        embedding_change: ‖x_0 − x_0'‖₁ over all tokens, where x_0' is what the pre-trained network's blocks would be
            given: no block's contribution.
        residual: the largest |x_0 + P̄ + F̄ − x_L| ÷ the largest |x_L|: rounding.
        post_norm: the blocks normalise what they return, so that what they add is no write to a residual stream.
    """

    pretraining: Float[Tensor, "batch blocks"]
    fine_tuning: Float[Tensor, "batch blocks"]
    pretraining_sum: Float[Tensor, "batch dim"]
    fine_tuning_sum: Float[Tensor, "batch dim"]
    shares: Float[Tensor, "batch blocks"]
    embedding_change: Float[Tensor, " batch"]
    residual: Float[Tensor, " batch"]
    post_norm: bool

    def tuco(self, order: int = 1) -> Float[Tensor, " batch"]:
        """‖F̄_L[n]‖ / (‖P̄_L[n]‖ + ‖F̄_L[n]‖): summed over blocks first, then the norm; 0 where nothing is added."""
        return share(self.fine_tuning_sum.norm(order, dim=-1), self.pretraining_sum.norm(order, dim=-1))

    @property
    def beta(self) -> Float[Tensor, " batch"]:
        """The largest of the shares."""
        return self.shares.amax(-1)


def contributions(model: Model, pretrained: Model, batch: Batch, order: int = 1) -> Contributions:
    """The contributions to each row, in float32 or better. Call it inside `model.active()`.

    Args:
        pretrained: see `Model.require_pretrained`.
        order: of the norms of single blocks' contributions.

    Raises:
        Unsupported: the pre-trained network has no embedding of a token that fine-tuning added.
    """
    _require_embeddings(pretrained, batch)
    states, post_norm = block_states(model, batch)
    sums = _Sums(states, batch.real, order)
    del states  # each is freed when its block has been seen
    with torch.no_grad(), pretrained.active(), _replaced(pretrained, sums.enter, sums.leave):
        read(pretrained, batch)
    return sums.contributions(post_norm)


def final_states(model: Model, batch: Batch) -> State:
    """x_L of every token: what the last block returns, in float32 or better. Call it inside `model.active()`.

    Raises:
        Unsupported: the network has no embedding of some token.
    """
    _require_embeddings(model, batch)
    found: list[Tensor] = []
    hook = model.blocks()[-1].register_forward_hook(lambda block, given, made: found.append(state_of(made)))
    try:
        with torch.no_grad():
            read(model, batch)
    finally:
        hook.remove()
    return at_least_float32(found[0])


def block_states(model: Model, batch: Batch) -> tuple[list[Tensor], bool]:
    """x_0 … x_L, each [batch, tokens, dim], and whether the blocks return what a normalisation returned.

    Call it inside `model.active()`.
    """
    states: list[Tensor] = []
    normalised: list[Tensor] = []
    post_norm = False

    def normalise(norm: nn.Module, given: Any, made: Any) -> None:
        normalised.append(made)

    def end(block: nn.Module, given: Any, made: Any) -> None:
        nonlocal post_norm
        states.append(state_of(made))
        post_norm = any(state_of(made) is each for each in normalised)

    def begin(block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        states.append(given_state(args, kwargs))

    blocks = model.blocks()
    norms = [module for module in blocks[-1].modules() if "norm" in type(module).__name__.lower()]
    with ExitStack() as undone, torch.no_grad():
        for block in blocks:
            undone.callback(block.register_forward_pre_hook(begin, with_kwargs=True).remove)
        for norm in norms:
            undone.callback(norm.register_forward_hook(normalise).remove)
        undone.callback(blocks[-1].register_forward_hook(end).remove)
        read(model, batch)
    return states, post_norm


def read(model: Model, batch: Batch) -> None:
    """One forward over the rows as they are, with nothing appended and no cache."""
    if isinstance(model, Classifier):
        model.outputs(batch)
        return
    nothing = batch.input_ids.new_empty((len(batch), 0))
    log_probabilities(model, batch, nothing, 1, model.embed(batch) if batch.averaged.any() else None)


def last_tokens(values: Float[Tensor, "batch tokens *rest"], real: Bool[Tensor, "batch tokens"]) -> Tensor:
    """What stands at each row's last token that is no padding, whichever side is padded."""
    places = torch.arange(real.shape[1], device=real.device)
    last = torch.where(real, places, -1).amax(-1)
    return values[torch.arange(len(real), device=real.device), last]


def share(part: Tensor, rest: Tensor) -> Tensor:
    """part / (part + rest); 0 where both are 0."""
    whole = part + rest
    return torch.where(whole > 0, part / whole.clamp(min=torch.finfo(whole.dtype).tiny), 0.0)


def state_of(made: Any) -> Tensor:
    """The state in what a block returns: alone, or first among other things."""
    return made[0] if isinstance(made, tuple) else made


def given_state(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """The state that a block is given."""
    return args[0] if args else kwargs["hidden_states"]


def with_state(state: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A block's arguments with another state."""
    return ((state, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": state})


class _Sums:
    """Contributions summed up block by block, so that no more is kept than the fine-tuned network's states."""

    def __init__(self, states: list[Tensor], real: Bool[Tensor, "batch tokens"], order: int) -> None:
        self.states: dict[int, Tensor] = dict(enumerate(states))
        self.start, self.end = at_least_float32(states[0]), at_least_float32(states[-1])
        self.real, self.order = real, order
        self.pretraining, self.fine_tuning, self.shares = [], [], []
        self.pretraining_sum, self.fine_tuning_sum = torch.zeros_like(self.start), torch.zeros_like(self.start)
        self.embedding_change = self.start.new_zeros(len(real))

    def enter(self, place: int, given: Tensor) -> Tensor:
        """The state that the pre-trained block is given instead of the one that its own network came to."""
        if place == 0:
            self.embedding_change = self._sum((at_least_float32(given) - self.start).abs())
        return self.states[place].to(given.dtype)

    def leave(self, place: int, made: Tensor) -> None:
        before, made, after = map(at_least_float32, (self.states.pop(place), made, self.states[place + 1]))
        pretraining, fine_tuning = made - before, after - made
        self.pretraining_sum += pretraining
        self.fine_tuning_sum += fine_tuning
        for kept, added in ((self.pretraining, pretraining), (self.fine_tuning, fine_tuning)):
            kept.append(last_tokens(added, self.real).norm(self.order, dim=-1))
        self.shares.append(share(self._sum(self.fine_tuning_sum.abs()), self._sum(self.pretraining_sum.abs())))

    def contributions(self, post_norm: bool) -> Contributions:
        apart = self.start + self.pretraining_sum + self.fine_tuning_sum - self.end
        gap, largest = (each.abs().masked_fill(~self.real.unsqueeze(-1), 0).amax((1, 2)) for each in (apart, self.end))
        return Contributions(
            pretraining=torch.stack(self.pretraining, -1),
            fine_tuning=torch.stack(self.fine_tuning, -1),
            pretraining_sum=last_tokens(self.pretraining_sum, self.real),
            fine_tuning_sum=last_tokens(self.fine_tuning_sum, self.real),
            shares=torch.stack(self.shares, -1),
            embedding_change=self.embedding_change,
            residual=gap / largest.clamp(min=torch.finfo(largest.dtype).tiny),
            post_norm=post_norm,
        )

    def _sum(self, numbers: State) -> Float[Tensor, " batch"]:
        """Over a row's tokens, without its padding."""
        return numbers.masked_fill(~self.real.unsqueeze(-1), 0).sum((1, 2))


@contextmanager
def _replaced(
    model: Model, enter: Callable[[int, Tensor], Tensor], leave: Callable[[int, Tensor], None]
) -> Iterator[None]:
    """Every block is given the state that `enter` says, and what it returns is told to `leave`."""

    def entering(place: int) -> Any:
        return lambda block, args, kwargs: with_state(enter(place, given_state(args, kwargs)), args, kwargs)

    def leaving(place: int) -> Any:
        return lambda block, given, made: leave(place, state_of(made))

    with ExitStack() as undone:
        for place, block in enumerate(model.blocks()):
            undone.callback(block.register_forward_pre_hook(entering(place), with_kwargs=True).remove)
            undone.callback(block.register_forward_hook(leaving(place)).remove)
        yield


def _require_embeddings(model: Model, batch: Batch) -> None:
    known = model.network.get_input_embeddings().weight.shape[0]
    highest = int(batch.input_ids.max())
    if highest >= known:
        raise Unsupported(
            f"the pre-trained network has embeddings of {known} tokens, and the text holds the token {highest}, which "
            "fine-tuning added: write the prompt without it"
        )
