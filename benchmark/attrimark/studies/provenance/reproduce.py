"""A part of a suite written as a suite of its own, in TOML: what computes those cells again, and nothing else."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from attrimark_registry.plugin import Method, Plugin

from attrimark.suite.matrix import Cell, Variant, cells_of
from attrimark.suite.suite import Matrix, Suite

NAME = "part"
_KINDS = ("datasets", "models", "methods", "metrics", "quantizers", "strategies")  # written as plugins
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, eq=False)
class Part:
    """The cells of one variant and method, over its seeds.

    Attributes:
        method: None for the cells of the model alone, which come with every method.
        toml: a file with the one suite `part`.
    """

    variant: Variant
    method: Method | None
    cells: tuple[Cell, ...]
    toml: str


def parts(suite: Suite) -> Iterator[Part]:
    """All cells of a suite, each in one part, in the order of the suite."""
    seen: set[str] = set()
    for matrix in suite.matrices:
        groups: dict[tuple[Variant, Method | None], list[Cell]] = {}
        for cell in cells_of(replace(suite, matrices=(matrix,))):
            groups.setdefault((replace(cell.variant, seed=0), cell.method), []).append(cell)
        for (variant, method), cells in groups.items():
            new = tuple(cell for cell in cells if cell.id not in seen)
            seen |= {cell.id for cell in new}
            if new:
                yield Part(variant, method, new, _written(suite, _narrowed(matrix, variant, method, new)))


def _narrowed(matrix: Matrix, variant: Variant, method: Method | None, cells: Sequence[Cell]) -> Matrix:
    return replace(
        matrix,
        datasets=(variant.dataset,),
        models=(variant.model,),
        strategies=(variant.chain,),
        quantizers=(),  # they are steps of the chain by now
        methods=matrix.methods[:1] if method is None else (method,),
        seeds=tuple(dict.fromkeys(cell.variant.seed for cell in cells)),
    )


def _written(suite: Suite, matrix: Matrix) -> str:
    lines = [f"[suites.{NAME}]"]
    for name in ("seed", "replicates", "isolate", "store_text"):
        lines += _line(name, getattr(suite, name), Suite)
    for name in ("datasets", "models", "methods", "metrics"):
        lines.append(f"{name} = {_value([_plugin(each) for each in getattr(matrix, name)])}")
    chain = [_plugin(step) for step in matrix.strategies[0]]
    lines.append(f"strategies = {_value([chain] if chain else ['none'])}")
    for each in fields(Matrix):
        if each.name not in _KINDS:
            lines += _line(each.name, getattr(matrix, each.name), Matrix)
    return "\n".join((*lines, ""))


def _line(name: str, value: Any, owner: type[Suite] | type[Matrix]) -> list[str]:
    """A key and its value, where it is not the default."""
    default = next(each.default for each in fields(owner) if each.name == name)
    return [] if value == default else [f"{name} = {_value(value)}"]


def _plugin(plugin: Plugin) -> str | dict[str, Any]:
    """The name, or a table of the name and the options that differ from their defaults."""
    options = plugin.model_dump(mode="json", exclude_defaults=True)
    told = {name: value for name, value in options.items() if value is not None}
    told |= {"as": plugin.alias} if plugin.alias else {}
    return {"name": plugin.name, **told} if told else plugin.name


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        # JSON's strings are TOML's, but for the one control character that JSON leaves as it is
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(name)} = {_value(each)}" for name, each in value.items() if each is not None)
        return f"{{ {inside} }}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_value, value))}]"
    raise TypeError(f"TOML has no {type(value).__name__}")
