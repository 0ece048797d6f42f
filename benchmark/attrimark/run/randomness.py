"""Common random numbers: the same draws for the same text, whatever else varies."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from attrimark_registry.plugin import Plugin


def generator_for(suite_seed: int, plugin: Plugin, example: str, replicate: int = 0) -> np.random.Generator:
    """A generator seeded from the suite's seed, the plugin's name and options, the text and the replicate.

    Nothing else enters (no weights, training seed, target or version), so that comparisons stay paired.
    """
    return generator_of(suite_seed, plugin.name, plugin.model_dump(mode="json"), example, replicate)


def generator_of(*parts: Any) -> np.random.Generator:
    """A generator seeded from a hash of plain values."""
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))
