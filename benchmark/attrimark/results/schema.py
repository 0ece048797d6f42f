"""The schema of the store's database: one numbered function for each released version, never changed afterwards."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrimark_registry.attribution import Measure

from .packed import Values, packed


def _records_and_measures(database: sqlite3.Connection) -> None:
    """Cells, how each metric ended on them, and its values (of no type, so that SQLite converts none)."""
    database.execute(
        """CREATE TABLE cells (
            cell TEXT NOT NULL PRIMARY KEY,
            status TEXT NOT NULL CHECK (status IN ('ok', 'unsupported', 'failed')),
            reason TEXT,
            specs TEXT NOT NULL,
            own TEXT NOT NULL,
            actual TEXT NOT NULL,
            left_out TEXT NOT NULL,
            bundle TEXT,
            machine TEXT NOT NULL
        )"""
    )
    database.execute(
        """CREATE TABLE metrics (
            cell TEXT NOT NULL REFERENCES cells ON DELETE CASCADE,
            metric TEXT NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('ok', 'unsupported', 'failed')),
            reason TEXT,
            PRIMARY KEY (cell, metric)
        )"""
    )
    database.execute(
        """CREATE TABLE measures (
            cell TEXT NOT NULL,
            metric TEXT NOT NULL,
            example TEXT NOT NULL,
            operator TEXT NOT NULL,
            value,
            diagnostics TEXT NOT NULL,
            PRIMARY KEY (cell, metric, example, operator),
            FOREIGN KEY (cell, metric) REFERENCES metrics ON DELETE CASCADE
        )"""
    )


def _networks(database: sqlite3.Connection) -> None:
    """What was found of each cell's network before it was explained."""
    database.execute("ALTER TABLE cells ADD COLUMN network TEXT NOT NULL DEFAULT '{}'")


def _rows_of_values(database: sqlite3.Connection) -> None:
    """A row of values for each cell, metric and operator; what cells share once; one digest over all of a cell."""
    for table in ("cells", "metrics", "measures"):
        database.execute(f"ALTER TABLE {table} RENAME TO former_{table}")
    database.execute(
        """CREATE TABLE cells (
            key INTEGER PRIMARY KEY,
            cell TEXT NOT NULL UNIQUE,
            status TEXT NOT NULL CHECK (status IN ('ok', 'unsupported', 'failed')),
            cause TEXT,
            reason TEXT,
            specs TEXT NOT NULL,
            own TEXT NOT NULL,
            actual TEXT NOT NULL,
            left_out INTEGER NOT NULL REFERENCES documents,
            bundle TEXT,
            machine INTEGER NOT NULL REFERENCES documents,
            network INTEGER NOT NULL REFERENCES documents,
            plugins INTEGER NOT NULL REFERENCES documents,
            digest BLOB
        )"""
    )
    database.execute(
        """CREATE TABLE metrics (
            cell INTEGER NOT NULL REFERENCES cells ON DELETE CASCADE,
            place INTEGER NOT NULL,
            metric INTEGER NOT NULL REFERENCES documents,
            status TEXT NOT NULL CHECK (status IN ('ok', 'unsupported', 'failed')),
            reason TEXT,
            PRIMARY KEY (cell, place)
        ) WITHOUT ROWID"""
    )
    database.execute(
        """CREATE TABLE measures (
            cell INTEGER NOT NULL REFERENCES cells ON DELETE CASCADE,
            place INTEGER NOT NULL,
            metric INTEGER NOT NULL REFERENCES documents,
            operator TEXT NOT NULL,
            texts INTEGER NOT NULL REFERENCES documents,
            "values" BLOB NOT NULL,
            diagnostics TEXT NOT NULL,
            PRIMARY KEY (cell, place)
        ) WITHOUT ROWID"""
    )
    database.execute(
        "CREATE TABLE documents (key INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, content TEXT NOT NULL)"
    )
    former = database.execute(
        "SELECT cell, status, reason, specs, own, actual, left_out, bundle, machine, network FROM former_cells "
        "ORDER BY rowid"
    )
    for cell, status, reason, specs, own, actual, left_out, bundle, machine, network in former.fetchall():
        shared = [document(database, each) for each in (left_out, machine, network, "{}")]
        values = cell, status, None, reason, specs, own, actual, shared[0], bundle, *shared[1:]
        key = insert_cell(database, values)
        metrics = database.execute(
            "SELECT metric, status, reason FROM former_metrics WHERE cell = ? ORDER BY rowid", (cell,)
        )
        for place, (metric, status, reason) in enumerate(metrics.fetchall()):
            insert_metric(database, key, place, metric, status, reason)
        measures = database.execute(
            "SELECT metric, example, operator, value, diagnostics FROM former_measures WHERE cell = ? ORDER BY rowid",
            (cell,),
        )
        insert_values(database, key, 0, packed(_former_measure(*each) for each in measures.fetchall()))
        seal(database, key)
    for table in ("measures", "metrics", "cells"):
        database.execute(f"DROP TABLE former_{table}")


def _former_measure(metric: str, example: str, operator: str, value: Any, diagnostics: str) -> Measure:
    return Measure(metric, example, operator, None if value is None else float(value), json.loads(diagnostics))


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_records_and_measures, _networks, _rows_of_values)


# Writing rows


def document(database: sqlite3.Connection, content: str) -> int:
    """The key of a text that many rows share."""
    sha256 = hashlib.sha256(content.encode()).digest()
    database.execute("INSERT OR IGNORE INTO documents (hash, content) VALUES (?, ?)", (sha256, content))
    return database.execute("SELECT key FROM documents WHERE hash = ?", (sha256,)).fetchone()[0]


def insert_cell(database: sqlite3.Connection, values: Iterable[Any]) -> int:
    """A cell without its metrics, whose key is returned; `seal` comes after these."""
    names = CELL.removeprefix("key, ").removesuffix(", digest")
    marks = ", ".join("?" for _ in names.split(","))
    inserted = database.execute(f"INSERT INTO cells ({names}) VALUES ({marks})", tuple(values))
    assert inserted.lastrowid is not None
    return inserted.lastrowid


def insert_metric(
    database: sqlite3.Connection, cell: int, place: int, metric: str, status: str, reason: str | None
) -> None:
    key = document(database, metric)
    database.execute("INSERT INTO metrics VALUES (?, ?, ?, ?, ?)", (cell, place, key, status, reason))


def insert_values(database: sqlite3.Connection, cell: int, place: int, rows: Iterable[Values]) -> None:
    """Rows from that place on."""
    for number, row in enumerate(rows, place):
        keys = document(database, row.metric), document(database, json.dumps(row.texts))
        values = (cell, number, keys[0], row.operator, keys[1], row.blob, row.notes)
        database.execute("INSERT INTO measures VALUES (?, ?, ?, ?, ?, ?, ?)", values)


# What holds a cell together

CELL = "key, cell, status, cause, reason, specs, own, actual, left_out, bundle, machine, network, plugins, digest"
_SHARED = (8, 10, 11, 12)  # columns of a cell that are keys of documents


def whole(cell: tuple[Any, ...], contents: Mapping[Any, str]) -> tuple[Any, ...]:
    """A row of cells with what it shares with others."""
    return tuple(contents[each] if place in _SHARED else each for place, each in enumerate(cell))


def digest_of(cell: tuple[Any, ...], metrics: Iterable[tuple[Any, ...]], measures: Iterable[tuple[Any, ...]]) -> bytes:
    """A hash of all that is stored of a cell, each part with its length.

    Args:
        cell: a row of cells, whole.
        metrics: place, metric, status, reason.
        measures: place, metric, operator, texts, values, diagnostics.
    """
    parts = [
        part if isinstance(part, bytes) else repr(part).encode(errors="surrogatepass")
        for row in (cell[1:-1], *metrics, *measures)
        for part in row
    ]
    return hashlib.sha256(b"".join([b"%d:%b" % (len(part), part) for part in parts])).digest()


def seal(database: sqlite3.Connection, key: int) -> None:
    """Write the digest of a cell whose rows are all there."""
    database.execute("UPDATE cells SET digest = ? WHERE key = ?", (digest_at(database, key), key))


def digest_at(database: sqlite3.Connection, key: int) -> bytes:
    """The digest of what is stored of a cell now."""
    cell = database.execute(f"SELECT {CELL} FROM cells WHERE key = ?", (key,)).fetchone()
    metrics = database.execute(
        "SELECT place, content, status, reason FROM metrics JOIN documents ON documents.key = metric "
        "WHERE cell = ? ORDER BY place",
        (key,),
    )
    measures = database.execute(
        'SELECT place, named.content, operator, texts.content, "values", diagnostics FROM measures '
        "JOIN documents AS named ON named.key = metric JOIN documents AS texts ON texts.key = texts "
        "WHERE cell = ? ORDER BY place",
        (key,),
    )
    contents = {each: _content(database, each) for place, each in enumerate(cell) if place in _SHARED}
    return digest_of(whole(cell, contents), metrics, measures)


def _content(database: sqlite3.Connection, key: int) -> str:
    return database.execute("SELECT content FROM documents WHERE key = ?", (key,)).fetchone()[0]
