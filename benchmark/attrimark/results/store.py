"""Where records are kept: one SQLite file for numbers, one folder for bundles of attributions.

The journal is a rollback journal: SQLite's WAL mode has a race (3.7.0 to 3.51.2) that corrupts a file when it
is reset. Every write is one synced transaction, so that a killed process loses at most what it was about to
write. One process writes; others may read. The folder must not be on NFS, whose locks SQLite cannot trust.
"""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from attrimark_registry.attribution import Cost, Measure, Record, Status
from attrimark_registry.errors import AttrimarkError

from attrimark.suite.suite import Suite

from .bundle import SUFFIX, checked, move
from .nothing import Nothing
from .packed import StoredMeasures, Values, packed
from .redaction import Telling, as_told, everything, telling_of
from .schema import (
    CELL,
    MIGRATIONS,
    digest_at,
    digest_of,
    document,
    insert_cell,
    insert_metric,
    insert_values,
    seal,
    whole,
)

log = logging.getLogger("attrimark.results.store")

DATABASE = "store.sqlite"
INSIDE = (DATABASE, f"{DATABASE}-journal", f"{DATABASE}.bak", "bundles", "spool", "outputs", "variants", "figures")

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Damaged(AttrimarkError):
    """Raised when what is stored is not what was stored."""


class Store:
    """Records and bundles under one folder, which is made where it is missing.

    Attributes:
        folder: where all of it is.
        telling: what is told of a reason that is read: it may have been stored while texts were allowed to be.
        spool: where workers write bundles before they are adopted.

    Raises:
        AttrimarkError: from every method, where the folder cannot be used or a write fails; it names the
            path, and the store is as it was before.
    """

    def __init__(self, folder: Path = Path(".attrimark"), telling: Telling = everything) -> None:
        self.folder = folder
        self.telling = telling
        self.path = folder / DATABASE
        self.bundles = folder / "bundles"
        self.spool = folder / "spool"
        with _told(folder):
            for inside in (self.bundles, self.spool):
                inside.mkdir(parents=True, exist_ok=True)
        for name in INSIDE:
            _no_link(folder / name)
        with _told(self.path):
            # autocommit: transactions begin and end where `_transaction` says
            self._database = sqlite3.connect(self.path, timeout=60, isolation_level=None)
        try:
            with _told(self.path):
                _migrate(self._database, self.path)
        except BaseException:
            self._database.close()
            raise

    @classmethod
    def existing(cls, folder: Path, suite: Suite) -> Store:
        """The store that is in a folder, for those that only read: none is made.

        Args:
            suite: whose results are looked for; it says what may be told of them.

        Raises:
            Nothing: there is none.
        """
        if not cls.is_at(folder):
            raise Nothing(
                f"{folder} holds no results: run the suite first (attrimark run {suite.name}), or name the folder that "
                "does"
            )
        return cls(folder, telling_of(suite))

    @staticmethod
    def is_at(folder: Path) -> bool:
        """Whether a folder holds results."""
        return (folder / DATABASE).exists()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    # Reading

    def records(self, cells: Iterable[str]) -> dict[str, Record]:
        """The outcomes of those cells that have one, with their measures, in the order asked.

        Raises:
            Damaged: one of them was altered, or any cell was lost or renamed.
        """
        wanted = dict.fromkeys(cells)
        with _told(self.path), self._snapshot():
            contents = _Contents(self._database)
            rows = [row for row in self._all_cells() if row[1] in wanted]
            keys = json.dumps([row[0] for row in rows])
            metrics = self._rows_of("metrics", "place, metric, status, reason", keys)
            measures = self._rows_of("measures", 'place, metric, operator, texts, "values", diagnostics', keys)
            found = {
                row[1]: _record(row, metrics.get(row[0], []), measures.get(row[0], []), contents, self.path)
                for row in rows
            }
        kept = {cell: found[cell] for cell in wanted if cell in found}
        if self.telling is everything:
            return kept
        return {cell: as_told(record, self.telling) for cell, record in kept.items()}

    def _all_cells(self) -> list[tuple[Any, ...]]:
        """Every row of cells, in the order of the file: what leads to a row may be damaged, and then misses some."""
        rows = self._database.execute(f"SELECT {CELL} FROM cells NOT INDEXED ORDER BY key").fetchall()
        # an index holds each id a second time
        named = self._database.execute("SELECT cell FROM cells INDEXED BY sqlite_autoindex_cells_1")
        if unlike := {row[1] for row in rows} ^ {cell for (cell,) in named}:
            raise _damaged(self.path, f"{len(unlike)} of its results were lost or renamed")
        return rows

    def _rows_of(self, table: str, columns: str, keys: str) -> dict[Any, list[tuple[Any, ...]]]:
        """By the key of their cell, in their order."""
        found: dict[Any, list[tuple[Any, ...]]] = {}
        query = (
            f"SELECT cell, {columns} FROM {table} WHERE cell IN (SELECT value FROM json_each(?)) ORDER BY cell, place"
        )
        for cell, *row in self._database.execute(query, (keys,)):
            found.setdefault(cell, []).append(tuple(row))
        return found

    def cells(self) -> list[str]:
        """The ids of all cells that have an outcome, the latest last."""
        with _told(self.path):
            return [cell for (cell,) in self._database.execute("SELECT cell FROM cells ORDER BY key")]

    def measured(self, cell: str) -> set[str]:
        """The digests of the metrics that have an outcome for this cell, whichever it is."""
        with _told(self.path):
            rows = self._database.execute(
                "SELECT content FROM metrics JOIN documents ON documents.key = metric "
                "WHERE cell = (SELECT key FROM cells WHERE cell = ?)",
                (cell,),
            )
            return {metric for (metric,) in rows}

    def bundle_path(self, sha256: str) -> Path:
        """Where the bundle of that hash is, or would be.

        Raises:
            AttrimarkError: that is no hash, hence no name that may become a path.
        """
        if not _SHA256.fullmatch(sha256):
            raise AttrimarkError(f"{sha256!r} is no sha256, so no bundle of {self.bundles} has that name")
        return self.bundles / f"{sha256}{SUFFIX}"

    def figures(self, suite: str) -> Path:
        """Where the figures of a suite's runs are.

        Raises:
            AttrimarkError: it is a link.
        """
        return _no_link(self.folder / "figures" / suite)

    # Writing

    def save(self, record: Record) -> None:
        """Keep a cell's outcome with its measures, in place of an earlier outcome of that cell."""
        ends: dict[str, tuple[Status, str | None]] = {each.metric: ("ok", None) for each in record.measures}
        ends |= record.metric_status
        shared = (record.left_out, record.machine, record.network, record.plugins)
        with _told(self.path), self._transaction():
            self._database.execute("DELETE FROM cells WHERE cell = ?", (record.cell,))
            left_out, *others = (document(self._database, json.dumps(dict(each))) for each in shared)
            own = [json.dumps(each) for each in (dict(record.specs), asdict(record.own), asdict(record.actual))]
            ended = record.status, record.cause, record.reason
            key = insert_cell(self._database, (record.cell, *ended, *own, left_out, record.bundle, *others))
            for place, (metric, (status, reason)) in enumerate(ends.items()):
                insert_metric(self._database, key, place, metric, status, reason)
            insert_values(self._database, key, 0, packed(record.measures))
            seal(self._database, key)

    def save_metric(
        self,
        cell: str,
        metric: str,
        status: Status,
        reason: str | None = None,
        measures: Sequence[Measure] = (),
    ) -> None:
        """Keep one metric's outcome for a cell that has a record, in place of an earlier one.

        Args:
            reason: why the status is not ok.
            measures: of this metric only.

        Raises:
            AttrimarkError: also where the cell has no record.
        """
        for measure in measures:
            if measure.metric != metric:
                raise ValueError(f"a measure of metric {measure.metric} among those of {metric}")
        with _told(self.path), self._transaction():
            key = self._intact(cell)
            if key is None:
                raise AttrimarkError(f"{self.path}: cell {cell} has no record to add measures to; run it first")
            named = document(self._database, metric)
            places = []
            for table in ("metrics", "measures"):
                self._database.execute(f"DELETE FROM {table} WHERE cell = ? AND metric = ?", (key, named))
                last = self._database.execute(f"SELECT max(place) FROM {table} WHERE cell = ?", (key,)).fetchone()[0]
                places.append(0 if last is None else last + 1)
            insert_metric(self._database, key, places[0], metric, status, reason)
            insert_values(self._database, key, places[1], packed(measures))
            seal(self._database, key)

    def rename(self, former: str, cell: str, network: Mapping[str, Any]) -> None:
        """A cell that has another id now, with what is known of its network."""
        with _told(self.path), self._transaction():
            key = self._intact(former)
            if key is None:
                raise AttrimarkError(f"{self.path}: cell {former} has no record to rename")
            known = document(self._database, json.dumps(dict(network)))
            self._database.execute("UPDATE cells SET cell = ?, network = ? WHERE key = ?", (cell, known, key))
            seal(self._database, key)

    def forget_damaged(self) -> list[str]:
        """Remove what is not what was stored, so that a run computes it again; returns the cells that were altered."""
        with _told(self.path), self._transaction():
            self._database.execute("REINDEX")
            cells = self._database.execute("SELECT key, cell, digest FROM cells NOT INDEXED ORDER BY key").fetchall()
            damaged = {key: cell for key, cell, digest in cells if digest != digest_at(self._database, key)}
            for key in damaged:
                self._database.execute("DELETE FROM cells WHERE key = ?", (key,))
        return list(damaged.values())

    def adopt(self, spooled: Path) -> str:
        """Move a finished bundle out of the spool and give its sha256; again, where that was done already.

        Raises:
            AttrimarkError: its content is not what its name says, it is a link, or it cannot be moved.
        """
        sha256 = spooled.name.removesuffix(SUFFIX)
        kept = self.bundle_path(sha256)
        if not spooled.exists() and kept.exists():
            return sha256
        checked(spooled)
        with _told(kept):
            move(spooled, kept)
        return sha256

    def _intact(self, cell: str) -> int | None:
        """The key of a cell that is what was stored; None where there is none."""
        found = self._database.execute("SELECT key, digest FROM cells WHERE cell = ?", (cell,)).fetchone()
        if found is None:
            return None
        if found[1] != digest_at(self._database, found[0]):
            raise _damaged(self.path, f"the result of cell {cell} was altered")
        return found[0]

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """Several reads of one state of the file."""
        self._database.execute("BEGIN")
        try:
            yield
        finally:
            self._database.rollback()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _transaction(self._database):
            yield


def _no_link(path: Path) -> Path:
    if path.is_symlink():
        raise AttrimarkError(f"{path} is a link, and links are not followed: remove it")
    return path


class _Contents(dict[int, str]):
    """What rows share, by key, each read once; "" where it is lost, which no digest agrees with."""

    def __init__(self, database: sqlite3.Connection) -> None:
        super().__init__()
        self._database = database

    def __missing__(self, key: Any) -> str:  # whatever a damaged file has in its place
        found = self._database.execute("SELECT content FROM documents WHERE key = ?", (key,)).fetchone()
        self[key] = found[0] if found else ""
        return self[key]


def _record(
    row: tuple[Any, ...],
    metrics: Sequence[tuple[Any, ...]],
    measures: Sequence[tuple[Any, ...]],
    contents: _Contents,
    path: Path,
) -> Record:
    row = whole(row, contents)
    ends = [(place, contents[metric], *end) for place, metric, *end in metrics]
    values = [
        (place, contents[metric], operator, contents[texts], *rest)
        for place, metric, operator, texts, *rest in measures
    ]
    if digest_of(row, ends, values) != row[-1]:
        raise _damaged(path, f"the result of cell {row[1]} was altered")
    _, cell, status, cause, reason, specs, own, actual, left_out, bundle, machine, network, plugins, _ = row
    return Record(
        cell=cell,
        specs=json.loads(specs),
        status=status,
        cause=cause,
        reason=reason,
        own=_cost(own),
        actual=_cost(actual),
        left_out=_plain(left_out),
        bundle=bundle,
        machine=_plain(machine),
        network=_plain(network),
        plugins=_plain(plugins),
        measures=StoredMeasures(
            [Values(metric, operator, _texts(texts), *rest) for _, metric, operator, texts, *rest in values]
        ),
        metric_status={metric: (status, reason) for _, metric, status, reason in ends},
    )


@lru_cache(maxsize=1024)
def _texts(content: str) -> tuple[str, ...]:
    return tuple(json.loads(content))


# cells share most of what follows, and nobody changes a record
@lru_cache(maxsize=1024)
def _plain(content: str) -> dict[str, Any]:
    return json.loads(content)


@lru_cache(maxsize=1024)
def _cost(content: str) -> Cost:
    return Cost(**json.loads(content))


def _damaged(path: Path, what: str) -> Damaged:
    return Damaged(f"{path} was damaged: {what}; run the suite again to recompute what is lost, or restore a copy")


def _migrate(database: sqlite3.Connection, path: Path) -> None:
    """Bring the file to this version's schema, in one transaction and with a copy beside it first.

    Raises:
        AttrimarkError: the schema is newer than this version knows, or the file is another program's;
        untouched.
    """
    version = _version(database)
    if version > len(MIGRATIONS):
        raise AttrimarkError(
            f"{path} was written by a newer attrimark (its schema is {version}, this one knows "
            f"{len(MIGRATIONS)}): upgrade attrimark, or choose another folder"
        )
    if version == 0 and database.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise AttrimarkError(f"{path} is a database of another program: choose another folder")
    database.execute("PRAGMA journal_mode = TRUNCATE")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA foreign_keys = ON")
    if version == len(MIGRATIONS):
        return
    if version:
        _copy(database, path.with_name(f"{path.name}.bak"))
    with _transaction(database):
        # another process may have been faster
        for migration in MIGRATIONS[_version(database) :]:
            migration(database)
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    if version:
        database.execute("VACUUM")  # gives back what former tables took


def _version(database: sqlite3.Connection) -> int:
    return database.execute("PRAGMA user_version").fetchone()[0]


def _copy(database: sqlite3.Connection, path: Path) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    copy = sqlite3.connect(partial)
    try:
        database.backup(copy)
    finally:
        copy.close()
    move(partial, path)


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing; the write lock is taken at once, so that two writers wait instead of failing."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        # on a full disk SQLite has rolled back by itself, and a second rollback would raise
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the disk or SQLite refuses, as an error that names the path."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise  # a mistake of ours, not the disk's
    except sqlite3.OperationalError as error:
        intact = "; what was stored before is intact" if _is_intact(path) else ""
        raise AttrimarkError(f"{path}: {error}{intact}") from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise Damaged(f"{path}: {error}: restore a copy of it, or choose another folder") from error
    except OSError as error:
        raise AttrimarkError(f"{path}: {error.strerror or error}") from error


def _is_intact(path: Path) -> bool:
    """Whether SQLite can read all of a file and finds it consistent."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=5)) as database:
            return database.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",)
    except sqlite3.Error:
        return False
