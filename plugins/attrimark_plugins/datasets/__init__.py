"""Labelled texts."""

from attrimark_registry import Dataset, hookimpl

from .planted import Planted
from .rated_snippets import RatedSnippets
from .text_file import TextFile


@hookimpl
def register_datasets() -> list[type[Dataset]]:
    return [Planted, RatedSnippets, TextFile]
