"""What commands print: no text of a dataset, and no message of a plugin, commands the terminal."""

from __future__ import annotations

from typing import Any

import click

from attrimark.document.characters import json_text
from attrimark.screen.text import screen


def say(text: str = "", err: bool = False) -> None:
    """Lines, to standard output or standard error."""
    click.echo(screen(text), err=err)


def say_json(value: Any) -> None:
    """A value as JSON, to standard output."""
    click.echo(json_text(value))
