"""Warnings on standard error: what they quote of texts and plugins does not command the terminal."""

from __future__ import annotations

import logging

from attrimark.screen.text import screen


def to_standard_error() -> None:
    """From now on, unless a program that uses attrimark has its own handlers."""
    if logging.lastResort:
        logging.lastResort.setFormatter(_Screen())


class _Screen(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return screen(super().format(record))
