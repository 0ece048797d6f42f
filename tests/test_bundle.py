"""Attributions come back from a file exactly as they went in, or not at all."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from attrimark.results.bundle import read_bundle, write_bundle
from attrimark_registry import Attribution, AttrimarkError, Cost, Example, Feature, Span, Target
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
COUNTS = st.integers(0, 2**53)


def attribution(scores=(0.5, -1.0), dtype="float32", **changes):
    """A film review of as many words as there are scores."""
    scores = np.array(scores, dtype=dtype)
    words = tuple(Feature("word", 0, 5 * place, 5 * place + 4, (0, 0)) for place in range(len(scores)))
    example = Example("movies-1", ("word " * len(scores),), "positive", spans=(Span(0, 0, 4, "rationale"),))
    return replace(Attribution(example, words, scores, Target((1,)), "positive"), **changes)


def same(one, other):
    """Equal to the last bit, NaN included."""
    assert one.scores.dtype == other.scores.dtype
    assert one.scores.tobytes() == other.scores.tobytes()
    rest = [{**vars(each), "scores": None, "diagnostics": dict(each.diagnostics)} for each in (one, other)]
    # NaN differs from itself, but is written as itself
    assert repr(rest[0]) == repr(rest[1])


DRAWN = st.fixed_dictionaries(
    {
        "scores": st.sampled_from(["float16", "float32", "float64"]).flatmap(
            lambda dtype: arrays.arrays(dtype, st.integers(0, 5))
        ),
        "texts": st.tuples(st.text(), st.text(), st.text()),
        "ids": st.lists(COUNTS, max_size=3).map(tuple),
        "operator": st.sampled_from([None, "mask", "delete"]),
        "values": st.tuples(st.none() | NUMBERS, st.none() | NUMBERS),
        "forwards": COUNTS,
        "seconds": st.floats(0, 1e9),
        "diagnostics": st.dictionaries(st.text(), NUMBERS, max_size=3),
        "flags": st.lists(st.text(), max_size=2).map(tuple),
    }
)


def built(drawn):
    """Outside of the strategy: the shape checker draws random numbers there, which hypothesis forbids."""
    first, second, reference = drawn["texts"]
    return attribution(
        drawn["scores"],
        drawn["scores"].dtype,
        example=Example(first, (first, second), reference=reference),
        target=Target((1, 0), drawn["ids"]),
        explained=second,
        operator=drawn["operator"],
        value_full=drawn["values"][0],
        value_empty=drawn["values"][1],
        own=Cost(forwards=drawn["forwards"], seconds=drawn["seconds"]),
        diagnostics=drawn["diagnostics"],
        flags=drawn["flags"],
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(DRAWN, max_size=4))
def test_what_is_read_is_what_was_written(tmp_path, drawn):
    written = [built(each) for each in drawn]
    read = read_bundle(write_bundle(written, tmp_path))
    assert len(read) == len(written)
    for one, other in zip(read, written, strict=True):
        same(one, other)


def test_the_same_attributions_are_the_same_file(tmp_path):
    mixed = [attribution(), attribution((1.0,), "float64")]
    assert write_bundle(mixed, tmp_path) == write_bundle(mixed, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_any_flipped_byte_is_noticed(tmp_path):
    path = write_bundle([attribution()], tmp_path)
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(AttrimarkError, match=r"is corrupt: .*run again to replace it"):
            read_bundle(path)


def test_a_truncated_file_is_noticed(tmp_path):
    path = write_bundle([attribution()], tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(AttrimarkError, match="is corrupt"):
        read_bundle(path)


def test_a_link_is_not_followed(tmp_path):
    path = write_bundle([attribution()], tmp_path)
    elsewhere = path.rename(tmp_path / "elsewhere")
    path.symlink_to(elsewhere)
    with pytest.raises(AttrimarkError, match="is a link"):
        read_bundle(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(AttrimarkError, match="nowhere"):
        read_bundle(tmp_path / "nowhere.safetensors")


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(AttrimarkError, match=r"file: \w+\.safetensors could not be written"):
        write_bundle([attribution()], tmp_path / "file")


WRITE_WITHOUT_ROOM = """
import resource, sys
from pathlib import Path
import numpy as np
from attrimark.results.bundle import write_bundle
from attrimark_registry import AttrimarkError, Attribution, Example, Feature, Target

features = tuple(Feature("word", 0, 0, 4) for _ in range(10_000))
long = Attribution(Example("long", ("word",)), features, np.zeros(10_000, np.float32), Target((0,)), "positive")
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write_bundle([long], Path(sys.argv[1]))
except AttrimarkError as error:
    print(error)
"""


def test_without_room_nothing_is_left_behind(tmp_path):
    command = [sys.executable, "-c", WRITE_WITHOUT_ROOM, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout
    assert str(tmp_path) in said
    assert not list(Path(tmp_path).iterdir())
