"""What the outputs of a classifier are called, where somebody says which labels are meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .errors import AttrimarkError


def output_names(own: Mapping[int, object], labels: Sequence[str] | None = None) -> list[str]:
    """The name of each output, in the order of the outputs.

    Outputs keep their own names, in whatever order and case `labels` lists these. Only outputs that were never named
    (LABEL_0, LABEL_1, …, as transformers calls them) take the names that `labels` gives, in order.

    Args:
        own: by the output's index (`config.id2label`); numbers are read as text.

    Raises:
        AttrimarkError: two outputs have one name; the labels are others than the network's, more, fewer, or one of them
            twice.
    """
    names = [str(own[index]) for index in sorted(own)]
    if (both := same_name(names)) is not None:
        first, second = both
        raise AttrimarkError(
            f"outputs {first} and {second} of the network are both named {names[first]}: give each its own name in "
            "id2label of the network's configuration (config.json)"
        )
    if labels is None:
        return names
    if sorted(map(str.casefold, names)) == sorted(map(str.casefold, labels)):
        return names
    unnamed = names == [f"LABEL_{index}" for index in range(len(names))]
    if unnamed and len(set(labels)) == len(labels) == len(names):
        return list(labels)
    remedy = f"name {len(names)} different ones, in the order of its outputs" if unnamed else "pass these, or no labels"
    raise AttrimarkError(f"labels: the network has {', '.join(names)}, and not {', '.join(labels)}: {remedy}")


def same_name(names: Sequence[str]) -> tuple[int, int] | None:
    """The first two places that hold one name, or None."""
    for second, name in enumerate(names):
        if (first := names.index(name)) < second:
            return first, second
    return None
