"""Tiny random networks of every architecture that transformers 5.23 classifies or continues texts with.

`build("bert", "classification")` gives the network and its tokenizer. TABLE has the names that can be built, CANNOT the
others with the reason, NAMES all names of the installed transformers' two mappings.
"""

from tests.references.architectures.builder import NAMES, Kind, build
from tests.references.architectures.table import CANNOT, TABLE
from tests.references.architectures.tokenizer import LABELS, VOCABULARY

__all__ = ["CANNOT", "LABELS", "NAMES", "TABLE", "VOCABULARY", "Kind", "build"]
