"""Datasets that are read from files: rated snippets, and your own."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from attrimark_plugins.datasets.rated_snippets import Domain, RatedSnippets
from attrimark_plugins.datasets.text_file import TextFile
from attrimark_registry import AttrimarkError, Example, Span, Splits
from pydantic import ValidationError

from tests.references.tiers import tiered


def every(splits: Splits) -> list[Example]:
    return [*splits.train, *splits.validation, *splits.test]


def write(folder: Path, name: str, content: str) -> str:
    (folder / name).write_bytes(content.encode())
    return str(folder / name)


def lines(*rows: object) -> str:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


@pytest.mark.long
@pytest.mark.assets
@pytest.mark.parametrize(
    ("domain", "texts"), [("movies", 10605), ("tweets", 4200), ("products", 3708), ("editorials", 5190)]
)
def test_every_snippet_is_kept_or_counted(domain: Domain, texts: int) -> None:
    splits = RatedSnippets(domain=domain, minimum=0).load()
    assert len(every(splits)) + sum(map(int, splits.notes.values())) == texts
    assert {example.label for example in every(splits)} == set(splits.labels)
    for split, share in ((splits.validation, 0.1), (splits.test, 0.1), (splits.train, 0.8)):
        assert len(split) == pytest.approx(share * texts, rel=0.25)


@pytest.mark.assets
@pytest.mark.parametrize(
    "options", tiered([{"minimum": 1.5}, {"longest": 9}, {"shortest": 20}], lambda each: "longest" in each)
)
def test_no_option_moves_a_text_to_another_split(options: dict[str, Any]) -> None:
    loose, narrow = RatedSnippets().load(), RatedSnippets(**options).load()
    for name in ("train", "validation", "test"):
        kept = {example.id for example in getattr(narrow, name)}
        assert [example for example in getattr(loose, name) if example.id in kept] == list(getattr(narrow, name))


@pytest.mark.assets
def test_a_seed_draws_other_splits_of_the_same_texts() -> None:
    one, two = (RatedSnippets(domain="tweets", seed=seed).load() for seed in (0, 1))
    assert {example.id for example in every(one)} == {example.id for example in every(two)}
    assert {example.id for example in one.test} != {example.id for example in two.test}


@pytest.mark.assets
@pytest.mark.parametrize("domain", ["products", "editorials"])
def test_sentences_of_one_source_stay_in_one_split(domain: Domain) -> None:
    splits = RatedSnippets(domain=domain).load()
    sources = [{example.id.rpartition("_")[0] for example in split} for split in (splits.train, splits.test)]
    assert not sources[0] & sources[1]


@pytest.mark.long
@pytest.mark.assets
def test_texts_are_clean_and_stand_once() -> None:
    for domain in get_args(Domain):
        texts = [example.text for example in every(RatedSnippets(domain=domain).load())]
        assert len({" ".join(text.casefold().split()) for text in texts}) == len(texts)
        assert not [
            text for text in texts if "''" in text or "&amp;" in text or "&#" in text or "\r" in text or "�" in text
        ]


@pytest.mark.assets
def test_lexicon_spans_cover_the_word_and_sign_it() -> None:
    tweets = every(RatedSnippets(domain="tweets").load())
    found: dict[str, float] = {}
    for example in tweets:
        for span in example.spans:
            word = example.text[span.start : span.end]
            assert (span.segment, span.kind) == (0, "lexicon")
            assert word == word.strip()
            assert 0 < abs(span.weight) <= 1
            found.setdefault(word, span.weight)
    assert found["good"] == found["Good"] == pytest.approx(1.9 / 4)
    assert found["sucks"] < 0
    assert found[":("] < 0 < found[":)"]


def test_bounds_that_exclude_everything_are_refused() -> None:
    excluding: list[dict[str, Any]] = [
        {"minimum": 4.5},
        {"shortest": 9, "longest": 3},
        {"validation": 0.6, "test": 0.6},
    ]
    for options in excluding:
        with pytest.raises(ValidationError):
            RatedSnippets(**options)


def test_the_three_formats_say_the_same(tmp_path: Path) -> None:
    row = {"id": "a", "text": "a good film", "label": "1", "split": "test", "why": [[2, 6]]}
    cells = [row["id"], row["text"], row["label"], row["split"], json.dumps(row["why"])]
    jsonl = write(tmp_path, "f.jsonl", lines(row))
    comma = write(tmp_path, "f.csv", ",".join(row) + "\r\n" + ",".join(f'"{cell}"' for cell in cells) + "\r\n")
    tab = write(tmp_path, "f.tsv", "\t".join(row) + "\n" + "\t".join(cells) + "\n")
    loaded = [TextFile(path=path, id="id", split="split", rationale="why").load() for path in (jsonl, comma, tab)]
    assert loaded[0] == loaded[1] == loaded[2]
    assert loaded[0].test == (Example("a", ("a good film",), "1", spans=(Span(0, 2, 6, "rationale"),)),)


def test_a_pair_has_two_columns_and_rationales_that_name_their_segment(tmp_path: Path) -> None:
    row = {"premise": "It rains.", "hypothesis": "It is wet.", "label": "yes", "why": [[1, 6, 9]]}
    path = write(tmp_path, "f.jsonl", lines(row))
    (example,) = every(TextFile(path=path, text=("premise", "hypothesis"), rationale="why").load())
    assert example.segments == ("It rains.", "It is wet.")
    assert example.spans == (Span(1, 6, 9, "rationale"),)


def test_numbers_are_labels_and_the_order_can_be_given(tmp_path: Path) -> None:
    path = write(tmp_path, "f.jsonl", lines({"text": "a", "label": 1}, {"text": "b", "label": 0}))
    assert TextFile(path=path).load().labels == ("0", "1")
    assert TextFile(path=path, labels=("1", "0")).load().labels == ("1", "0")


def test_texts_without_a_label_and_empty_texts_are_kept(tmp_path: Path) -> None:
    splits = TextFile(path=write(tmp_path, "f.csv", 'text,label\n"",x\nb,\n')).load()
    assert {(example.text, example.label) for example in every(splits)} == {("", "x"), ("b", None)}
    assert splits.notes == {"without a label": "1"}


def test_a_new_row_moves_no_other_and_equal_texts_stay_together(tmp_path: Path) -> None:
    rows = [{"text": f"text {number % 100}", "label": "x", "id": str(number)} for number in range(200)]
    few = TextFile(path=write(tmp_path, "few.jsonl", lines(*rows[:150])), id="id").load()
    more = TextFile(path=write(tmp_path, "more.jsonl", lines(*rows[::-1])), id="id").load()
    for name in ("train", "validation", "test"):
        assert {e.id for e in getattr(few, name)} <= {e.id for e in getattr(more, name)}
    assert not {e.text for e in more.train} & {e.text for e in more.test}
    assert more.test


def test_line_separators_and_a_byte_order_mark_belong_to_no_text(tmp_path: Path) -> None:
    path = write(tmp_path, "f.jsonl", "\ufeff" + lines({"text": "one\u2028line \U0001f642", "label": "x"}) + "\r\n\n")
    assert [example.text for example in every(TextFile(path=path).load())] == ["one\u2028line \U0001f642"]


def test_quoted_fields_may_span_lines_and_tsv_knows_no_quotes(tmp_path: Path) -> None:
    comma = write(tmp_path, "f.csv", 'text,label\n"two\nlines",x\n')
    tab = write(tmp_path, "f.tsv", 'text\tlabel\n"open quote\tx\n')
    assert every(TextFile(path=comma).load())[0].text == "two\nlines"
    assert every(TextFile(path=tab).load())[0].text == '"open quote'


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("f.jsonl", "", {}, "holds no rows"),
        ("f.txt", "a", {}, r"must be \.jsonl, \.csv or \.tsv"),
        ("f.jsonl", '{"text": "a"}\n{"text": ', {}, r"f\.jsonl:2: not JSON"),
        ("f.jsonl", '["a"]', {}, r"f\.jsonl:1: a line must be a JSON object"),
        ("f.csv", "txt,label\na,x\n", {}, r'no column "text"; its columns: txt, label; did you mean "txt"'),
        ("f.csv", "text,label\na,x\nb\n", {}, r"f\.csv:3: 1 fields under a header of 2"),
        ("f.csv", 'text,label\n"a"b,x\n', {}, r"f\.csv:2:"),
        ("f.jsonl", '{"text": null, "label": "x"}', {}, r'f\.jsonl:1: "text" must be a text, not null'),
        ("f.jsonl", '{"text": "a", "label": 0.5}', {}, r"f\.jsonl:1: a label must be"),
        ("f.csv", "text,label\na,x\nb,y\n", {"labels": ["x"]}, r"f\.csv:3: the label 'y' is not one of x"),
        ("f.csv", "text,label,id\na,x,1\nb,x,1\n", {"id": "id"}, r"f\.csv:3: the id '1' stands in .*f\.csv:2"),
        ("f.csv", "text,label,to\na,x,dev\n", {"split": "to"}, r"f\.csv:2: the split 'dev' is not train"),
        ("f.csv", "text,label,why\na,x,[[0\n", {"rationale": "why"}, r"f\.csv:2: the rationale is not JSON"),
        ("f.csv", 'text,label,why\na,x,"[[0,9]]"\n', {"rationale": "why"}, r"f\.csv:2: .*outside of the text \(1 "),
        ("f.csv", "text,label,why\na,x,[0]\n", {"rationale": "why"}, r"f\.csv:2: a rationale is a list of"),
        ("f.csv", "text,label,why\na,x,5\n", {"rationale": "why"}, r"f\.csv:2: a rationale is a list of"),
    ],
)
def test_a_fault_is_named_with_its_line(
    tmp_path: Path, name: str, content: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(AttrimarkError, match=message):
        TextFile(path=write(tmp_path, name, content), **options).load()


def test_a_missing_file_and_undecodable_bytes_are_named(tmp_path: Path) -> None:
    with pytest.raises(AttrimarkError, match=r"cannot read .*none\.csv: No such file"):
        TextFile(path=str(tmp_path / "none.csv")).load()
    (tmp_path / "latin.csv").write_bytes("text,label\ncafé,x\n".encode("latin-1"))
    with pytest.raises(AttrimarkError, match=r"latin\.csv:2: not UTF-8 \(byte 0xe9\)"):
        TextFile(path=str(tmp_path / "latin.csv")).load()
