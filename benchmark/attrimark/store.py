"""Where records are kept: one SQLite file for numbers, one folder for bundles of attributions.

The journal is a rollback journal: SQLite's WAL mode has a race (3.7.0 to 3.51.2) that corrupts a file when it
is reset. Every write is one synced transaction, so that a killed process loses at most what it was about to
write. One process writes; others may read. The folder must not be on NFS, whose locks SQLite cannot trust.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from attrimark_registry.attribution import Cost, Measure, Record, Status
from attrimark_registry.errors import AttrimarkError

from .bundle import SUFFIX, checked, move
from .discretion import Telling, as_told, everything, telling_of
from .nothing import Nothing
from .suite import Suite

DATABASE = "store.sqlite"

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Store:
    """Records and bundles under one folder, which is made where it is missing.

    Attributes:
        folder: where all of it is.
        telling: what is told of a reason that is read, and kept of one that is saved.
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
        for inside in (self.bundles, self.spool, self.path, folder / f"{DATABASE}-journal"):
            if inside.is_symlink():
                raise AttrimarkError(f"{inside} is a link, and links are not followed: remove it")
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
        """The outcomes of those cells that have one, with their measures, in the order asked."""
        wanted = json.dumps(list(dict.fromkeys(cells)))
        with _told(self.path), self._snapshot():
            found = {row["cell"]: _record(row) for row in self._rows("cells", wanted)}
            ends: dict[str, dict[str, tuple[Status, str | None]]] = {cell: {} for cell in found}
            measures: dict[str, list[Measure]] = {cell: [] for cell in found}
            for row in self._rows("metrics", wanted):
                ends[row["cell"]][row["metric"]] = (row["status"], row["reason"])
            for row in self._rows("measures", wanted):
                measures[row["cell"]].append(_measure(row))
        whole = {
            cell: replace(found[cell], measures=tuple(measures[cell]), metric_status=ends[cell])
            for cell in json.loads(wanted)
            if cell in found
        }
        return {cell: as_told(record, self.telling) for cell, record in whole.items()}

    def cells(self) -> list[str]:
        """The ids of all cells that have an outcome, the latest last."""
        with _told(self.path):
            return [cell for (cell,) in self._database.execute("SELECT cell FROM cells ORDER BY rowid")]

    def measured(self, cell: str) -> set[str]:
        """The digests of the metrics that have an outcome for this cell, whichever it is."""
        with _told(self.path):
            rows = self._database.execute("SELECT metric FROM metrics WHERE cell = ?", (cell,))
            return {metric for (metric,) in rows}

    def bundle_path(self, sha256: str) -> Path:
        """Where the bundle of that hash is, or would be.

        Raises:
            AttrimarkError: that is no hash, hence no name that may become a path.
        """
        if not _SHA256.fullmatch(sha256):
            raise AttrimarkError(f"{sha256!r} is no sha256, so no bundle of {self.bundles} has that name")
        return self.bundles / f"{sha256}{SUFFIX}"

    # Writing

    def save(self, record: Record) -> None:
        """Keep a cell's outcome with its measures, in place of an earlier outcome of that cell."""
        record = as_told(record, self.telling)
        ends: dict[str, tuple[Status, str | None]] = {each.metric: ("ok", None) for each in record.measures}
        ends |= record.metric_status
        with _told(self.path), self._transaction():
            self._database.execute("DELETE FROM cells WHERE cell = ?", (record.cell,))
            values = (
                record.cell,
                record.status,
                record.reason,
                json.dumps(dict(record.specs)),
                json.dumps(asdict(record.own)),
                json.dumps(asdict(record.actual)),
                json.dumps(dict(record.left_out)),
                record.bundle,
                json.dumps(dict(record.machine)),
                json.dumps(dict(record.network)),
            )
            self._database.execute("INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
            for metric, (status, reason) in ends.items():
                of_metric = [measure for measure in record.measures if measure.metric == metric]
                self._insert(record.cell, metric, status, reason, of_metric)

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
        with _told(self.path), self._transaction():
            known = self._database.execute("SELECT 1 FROM cells WHERE cell = ?", (cell,)).fetchone()
            if not known:
                raise AttrimarkError(f"{self.path}: cell {cell} has no record to add measures to; run it first")
            self._database.execute("DELETE FROM metrics WHERE cell = ? AND metric = ?", (cell, metric))
            self._insert(cell, metric, status, reason and self.telling(reason), measures)

    def rename(self, former: str, cell: str, network: Mapping[str, Any]) -> None:
        """A cell that has another id now, with what is known of its network."""
        with _told(self.path), self._transaction():
            self._database.execute("PRAGMA defer_foreign_keys = ON")
            self._database.execute(
                "UPDATE cells SET cell = ?, network = ? WHERE cell = ?", (cell, json.dumps(dict(network)), former)
            )
            for table in ("metrics", "measures"):
                self._database.execute(f"UPDATE {table} SET cell = ? WHERE cell = ?", (cell, former))

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

    def _insert(self, cell: str, metric: str, status: Status, reason: str | None, measures: Iterable[Measure]) -> None:
        self._database.execute("INSERT INTO metrics VALUES (?, ?, ?, ?)", (cell, metric, status, reason))
        for measure in measures:
            if measure.metric != metric:
                raise ValueError(f"a measure of metric {measure.metric} among those of {metric}")
            values = (cell, metric, measure.example, measure.operator, _stored(measure.value))
            diagnostics = json.dumps({name: float(value) for name, value in measure.diagnostics.items()})
            self._database.execute("INSERT INTO measures VALUES (?, ?, ?, ?, ?, ?)", (*values, diagnostics))

    def _rows(self, table: str, cells: str) -> Iterator[Mapping[str, Any]]:
        """Rows of one of our tables for those cells (a JSON array), in the order of their insertion."""
        query = f"SELECT * FROM {table} WHERE cell IN (SELECT value FROM json_each(?)) ORDER BY rowid"
        cursor = self._database.execute(query, (cells,))
        names = [column[0] for column in cursor.description]
        return (dict(zip(names, row, strict=True)) for row in cursor)

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


def _record(row: Mapping[str, Any]) -> Record:
    return Record(
        cell=row["cell"],
        specs=json.loads(row["specs"]),
        status=row["status"],
        reason=row["reason"],
        own=Cost(**json.loads(row["own"])),
        actual=Cost(**json.loads(row["actual"])),
        left_out=json.loads(row["left_out"]),
        bundle=row["bundle"],
        machine=json.loads(row["machine"]),
        network=json.loads(row["network"]),
    )


def _measure(row: Mapping[str, Any]) -> Measure:
    value = None if row["value"] is None else float(row["value"])
    return Measure(row["metric"], row["example"], row["operator"], value, json.loads(row["diagnostics"]))


def _stored(value: float | None) -> float | str | None:
    """NaN as text, for SQLite would turn it into NULL, which means "does not apply" here."""
    if value is None:
        return None
    return float(value) if value == value else "nan"


# The schema: one numbered function for each released version, never changed afterwards.


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


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_records_and_measures, _networks)


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
    except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
        if isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
            raise  # a mistake of ours, not the disk's
        raise AttrimarkError(f"{path}: {error}; what was stored before is intact") from error
    except OSError as error:
        raise AttrimarkError(f"{path}: {error.strerror or error}") from error
