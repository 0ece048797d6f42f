"""SST-2 in the form in which GLUE gives it."""

from pathlib import Path

import pytest
from attrimark_plugins.datasets.sst2 import LABELS, Sst2
from attrimark_registry import AttrimarkError, Example

HEADER = "sentence\tlabel\n"


def write(folder: Path, name: str, content: str) -> Path:
    (folder / name).write_text(content, encoding="utf-8")
    return folder / name


@pytest.fixture
def glue(tmp_path: Path) -> Path:
    phrases = [f"phrase number {place % 400} \t{place % 400 % 2}\n" for place in range(600)]
    write(tmp_path, "train.tsv", HEADER + "".join(phrases))
    write(tmp_path, "dev.tsv", HEADER + 'it \'s a "charming" journey . \t1\nunflinchingly bleak\t0\n')
    return tmp_path


def test_the_development_sentences_are_tested(glue: Path) -> None:
    splits = Sst2(path=str(glue)).load()
    assert splits.labels == LABELS
    assert sorted(splits.test, key=lambda example: example.id) == [
        Example("dev:2", ('it \'s a "charming" journey .',), "positive"),
        Example("dev:3", ("unflinchingly bleak",), "negative"),
    ]


def test_every_phrase_is_in_one_split_however_often_it_stands_there(glue: Path) -> None:
    splits = Sst2(path=str(glue), validation=0.2).load()
    train, validation = ({example.text for example in split} for split in (splits.train, splits.validation))
    assert len(splits.train) + len(splits.validation) == 600
    assert len(validation) == pytest.approx(80, abs=30)
    assert not train & validation
    assert len(train | validation) == 400
    assert len({example.id for example in (*splits.train, *splits.validation)}) == 600


def test_the_first_texts_are_a_sample_that_the_seed_decides(glue: Path) -> None:
    one, again, other = (Sst2(path=str(glue), seed=seed).load().train for seed in (0, 0, 1))
    assert one == again != other
    assert [example.id for example in one] != sorted(example.id for example in one)
    labels = [example.label for example in one[:100]]
    assert 25 < labels.count("positive") < 75


def test_one_file_alone_is_enough(glue: Path) -> None:
    alone = Sst2(path=str(glue / "dev.tsv")).load()
    assert (len(alone.train), len(alone.validation), len(alone.test)) == (0, 0, 2)
    assert not Sst2(path=str(glue / "train.tsv")).load().test


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("index\tsentence\n0\tgood\n", r'dev.tsv:2: the columns must be "sentence" and "label", not index, sentence'),
        (HEADER + "good\tpositive\n", r"dev.tsv:2: a label is 0 \(negative\) or 1 \(positive\), not 'positive'"),
        (HEADER + "good\t1\n \t0\n", r"dev.tsv:3: the sentence is empty"),
        (HEADER + "good\t1\tmore\n", r"dev.tsv:2: 3 fields under a header of 2"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    write(tmp_path, "dev.tsv", content)
    with pytest.raises(AttrimarkError, match=message):
        Sst2(path=str(tmp_path)).load()


def test_a_folder_without_the_files_says_where_they_come_from(tmp_path: Path) -> None:
    write(tmp_path, "test.tsv", "index\tsentence\n0\tgood\n")
    for path in (tmp_path, tmp_path / "test.tsv", tmp_path / "nowhere"):
        with pytest.raises(AttrimarkError, match=r"neither train\.tsv nor dev\.tsv.*GLUE"):
            Sst2(path=str(path)).load()
