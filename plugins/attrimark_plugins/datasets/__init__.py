"""Labelled texts."""

from attrimark_registry import Dataset, hookimpl

from .code_compliance import CodeCompliance
from .infopinion import InfOpinion
from .planted import Planted
from .prompt_pairs import PromptPairs
from .rated_snippets import RatedSnippets
from .sst2 import Sst2
from .task_or_not import TaskOrNot
from .text_file import TextFile


@hookimpl
def register_datasets() -> list[type[Dataset]]:
    return [CodeCompliance, InfOpinion, Planted, PromptPairs, RatedSnippets, Sst2, TaskOrNot, TextFile]
