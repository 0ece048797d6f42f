"""What an attack makes of a prompt: strings put around it, examples put before it, another language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrimark_registry import AttrimarkError


def with_suffix(prompt: str, suffix: str) -> str:
    """The prompt, a space, and the string: as in Zou et al., arXiv 2307.15043."""
    return f"{prompt} {suffix}"


def with_prefix(prompt: str, prefix: str) -> str:
    """The string, a space, and the prompt."""
    return f"{prefix} {prompt}"


def many_shot(prompt: str, shots: Sequence[tuple[str, str]], power: int) -> str:
    """2^power questions with their answers before the prompt, which stands as the next question: Anil et al. (2024).

    Raises:
        AttrimarkError: there are fewer than 2^power shots.
    """
    count = 2**power
    if count > len(shots):
        raise AttrimarkError(f"{count} shots are asked for, and there are {len(shots)}")
    answered = (f"Q: {question}\nA: {answer}\n" for question, answer in shots[:count])
    return f"{''.join(answered)}Q: {prompt}\nA:"


def translated(row: Mapping[str, Any], column: str) -> str:
    """The prompt in another language, as its row holds it.

    Raises:
        AttrimarkError: the row has no text there.
    """
    text = row.get(column)
    if not isinstance(text, str) or not text.strip():
        raise AttrimarkError(f'the row has no text in its column "{column}"')
    return text
