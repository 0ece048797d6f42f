"""Labelled texts."""

from attrimark_registry import Dataset, hookimpl

from .infopinion import InfOpinion
from .planted import Planted
from .rated_snippets import RatedSnippets
from .sst2 import Sst2
from .text_file import TextFile


@hookimpl
def register_datasets() -> list[type[Dataset]]:
    return [InfOpinion, Planted, RatedSnippets, Sst2, TextFile]
