"""More or less of what fine-tuning adds: FTC_α-scaling, § 5 of the paper of TuCo (see `methods.contributions`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, ClassVar

import torch
from attrimark_registry import AttrimarkError, Example, Model, Strategy
from pydantic import Field
from torch import nn

from attrimark_plugins.methods.shared.contributions import given_state, state_of, with_state

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


class Scaled(Strategy):
    """Every block adds PTC + α · FTC: what the pre-trained network's block would add, and α times the rest.

    α = 1 is the fine-tuned network. α = 0 is the pre-trained one, where fine-tuning left embeddings, last
    normalisation and output layer as they were. No weight is moved: both networks' blocks run, only while the model is
    active, so that a forward takes as long as two. Let it be the last step of a chain.
    """

    name = "scaled"
    trains: ClassVar[bool] = False
    seeded: ClassVar[bool] = False
    needs = frozenset({"pretrained"})

    alpha: float = Field(ge=0, le=100)

    def fine_tune(self, model: Model, train: Sequence[Example], seeds: Sequence[int]) -> list[Model]:
        """The same network, scaled.

        Raises:
            Unsupported: the pre-trained network is not known, or is no twin of this one.
        """
        model.require_pretrained()
        new = model.around(model.network)
        new.altered = (*model.altered, partial(scaling, alpha=self.alpha))
        return [new for _ in seeds]


@contextmanager
def scaling(model: Model, alpha: float) -> Iterator[None]:
    """The model's network with fine-tuning's contributions scaled; use it without a cache.

    Raises:
        AttrimarkError: from a forward that keeps keys and values: they would be those of two networks.
    """
    pretrained = model.require_pretrained()
    theirs: list[Arguments] = []  # what the pre-trained network gives its own blocks: its masks and rotary embeddings

    def begin(network: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if kwargs.get("input_ids") is not None:  # fine-tuning may have added tokens, which the other could not embed
            embeddings = network.get_input_embeddings()(kwargs["input_ids"])
            kwargs = {**kwargs, "input_ids": None, "inputs_embeds": embeddings}
        with torch.no_grad(), _passed_through(pretrained, theirs, in_tuples):
            pretrained.network(*args, **kwargs)

    def scale(place: int, block: nn.Module) -> Any:
        def hook(fine_tuned: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], made: Any) -> Any:
            _refuse_cache(args, kwargs)
            again, named = with_state(given_state(args, kwargs), *theirs[place])
            state = torch.lerp(state_of(block(*again, **named)), state_of(made), alpha)
            return (state, *made[1:]) if isinstance(made, tuple) else state

        return hook

    with ExitStack() as undone:
        undone.enter_context(pretrained.active())
        in_tuples = _returns_tuples(pretrained)
        undone.callback(theirs.clear)
        undone.callback(model.network.register_forward_pre_hook(begin, with_kwargs=True).remove)
        for place, (mine, other) in enumerate(zip(model.blocks(), pretrained.blocks(), strict=True)):
            undone.callback(mine.register_forward_hook(scale(place, other), with_kwargs=True).remove)
        yield


@contextmanager
def _passed_through(model: Model, arguments: list[Arguments], in_tuples: bool) -> Iterator[None]:
    """Blocks return the state that they are given; what else they are given is noted."""
    arguments.clear()

    def note(*args: Any, **kwargs: Any) -> Any:
        arguments.append((args, kwargs))
        state = given_state(args, kwargs)
        return (state,) if in_tuples else state

    with ExitStack() as undone:
        for block in model.blocks():
            undone.enter_context(_forward(block, note))
        yield


@contextmanager
def _forward(block: Any, instead: Any) -> Iterator[None]:
    found = vars(block).get("forward")  # an instance's own, as other patches leave it, or None
    block.forward = instead
    try:
        yield
    finally:
        if found is None:
            del block.forward
        else:
            block.forward = found


def _returns_tuples(model: Model) -> bool:
    """Whether blocks return their state in a tuple: an architecture's own choice, seen on one token."""
    made: list[Any] = []
    hook = model.blocks()[0].register_forward_hook(lambda block, given, returned: made.append(returned))
    try:
        with torch.no_grad():
            model.network(input_ids=torch.zeros(1, 1, dtype=torch.long, device=model.device))
    finally:
        hook.remove()
    return isinstance(made[0], tuple)


def _refuse_cache(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    from transformers.cache_utils import Cache

    if any(isinstance(each, Cache) for each in (*args, *kwargs.values())):
        raise AttrimarkError("an α-scaled network runs without a cache of keys and values: pass use_cache = False")
