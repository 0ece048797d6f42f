"""Which plugins are installed: found through entry points, one at a time, so that a broken one breaks nothing else."""

from __future__ import annotations

import inspect
import os
import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from importlib.metadata import Distribution, EntryPoint, distributions
from types import MappingProxyType
from typing import Any, get_args

import pluggy
from pydantic import ValidationError

from . import hookspecs
from .errors import AttrimarkError
from .names import nearest
from .plugin import KINDS, ROLES, Kind, Plugin
from .process_state import ProcessState

GROUP = "attrimark"
ALLOWED = "ATTRIMARK_PLUGINS"
NAMED = ("studies", "renderers", "commands")  # what hooks return beside plugins: values with a name


def new_manager() -> pluggy.PluginManager:
    """A plugin manager that knows the hooks and nothing else."""
    manager = pluggy.PluginManager("attrimark")
    manager.add_hookspecs(hookspecs)
    return manager


@dataclass(frozen=True)
class Entry:
    """One installed plugin and the distribution it came from."""

    plugin: type[Plugin]
    distribution: str


@dataclass(frozen=True)
class Broken:
    """An entry point that could not be used, and why."""

    entry_point: str
    distribution: str
    reason: str
    details: str  # the traceback


@dataclass(frozen=True)
class Catalog:
    """What is installed, by kind and name.

    Attributes:
        studies: questions that are asked of results, those of attrimark itself first.
        renderers: formats of other distributions.
        commands: commands of other distributions.
    """

    entries: Mapping[Kind, Mapping[str, Entry]]
    broken: tuple[Broken, ...] = ()
    studies: tuple[Any, ...] = ()
    renderers: tuple[Any, ...] = ()
    commands: tuple[Any, ...] = ()
    manager: pluggy.PluginManager = field(default_factory=new_manager, compare=False, repr=False)

    def __iter__(self) -> Iterator[Entry]:
        return (entry for kind in self.entries.values() for entry in kind.values())

    def find(self, kind: Kind, name: str) -> type[Plugin]:
        """The plugin class of that name.

        Raises:
            AttrimarkError: there is none; the message names the nearest.
        """
        known = self.entries[kind]
        if name in known:
            return known[name].plugin
        hint = nearest(name, known) or f"; installed: {', '.join(sorted(known))}"
        chosen = os.environ.get(ALLOWED)
        others = f"; {ALLOWED}={chosen} switches plugins of other distributions off" if chosen else ""
        raise AttrimarkError(f'no {kind} named "{name}"{hint}{others}')

    def make(self, kind: Kind, name: str, /, **options: Any) -> Plugin:
        """A plugin with its options.

        Raises:
            AttrimarkError: there is no such plugin, or its options are wrong; the message lists what it takes.
        """
        plugin = self.find(kind, name)
        try:
            return plugin(**options)
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            takes = ", ".join(plugin.model_fields) or "none"
            raise AttrimarkError(f"{kind} {name}: {wrong} (its options: {takes})") from error


def load_catalog() -> Catalog:
    """A fresh catalog of every entry point in the group `attrimark`.

    A distribution is listed in `broken` if it cannot be imported, if importing it changes the process (its directory,
    torch's defaults, the code of networks), or if its hooks fail or return something else than plugins; so are plugins
    of one kind and name, but for attrimark's own. What is printed meanwhile goes to standard error.

    `ATTRIMARK_PLUGINS` names the other distributions whose plugins are used, separated by commas; `none` is none.
    """
    manager = new_manager()
    broken: list[Broken] = []
    found: list[tuple[Kind, Entry]] = []
    named: dict[str, dict[str, tuple[Any, str]]] = {hook: {} for hook in NAMED}
    # those of attrimark itself come first
    for name, distribution in sorted(_allowed(_installed()).items(), key=lambda pair: pair[0] != GROUP):
        for point in _points(name, distribution, broken):
            try:
                with redirect_stdout(sys.stderr), _leaving_the_process(name):
                    plugins, values = _returned(name, point, manager, named)
                found += plugins
                for hook, value in values:
                    named[hook][value.name] = value, name
            # plugins are strangers' code: SystemExit and SyntaxError must not end the program
            except (Exception, SystemExit) as error:
                broken.append(_broken(point.name, name, error))
    entries: dict[Kind, dict[str, Entry]] = {kind: {} for kind in KINDS}
    for (kind, name), twins in _by_name(found).items():
        ours = [entry for entry in twins if _is_ours(entry)]
        if len(ours) == 1 or len(twins) == 1:
            entries[kind][name] = (ours or twins)[0]
        broken += _taken(kind, twins)
    kinds = MappingProxyType[Kind, Mapping[str, Entry]](
        {kind: MappingProxyType(each) for kind, each in entries.items()}
    )
    values = {hook: tuple(value for value, _ in by_name.values()) for hook, by_name in named.items()}
    return Catalog(kinds, tuple(broken), manager=manager, **values)


@contextmanager
def _leaving_the_process(distribution: str) -> Iterator[None]:
    """A stranger's module is imported by every command and every worker, whose numbers it must not change.

    Raises:
        AttrimarkError: it changed something; it is put back.
    """
    if distribution == GROUP:
        yield
        return
    before = ProcessState.now()
    try:
        yield
    finally:
        moved = before.moved()
        before.restore()
    if moved:
        raise AttrimarkError(
            f"when it is imported, it changes {', '.join(moved[:3])}, for every plugin: it may do so in its own calls, "
            "and has to put back what it changed"
        )


def _by_name(found: Iterable[tuple[Kind, Entry]]) -> dict[tuple[Kind, str], list[Entry]]:
    by_name: dict[tuple[Kind, str], list[Entry]] = {}
    for kind, entry in found:
        by_name.setdefault((kind, entry.plugin.name), []).append(entry)
    return by_name


def _taken(kind: Kind, twins: Sequence[Entry]) -> Iterator[Broken]:
    """The plugins of one name, but for attrimark's own: which of them a suite means cannot be told."""
    if len(twins) > 1:
        where = " and ".join(f"{each.distribution} ({each.plugin.__module__})" for each in twins)
        name = twins[0].plugin.name
        reason = f'{len(twins)} {kind} plugins are named "{name}": from {where}; uninstall or rename one'
        yield from (Broken(f"{kind} {name}", each.distribution, reason, reason) for each in twins if not _is_ours(each))


def _is_ours(entry: Entry) -> bool:
    return entry.distribution == GROUP


def _allowed(installed: Mapping[str, Distribution]) -> dict[str, Distribution]:
    """attrimark, and those of the others whose plugins the environment allows."""
    chosen = os.environ.get(ALLOWED, "")
    names = {_normal(name) for name in chosen.split(",")}
    return {name: each for name, each in installed.items() if not chosen or name == GROUP or _normal(name) in names}


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution.strip()).lower()


def _installed() -> dict[str, Distribution]:
    """Distributions by name, in a fixed order; the first of a name on the path counts, as for imports."""
    found = {distribution.name or "unknown": distribution for distribution in reversed(list(distributions()))}
    return dict(sorted(found.items()))


def _points(name: str, distribution: Distribution, broken: list[Broken]) -> list[EntryPoint]:
    """A distribution's entry points; none where their file cannot be read, which is told if it speaks of us."""
    try:
        return list(distribution.entry_points.select(group=GROUP))
    except Exception as error:
        if GROUP in (distribution.read_text("entry_points.txt") or ""):
            broken.append(_broken("entry_points.txt", name, error))
        return []


def _broken(point: str, distribution: str, error: BaseException) -> Broken:
    details = "".join(traceback.format_exception(error))
    return Broken(point, distribution, f"{type(error).__name__}: {error}", details)


def _returned(
    distribution: str,
    point: EntryPoint,
    manager: pluggy.PluginManager,
    taken: Mapping[str, Mapping[str, tuple[Any, str]]],
) -> tuple[list[tuple[Kind, Entry]], list[tuple[str, Any]]]:
    """Import and register one entry point, and call its hooks alone: its plugins, and what else it registers.

    Args:
        taken: by hook and name, the values of other distributions, each with its distribution.
    """
    name = f"{distribution}:{point.name}"
    module = point.load()
    manager.register(module, name)
    try:
        manager.check_pending()
        classes: list[tuple[Kind, Any]] = [
            (kind, plugin) for kind in get_args(Kind) for plugin in _called(manager, _plural(kind), name)
        ]
        for kind, plugin in classes:
            _check(kind, plugin)
        values = [(hook, value) for hook in NAMED for value in _called(manager, hook, name)]
        for hook, value in values:
            if not isinstance(getattr(value, "name", None), str):
                raise TypeError(f"register_{hook} returned {value!r}, which has no name")
            if twin := taken[hook].get(value.name):
                raise AttrimarkError(f'two {hook} are named "{value.name}": from {twin[1]} and {distribution}')
    except (Exception, SystemExit):
        manager.unregister(name=name)
        raise
    return [(kind, Entry(plugin, distribution)) for kind, plugin in classes], values


def _called(manager: pluggy.PluginManager, hook: str, name: str) -> list[Any]:
    """What one module returns from a hook that registers."""
    implementations = getattr(manager.hook, f"register_{hook}").get_hookimpls()
    return [each for one in implementations if one.plugin_name == name for each in one.function()]


def _check(kind: Kind, plugin: Any) -> None:
    if not (inspect.isclass(plugin) and issubclass(plugin, KINDS[kind])):
        raise TypeError(f"register_{_plural(kind)} returned {plugin!r}, which is no {KINDS[kind].__name__} class")
    if not issubclass(plugin, ROLES.get(kind, Plugin)):
        roles = ", ".join(each.__name__ for each in ROLES[kind])
        raise TypeError(f"{plugin.__name__} is a bare {KINDS[kind].__name__}: derive it from one of {roles}")
    if inspect.isabstract(plugin):
        raise TypeError(f"{plugin.__name__} does not implement {', '.join(sorted(plugin.__abstractmethods__))}")
    if not isinstance(getattr(plugin, "name", None), str):
        raise TypeError(f"{plugin.__name__} has no name")
    if kind == "method" and plugin.name == "chance":
        raise AttrimarkError('tables call the control "chance": choose another name for the method')


def _plural(kind: Kind) -> str:
    return "strategies" if kind == "strategy" else f"{kind}s"
