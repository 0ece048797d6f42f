"""Our own studies, found as those of other distributions are."""

from __future__ import annotations

from attrimark_registry.hookspecs import hookimpl

from . import built_in
from .study import Study


@hookimpl
def register_studies() -> list[Study]:
    return built_in()
