"""InfOpinion, read from a file of the reader's own."""

import json
from pathlib import Path
from typing import Any

import pytest
from attrimark_plugins.datasets.infopinion import LABELS, InfOpinion
from attrimark_plugins.datasets.text_file import TextFile
from attrimark_registry import AttrimarkError, Example, Splits
from pydantic import ValidationError

ARTICLE = "Le  maire\ndénonce la taxe , dit-il."  # seven words


def article(number: int, **more: Any) -> dict[str, Any]:
    return {"text": f"{ARTICLE} Numéro {number}.", "label": LABELS[number % 2], **more}


def write(folder: Path, *rows: dict[str, Any], name: str = "corpus.jsonl") -> str:
    path = folder / name
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return str(path)


def every(splits: Splits) -> list[Example]:
    return [*splits.train, *splits.validation, *splits.test]


def test_the_files_splits_are_taken_where_it_has_them(tmp_path: Path) -> None:
    names = ["test", "train", "validation", "train"]
    rows = [article(number, split=name, id=str(number)) for number, name in enumerate(names)]
    splits = InfOpinion(path=write(tmp_path, *rows), id="id").load()
    assert splits.labels == ("information", "opinion")
    assert {example.id for example in splits.train} == {"1", "3"}
    assert [(example.id, example.label) for example in splits.validation] == [("2", "information")]
    assert [(example.id, example.text) for example in splits.test] == [("0", f"{ARTICLE} Numéro 0.")]


def test_a_column_of_splits_may_have_another_name(tmp_path: Path) -> None:
    rows = [article(number, split="of the page", part="test") for number in range(3)]
    assert len(InfOpinion(path=write(tmp_path, *rows), split="part").load().test) == 3


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    path = tmp_path / "corpus.tsv"
    path.write_text("texte\tgenre\nUn texte\topinion\n", encoding="utf-8")
    (example,) = every(InfOpinion(path=str(path), text="texte", label="genre").load())
    assert (example.text, example.label) == ("Un texte", "opinion")


def test_without_splits_the_file_is_shared_80_10_10_whatever_its_order(tmp_path: Path) -> None:
    rows = [article(number, id=str(number)) for number in range(3000)]
    by_label = sorted(rows, key=lambda row: row["label"])
    one, two = (
        InfOpinion(path=write(tmp_path, *order, name=f"{place}.jsonl"), id="id").load()
        for place, order in enumerate((rows, by_label))
    )
    assert one == two
    for split, expected in ((one.train, 0.8), (one.validation, 0.1), (one.test, 0.1)):
        assert len(split) / 3000 == pytest.approx(expected, abs=0.02)  # within four standard deviations
    opinions = sum(example.label == "opinion" for example in one.test[:100])
    assert 30 <= opinions <= 70


def test_a_seed_draws_other_splits_of_the_same_articles(tmp_path: Path) -> None:
    path = write(tmp_path, *(article(number) for number in range(200)))
    one, two = (InfOpinion(path=path, seed=seed).load() for seed in (0, 1))
    assert {example.text for example in every(one)} == {example.text for example in every(two)}
    assert {example.text for example in one.test} != {example.text for example in two.test}


def test_equal_articles_stay_in_one_split(tmp_path: Path) -> None:
    splits = InfOpinion(path=write(tmp_path, *(article(number % 60) for number in range(600)))).load()
    parts = [{example.text for example in split} for split in (splits.train, splits.validation, splits.test)]
    assert all(parts)
    assert not (parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2])


def test_the_first_words_are_kept_as_they_were_written(tmp_path: Path) -> None:
    path = write(tmp_path, article(0), {"text": " Court. ", "label": "opinion"})
    splits = InfOpinion(path=path, first_words=3).load()
    assert {example.text for example in every(splits)} == {"Le  maire\ndénonce", " Court. "}
    assert splits.notes == {"cut to the first 3 words": "1"}
    whole = InfOpinion(path=path).load()
    assert {example.text for example in every(whole)} == {f"{ARTICLE} Numéro 0.", " Court. "}
    assert whole.notes == {}


def test_cutting_moves_no_article_and_stands_in_the_datasets_name(tmp_path: Path) -> None:
    path = write(tmp_path, *(article(number, id=str(number)) for number in range(300)))
    whole, cut = (InfOpinion(path=path, id="id", first_words=words) for words in (None, 2))
    for name in ("train", "validation", "test"):
        one, two = (getattr(dataset.load(), name) for dataset in (whole, cut))
        assert [example.id for example in one] == [example.id for example in two]
    assert "first_words=2" in str(cut)
    assert whole.digest != cut.digest


def test_it_reads_what_a_text_file_reads(tmp_path: Path) -> None:
    path = write(tmp_path, *(article(number) for number in range(100)))
    plain, ours = TextFile(path=path, labels=LABELS).load(), InfOpinion(path=path).load()
    for name in ("train", "validation", "test"):
        assert set(getattr(plain, name)) == set(getattr(ours, name))


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([], {}, "holds no rows"),
        ([{"texte": "a", "label": "opinion"}], {}, 'no column "text"; its columns: texte, label; did you mean "texte"'),
        ([{"text": "a"}], {}, 'no column "label"; its columns: text'),
        ([article(0)], {"split": "part"}, 'no column "part"; its columns: text, label'),
        ([article(0), article(1, label="avis")], {}, r"jsonl:2: the label 'avis' is not one of information, opinion"),
        ([article(0), article(1, label=None)], {}, r"jsonl:2: the article has no label: .* information, opinion"),
        ([article(0, split="dev")], {}, r"jsonl:1: the split 'dev' is not train, validation or test"),
        ([article(0, split="test"), article(1)], {}, r"jsonl:2: the split None is not train, validation or test"),
    ],
)
def test_a_fault_is_named_with_its_row_and_what_is_there(
    tmp_path: Path, rows: list[dict[str, Any]], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(AttrimarkError, match=message):
        InfOpinion(path=write(tmp_path, *rows), **options).load()


def test_a_missing_file_says_where_the_corpus_comes_from(tmp_path: Path) -> None:
    with pytest.raises(AttrimarkError, match=r"no file .*none\.csv: .*authors .* \"text\" and \"label\""):
        InfOpinion(path=str(tmp_path / "none.csv")).load()


def test_no_words_at_all_are_refused() -> None:
    with pytest.raises(ValidationError):
        InfOpinion(path="corpus.csv", first_words=0)
