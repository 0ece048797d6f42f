"""Suites, as `benchmarks.toml` names them. The file is data: nothing in it is imported, run or expanded.

What a suite says outside its matrices is the default for all of them; a suite without any
`[[suites.NAME.matrix]]` is one matrix made of its own keys. A plugin is a name, or a table of a name, options
and `as`, what the suite calls it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from attrimark_registry.catalog import Catalog
from attrimark_registry.names import nearest
from attrimark_registry.plugin import Kind, ModelMetric, Plugin, PopulationMetric
from attrimark_registry.removal import Operator
from attrimark_registry.text import Granularity
from pydantic import BeforeValidator, Field, ValidationError

from attrimark.suite.choices import Pooling
from attrimark.suite.duration import seconds
from attrimark.suite.suite import MOST_OF_EXPLANATIONS, MOST_PRIMARY, Matrix, Suite

from .complaints import complaints_of, keys_inside, must_be, unknown_key, validated
from .document import Complaint, ConfigError, Document, read_document
from .locate import KeyPath
from .members import names_of, not_among
from .references import read_plugin, same_name, with_steps

__all__ = ["ConfigError", "Matrix", "Suite", "read_suite", "read_suites"]

LONGEST_NAME = 100
SUITE_NAME = re.compile(rf"\w[\w .+-]{{0,{LONGEST_NAME - 1}}}")
AtLeastOne = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]

SUITE_KEYS: Mapping[str, Any] = {
    "title": str,
    "seed": Seed,
    "replicates": AtLeastOne,
    "isolate": bool,
    "primary": Annotated[tuple[str, ...], Field(min_length=1, max_length=MOST_PRIMARY)],
    "margin": Annotated[float, Field(gt=0, lt=1)],
    "store_text": bool,
    "timeout": Annotated[float, BeforeValidator(seconds)],
}
PLUGIN_KEYS: Mapping[str, Kind] = {
    "datasets": "dataset",
    "models": "model",
    "quantizers": "quantizer",
    "methods": "method",
    "metrics": "metric",
}
PLAIN_KEYS: Mapping[str, Any] = {
    "seeds": AtLeastOne | Annotated[tuple[Seed, ...], Field(min_length=1)],
    "operator": Operator,
    "operators": Annotated[tuple[Operator, ...], Field(min_length=1)],
    "target": Annotated[str, Field(min_length=1)],
    "granularity": Granularity,
    "pooling": Pooling,
    "explain": AtLeastOne,
    "train": AtLeastOne,
    "each_token": bool,
}
MATRIX_KEYS = tuple(each.name for each in fields(Matrix))
REQUIRED = ("datasets", "models", "methods", "metrics")


def read_suites(path: Path, catalog: Catalog) -> dict[str, Suite]:
    """All suites of a file, by name.

    Raises:
        ConfigError: all that is wrong, one line each.
    """
    document = read_document(path)
    return _read(document, list(_tables(document)), catalog)


def read_suite(path: Path, name: str, catalog: Catalog) -> Suite:
    """One suite. Others in the file are not looked at: they may name plugins that are not installed here.

    Raises:
        ConfigError: all that is wrong with it, one line each; or there is no suite of that name.
    """
    document = read_document(path)
    known = _tables(document)
    if name not in known:
        there_are = ", ".join(known)
        unknown = f'no suite named "{name}" (there are: {there_are}){nearest(name, known)}'
        raise document.error([Complaint((), unknown)])
    return _read(document, [name], catalog)[name]


def _tables(document: Document) -> Mapping[str, Any]:
    suites = document.data.get("suites")
    complaints = [Complaint((key,), unknown_key(key, ["suites"])) for key in document.data if key != "suites"]
    if not isinstance(suites, dict) and suites is not None:
        complaints.append(Complaint(("suites",), must_be("a table", suites)))
    elif not suites and not complaints:
        complaints.append(Complaint((), "there are no suites: write a table [suites.NAME]"))
    if complaints or not isinstance(suites, dict):
        raise document.error(complaints)
    return suites


def _read(document: Document, names: Sequence[str], catalog: Catalog) -> dict[str, Suite]:
    reader = _Reader(catalog, Path(document.name))
    suites = {name: reader.suite(name, document.data["suites"][name]) for name in names}
    if reader.complaints:
        raise document.error(reader.complaints)
    return {name: suite for name, suite in suites.items() if suite}


@dataclass(frozen=True)
class _Reader:
    """Reads on after an error, so that all are told at once; what it returns counts only without one."""

    catalog: Catalog
    file: Path
    complaints: list[Complaint] = field(default_factory=list)
    named: list[tuple[KeyPath, Plugin]] = field(default_factory=list)

    def suite(self, name: str, given: Any) -> Suite | None:
        path = ("suites", name)
        self.named.clear()
        if not SUITE_NAME.fullmatch(name):
            return self.complain(
                path,
                f"a suite's name is the name of a folder: at most {LONGEST_NAME} letters, digits, spaces and any of "
                "_ - . +, beginning with a letter or a digit",
            )
        if not isinstance(given, dict):
            return self.complain(path, must_be("a table", given))
        of_studies = {key: kind for study in self.catalog.studies for key, kind in study.keys().items()}
        own, asks = (
            {key: self.plain(kind, given[key], (*path, key)) for key, kind in kinds.items() if key in given}
            for kinds in (SUITE_KEYS, of_studies)
        )
        rows = given.get("matrix", [{}])
        rest = {key: value for key, value in given.items() if key not in (*SUITE_KEYS, *of_studies, "matrix")}
        defaults = self.keys(rest, path, (*SUITE_KEYS, *of_studies, "matrix", *MATRIX_KEYS))
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            return self.complain((*path, "matrix"), f"must be tables: write [[suites.{name}.matrix]] above each")
        matrices = []
        for index, row in enumerate(rows):
            where = (*path, "matrix", index) if "matrix" in given else path
            matrices.append(self.matrix({**defaults, **self.keys(row, where, MATRIX_KEYS)}, where))
        self.gating(own.get("primary"), [matrix for matrix in matrices if matrix], (*path, "primary"))
        self.complaints.extend(same_name(self.named))
        if self.complaints:
            return None
        suite = Suite(name, tuple(matrices), file=self.file, asks=asks, **own)
        for study in self.catalog.studies:
            self.complaints.extend(Complaint((*path, *each.path), each.message) for each in study.check(suite))
        captures = dict.fromkeys(each for study in self.catalog.studies for each in study.captures(suite))
        return replace(suite, captures=tuple(captures))

    def gating(self, primary: Sequence[str] | None, matrices: Sequence[Matrix], path: KeyPath) -> None:
        """What gates a build must be measured here: of explanations or of a model, not over seeds."""
        if self.complaints:
            return  # a matrix that could not be read may have it
        metrics = [each for matrix in matrices for each in matrix.metrics if not isinstance(each, PopulationMetric)]
        for index, value in enumerate(primary or ()):
            self.complaints.extend(not_among(value, names_of(metrics), (*path, index)))
        judging = {each.digest: each for each in metrics if not isinstance(each, ModelMetric)}.values()
        of_explanations = [name for name in primary or () if any(each.goes_by(name) for each in judging)]
        if len(of_explanations) > MOST_OF_EXPLANATIONS:
            several = (
                f"at most {MOST_OF_EXPLANATIONS} metrics of explanations may be primary: they share one error rate"
            )
            self.complain(path, f"{several}, and {', '.join(of_explanations)} are {len(of_explanations)}")

    def keys(self, given: Mapping[str, Any], path: KeyPath, allowed: Sequence[str]) -> dict[str, Any]:
        """The values of a matrix's keys, where they are written; None where a value is wrong."""
        values: dict[str, Any] = {}
        for key, value in given.items():
            where = (*path, key)
            if key in PLAIN_KEYS:
                values[key] = self.plain(PLAIN_KEYS[key], value, where)
            elif key in PLUGIN_KEYS:
                values[key] = self.items(value, where, partial(self.plugin, PLUGIN_KEYS[key]))
            elif key == "strategies":
                values[key] = self.items(value, where, self.chain)
            else:
                self.complain(where, unknown_key(key, allowed))
        return values

    def matrix(self, values: dict[str, Any], path: KeyPath) -> Matrix | None:
        missing = [f'"{key}"' for key in REQUIRED if key not in values]
        if missing:
            self.complain(path, f"missing {', '.join(missing)}")
        if self.complaints:
            return None
        if isinstance(values.get("seeds"), int):
            values["seeds"] = tuple(range(values["seeds"]))  # seeds = 3 is short for [0, 1, 2]
        values.setdefault("quantizers", (self.catalog.make("quantizer", "none"),))
        return Matrix(**values)

    def plain(self, kind: Any, given: Any, path: KeyPath) -> Any:
        try:
            value = validated(kind, given)
        except ValidationError as error:
            self.complaints.extend(complaints_of(error, given, path, keys_inside(kind)))
            return None
        if isinstance(value, tuple):
            self.different(value, path)
        return value

    def items(self, given: Any, path: KeyPath, read: Callable[[Any, KeyPath], Any]) -> tuple[Any, ...]:
        """A list's elements, each read; they must differ."""
        if not isinstance(given, list) or not given:
            self.complain(path, must_be("a list of one or more", given))
            return ()
        values = tuple(read(each, (*path, index)) for index, each in enumerate(given))
        self.different(values, path)
        return values

    def different(self, values: tuple[Any, ...], path: KeyPath) -> None:
        for index, value in enumerate(values):
            first = values.index(value)
            if value is not None and first < index:
                self.complain((*path, index), f"the same as {path[-1]}[{first}]: name each once")

    def chain(self, given: Any, path: KeyPath) -> tuple[Plugin, ...] | None:
        """A step or a list of steps, without those that do nothing."""
        if not isinstance(given, list):
            steps = [self.step(given, path)]
        elif given:
            steps = [self.step(each, (*path, index)) for index, each in enumerate(given)]
        else:
            return self.complain(path, 'must not be empty: "none" is the model as loaded')
        return tuple(step for step in steps if step and step.name != "none") if all(steps) else None

    def step(self, given: Any, path: KeyPath) -> Plugin | None:
        return self.noted(read_plugin(with_steps(self.catalog), "strategy", given, path, self.complaints), path)

    def noted(self, plugin: Plugin | None, path: KeyPath) -> Plugin | None:
        if plugin:
            self.named.append((path, plugin))
        return plugin

    def plugin(self, kind: Kind, given: Any, path: KeyPath) -> Plugin | None:
        return self.noted(read_plugin(self.catalog, kind, given, path, self.complaints), path)

    def complain(self, path: KeyPath, message: str) -> None:
        self.complaints.append(Complaint(path, message))
