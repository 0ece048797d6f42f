"""Assets are pinned, verified, cached once, and refused with a remedy."""

import hashlib
import importlib.util
import io
import logging
import os
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from attrimark_registry import AttrimarkError, assets, fetch
from attrimark_registry.assets import Reference, cached, derived, ready

SHA = "0" * 64
FORMS = [
    "path:some/place",
    "hf:owner/name@0123456789abcdef0123456789abcdef01234567",
    f"pypi:a-name==1.0/folder/file.txt#{SHA}",
]
INFO = "tiny_asset-1.0.dist-info"
# an sdist whose build needs nothing: pip asks it for metadata only
BACKEND = """
import os
def prepare_metadata_for_build_wheel(directory, config_settings=None):
    os.makedirs(os.path.join(directory, "tiny_asset-1.0.dist-info"))
    with open(os.path.join(directory, "tiny_asset-1.0.dist-info", "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\\nName: tiny-asset\\nVersion: 1.0\\n")
    return "tiny_asset-1.0.dist-info"
"""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for the package index, and an empty cache."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in ("PIP_EXTRA_INDEX_URL", "ATTRIMARK_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("ATTRIMARK_CACHE", str(tmp_path / "cache"))
    return folder


def wheel(folder: Path, files: dict[str, str], links: tuple[str, ...] = ()) -> str:
    """The sha256 of a wheel with these files, put into the folder."""
    content = {
        f"{INFO}/METADATA": "Metadata-Version: 2.1\nName: tiny-asset\nVersion: 1.0\n",
        f"{INFO}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{INFO}/RECORD": "",
    }
    path = folder / "tiny_asset-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in (content | files).items():
            archive.writestr(name, text)
        for name in links:
            link = zipfile.ZipInfo(name)
            link.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(link, "/etc/passwd")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sdist(folder: Path, files: dict[str, str]) -> str:
    """The sha256 of an sdist with these files, put into the folder."""
    project = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    own = {"pyproject.toml": project, "backend.py": BACKEND, "PKG-INFO": "Name: tiny-asset\nVersion: 1.0\n"}
    path = folder / "tiny_asset-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in (own | files).items():
            info = tarfile.TarInfo(f"tiny_asset-1.0/{name}")
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("text", FORMS)
def test_a_reference_is_written_as_it_was_read(text: str) -> None:
    assert str(Reference.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "path:",
        "owner/name",
        "hf:owner/name",
        "hf:owner/name@main",
        "hf:../name@0123456789abcdef0123456789abcdef01234567",
        "pypi:name==1.0/file",
        f"pypi:name/file#{SHA}",
        f"pypi:name==1.0/../file#{SHA}",
        f"pypi:name==1.0//etc/file#{SHA}",
        f"pypi:na me==1.0/file#{SHA}",
        "pypi:name==1.0/file#abc",
    ],
)
def test_a_malformed_reference_is_shown_the_three_forms(text: str) -> None:
    with pytest.raises(AttrimarkError, match=r"(?s)path:.*hf:.*pypi:"):
        Reference.parse(text)


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    assert fetch(f"path:{tmp_path}") == tmp_path
    assert ready(f"path:{tmp_path}")
    assert not ready(f"path:{tmp_path}/missing")
    with pytest.raises(AttrimarkError, match="nothing at"):
        fetch(f"path:{tmp_path}/missing")


def test_a_file_is_taken_out_of_a_wheel(index: Path) -> None:
    reference = f"pypi:tiny-asset==1.0/tiny/data.txt#{wheel(index, {'tiny/data.txt': 'content'})}"
    assert cached(reference) is None
    assert fetch(reference).read_text() == "content"
    assert cached(reference) == fetch(reference)


def test_a_folder_is_taken_out_of_a_wheel_with_all_below_it_and_nothing_beside_it(index: Path) -> None:
    sha = wheel(index, {"tiny/model/a.json": "a", "tiny/model/deep/b.json": "b", "tiny/model2/c.json": "c"})
    folder = fetch(f"pypi:tiny-asset==1.0/tiny/model#{sha}")
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {"a.json", "deep/b.json"}


def test_a_file_is_taken_out_of_an_sdist_without_naming_its_top_folder(index: Path) -> None:
    sha = sdist(index, {"data/words.txt": "words"})
    assert fetch(f"pypi:tiny-asset==1.0/data/words.txt#{sha}").read_text() == "words"


def test_the_hash_says_whether_the_wheel_or_the_sdist_is_meant(index: Path) -> None:
    of_wheel, of_sdist = wheel(index, {"data.txt": "in the wheel"}), sdist(index, {"data.txt": "in the sdist"})
    assert fetch(f"pypi:tiny-asset==1.0/data.txt#{of_wheel}").read_text() == "in the wheel"
    assert fetch(f"pypi:tiny-asset==1.0/data.txt#{of_sdist}").read_text() == "in the sdist"


def test_another_hash_is_refused_and_leaves_nothing_in_the_cache(index: Path, tmp_path: Path) -> None:
    found = wheel(index, {"data.txt": "content"})
    with pytest.raises(AttrimarkError, match=rf"no archive of tiny-asset==1.0 has the sha256 {SHA} \(found: {found}"):
        fetch(f"pypi:tiny-asset==1.0/data.txt#{SHA}")
    assert not any((tmp_path / "cache" / "assets").iterdir())


def test_an_sdist_that_pip_cannot_prepare_is_not_said_to_be_another(index: Path) -> None:
    wheel(index, {"data.txt": "in the wheel"})
    sha = sdist(index, {"data.txt": "in the sdist", "backend.py": "raise RuntimeError('broken build')"})
    with pytest.raises(AttrimarkError, match=r"(?s)could not download tiny-asset==1\.0.*pip said"):
        fetch(f"pypi:tiny-asset==1.0/data.txt#{sha}")


def test_a_failed_download_says_what_pip_said_and_what_to_do(index: Path) -> None:
    with pytest.raises(AttrimarkError, match=r"(?s)check the network.*No matching distribution"):
        fetch(f"pypi:no-such-asset==1.0/data.txt#{SHA}")


def test_a_file_that_is_not_inside_is_named(index: Path) -> None:
    sha = wheel(index, {"data.txt": "content"})
    with pytest.raises(AttrimarkError, match=r"no other\.txt in tiny_asset-1\.0"):
        fetch(f"pypi:tiny-asset==1.0/other.txt#{sha}")


def test_a_path_that_leads_out_of_the_archive_is_refused(index: Path, tmp_path: Path) -> None:
    sha = wheel(index, {"model/../../../escaped.txt": "out"})
    with pytest.raises(AttrimarkError, match="leads out"):
        fetch(f"pypi:tiny-asset==1.0/model#{sha}")
    assert not list(tmp_path.rglob("escaped.txt"))


def test_a_link_in_the_archive_is_refused(index: Path) -> None:
    sha = wheel(index, {"model/a.json": "a"}, links=("model/link",))
    with pytest.raises(AttrimarkError, match="is a link"):
        fetch(f"pypi:tiny-asset==1.0/model#{sha}")


def test_a_second_fetch_needs_no_index(index: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "attrimark.assets")
    sha = wheel(index, {"data.txt": "content"})
    fetch(f"pypi:tiny-asset==1.0/data.txt#{sha}")
    (index / "tiny_asset-1.0-py3-none-any.whl").unlink()
    assert fetch(f"pypi:tiny-asset==1.0/data.txt#{sha}", offline=True).read_text() == "content"
    assert [record.message for record in caplog.records] == ["downloading tiny-asset==1.0 from the package index"]


def test_offline_only_the_cache_is_asked(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sha = wheel(index, {"data.txt": "content"})
    monkeypatch.setenv("ATTRIMARK_OFFLINE", "1")
    with pytest.raises(AttrimarkError, match="not in the cache"):
        fetch(f"pypi:tiny-asset==1.0/data.txt#{sha}")


DAMAGE = {
    "content": lambda slot: (slot / "data.txt").write_text("contents"),
    "more": lambda slot: (slot / "more.txt").write_text("more"),
    "less": lambda slot: (slot / "data.txt").unlink(),
    "link": lambda slot: (slot / "other.txt").symlink_to(slot / "data.txt"),
    "torn manifest": lambda slot: (slot / "manifest.json").write_text('{"data.txt": "0'),
    "other manifest": lambda slot: (slot / "manifest.json").write_text("[1]"),
    "bytes": lambda slot: (slot / "manifest.json").write_bytes(b"\xff\xfe"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_an_altered_copy_is_fetched_again_and_refused_offline(index: Path, caplog, damage: str) -> None:
    reference = f"pypi:tiny-asset==1.0/data.txt#{wheel(index, {'data.txt': 'content'})}"
    slot = fetch(reference).parent
    DAMAGE[damage](slot)
    with pytest.raises(AttrimarkError, match=r"was altered \(.*\): delete"):
        fetch(reference, offline=True)
    assert fetch(reference).read_text() == "content"
    assert "it is made again" in caplog.text
    assert not [path for path in slot.parent.iterdir() if path != slot]


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_was_made_here_is_made_again(index: Path, damage: str) -> None:
    def make(target: Path) -> None:
        (target / "data.txt").write_text("content")

    slot = assets.made("thing", "key", make)
    DAMAGE[damage](slot)
    assert (assets.made("thing", "key", make) / "data.txt").read_text() == "content"
    assert sorted(path.name for path in slot.iterdir()) == ["data.txt", "manifest.json"]


def test_a_file_of_the_hubs_cache_that_was_altered_is_refused(tmp_path: Path, monkeypatch) -> None:
    """The client's own layout: a snapshot of links to what is named by its hash."""
    snapshot, blobs = tmp_path / "snapshots" / ("0" * 40), tmp_path / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    large, small = b"weights", b"{}"
    names = {
        "model.safetensors": (hashlib.sha256(large).hexdigest(), large),
        "config.json": (hashlib.sha1(b"blob 2\0" + small).hexdigest(), small),
    }
    for name, (digest, content) in names.items():
        (blobs / digest).write_bytes(content)
        (snapshot / name).symlink_to(blobs / digest)
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *given, **named: str(snapshot))
    for name, (digest, content) in names.items():
        assets._require_blobs.cache_clear()
        assert fetch(FORMS[1]) == snapshot
        assets._require_blobs.cache_clear()
        (blobs / digest).write_bytes(content.upper() + b"?")
        with pytest.raises(AttrimarkError, match=f"{name} of .* was altered: delete .*{digest}"):
            fetch(FORMS[1])
        (blobs / digest).write_bytes(content)


def test_an_environment_without_pip_is_told_how_to_get_it(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AttrimarkError, match=r"ensurepip.*uv pip install pip"):
        fetch(f"pypi:tiny-asset==1.0/data.txt#{SHA}")


def test_processes_may_fetch_the_same_asset_at_once(index: Path) -> None:
    reference = f"pypi:tiny-asset==1.0/data.txt#{wheel(index, {'data.txt': 'content'})}"
    # assets.py is loaded alone: the package would import torch in each process
    program = f"""
import sys, types, importlib.util
from pathlib import Path
package = types.ModuleType("attrimark_registry")
package.__path__ = [{str(Path(sys.modules["attrimark_registry"].__file__ or "").parent)!r}]
sys.modules["attrimark_registry"] = package
from attrimark_registry.assets import fetch
print(fetch({reference!r}).read_text(), end="")
"""
    start = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0] for process in start] == ["content", "content"]


def test_a_derived_directory_is_made_once(index: Path) -> None:
    made = []

    def upper(source: Path, target: Path) -> None:
        made.append(source)
        (target / "upper.txt").write_text(source.read_text().upper())

    reference = f"pypi:tiny-asset==1.0/data.txt#{wheel(index, {'data.txt': 'content'})}"
    first, second = (derived(reference, "upper", upper) for _ in range(2))
    assert first == second
    assert (first / "upper.txt").read_text() == "CONTENT"
    assert made == [fetch(reference)]


def test_a_derivation_that_fails_leaves_nothing_behind(index: Path, tmp_path: Path) -> None:
    def half(source: Path, target: Path) -> None:
        (target / "half.txt").write_text("half")
        raise RuntimeError("stopped")

    reference = f"pypi:tiny-asset==1.0/data.txt#{wheel(index, {'data.txt': 'content'})}"
    with pytest.raises(RuntimeError, match="stopped"):
        derived(reference, "half", half)
    assert not any((tmp_path / "cache" / "derived").iterdir())


def test_what_no_hash_pins_is_not_derived(tmp_path: Path) -> None:
    with pytest.raises(AttrimarkError, match="only pinned"):
        derived(f"path:{tmp_path}", "copy", lambda source, target: None)


def test_a_hub_revision_that_is_not_cached_is_an_error_offline() -> None:
    with pytest.raises(AttrimarkError, match="fetch it once with a network"):
        fetch(FORMS[1], offline=True)
    assert not ready(FORMS[1])
