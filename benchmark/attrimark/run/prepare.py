"""A variant made ready: its texts encoded, and its decisions taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NoReturn

from attrimark_registry.encoding import Encoded
from attrimark_registry.errors import AttrimarkError, InvalidNumbers, Unsupported
from attrimark_registry.model import How, Model
from attrimark_registry.removal import FAMILIES, Operator
from attrimark_registry.text import Example, Granularity

from .evaluator import SubsetEvaluator
from .guard.guard import Guard

Advance = Callable[[str, int, int], None]  # stage, done, total


@dataclass(frozen=True, eq=False)
class Prepared:
    """A model with its rows, shared by all methods and metrics of a variant.

    Attributes:
        left_out: texts that cannot be explained, with the reason.
        network: what was found of the network; kept with the cells.
        limits: by a method's digest, how many tokens it has memory for at once: others may have it for more.
        invalid: that the network gave no finite numbers for some text, where it did.
    """

    model: Model
    examples: tuple[Example, ...]
    rows: tuple[Encoded, ...]
    left_out: Mapping[str, str]
    target: How
    evaluator: SubsetEvaluator
    advance: Advance
    network: Mapping[str, Any] = field(default_factory=dict)
    invalid: str | None = None
    limits: dict[str, int] = field(default_factory=dict)
    _aimed: dict[How, tuple[Encoded, ...]] = field(default_factory=dict)

    @cached_property
    def guard(self) -> Guard:
        """What plugins are held to; first asked for before any of them sees the network, inside `model.active()`."""
        return Guard(self.model, self.rows)

    @property
    def operators(self) -> tuple[Operator, ...]:
        """The first that the model takes of each family, so that a method has some that are foreign to it."""
        allowed: list[list[Operator]] = [
            [each for each in family if self.model.refusal(each) is None] for family in FAMILIES
        ]
        return tuple(each[0] for each in allowed if each)

    def refuse(self) -> NoReturn:
        """There is nothing to explain.

        Raises:
            Unsupported: why.
            InvalidNumbers: the network gives no finite numbers.
        """
        if self.invalid:
            raise InvalidNumbers(self.invalid)
        raise Unsupported(next(iter(self.left_out.values()), "there are no texts"))

    def require(self, operator: Operator) -> None:
        """Raises Unsupported where the tokenizer lacks what the operator puts in, or the network does not allow it."""
        reason = self.model.refusal(operator)
        if reason is not None:
            raise Unsupported(f"{reason}; operators here: {', '.join(self.model.operators)}")

    def rows_for(self, how: How) -> tuple[Encoded, ...]:
        """The rows with the target that a metric looks at."""
        if how == self.target:
            return self.rows
        if how not in self._aimed:
            self._aimed[how] = tuple(self.model.decide(self.rows, how))
        return self._aimed[how]


def prepare(
    model: Model,
    examples: Sequence[Example],
    how: How,
    granularity: Granularity,
    advance: Advance = lambda *step: None,
    network: Mapping[str, Any] | None = None,
) -> Prepared:
    """Rows with their targets; texts that cannot be explained are left out with their reason.

    Call it inside `model.active()`.

    Raises:
        AttrimarkError: two texts have one id, by which their values would be mixed up.
    """
    twice = [name for name, count in Counter(example.id for example in examples).items() if count > 1]
    if twice:
        raise AttrimarkError(f"two texts have the id {twice[0]!r}: give each its own")
    rows, left_out, invalid = [], {}, None
    for example in examples:
        try:
            # a head that decides each label for itself may give one text several rows, or none
            rows += model.decide([model.encode(example, granularity)], how)
        except InvalidNumbers as error:
            left_out[example.id] = invalid = str(error)
        except Unsupported as refusal:
            left_out[example.id] = str(refusal)
    evaluator = SubsetEvaluator(model, advanced=lambda done, wanted: advance("subsets", done, wanted))
    return Prepared(model, tuple(examples), tuple(rows), left_out, how, evaluator, advance, network or {}, invalid)
