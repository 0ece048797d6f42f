"""Short texts of four domains, each rated from −4 to 4 by twenty people. Hutto & Gilbert (ICWSM 2014)."""

from __future__ import annotations

import html
import re
import tarfile
from collections.abc import Iterator, Mapping
from typing import Literal

from attrimark_registry import Dataset, Example, Span, Splits, fetch
from pydantic import Field, model_validator

from .text_file import SplitName, share, split_of

Domain = Literal["movies", "tweets", "products", "editorials"]

ARCHIVE = (
    "pypi:vaderSentiment==3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
    "#5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
)
_FILES: Mapping[Domain, str] = {
    "movies": "movieReviewSnippets_GroundTruth.txt",
    "tweets": "tweets_GroundTruth.txt",
    "products": "amazonReviewSnippets_GroundTruth.txt",
    "editorials": "nytEditorialSnippets_GroundTruth.txt",
}
_LEXICON = "vader_sentiment_lexicon.txt"
_MOST = 4.0  # the scale's end
_WORD = re.compile(r"\S+")
_QUOTE = re.compile(r"''(?!')")
_BARE = re.compile(r"\w(?:.*\w)?")  # a word without the punctuation around it


class RatedSnippets(Dataset):
    """Sentences with the sign of their mean rating as the label, and the words that a lexicon rates marked.

    The movie sentences are of the corpus that SST-2 was made from. Entities (`&amp;`) are read as their character,
    and two apostrophes as the double quotation mark they stand for. Of texts that differ in case and spaces only,
    the first is kept. Sentences of one review or one editorial stay in one split; no option but `seed` and the two
    shares moves a text to another. Within a split texts are in the order of a hash: its first n are a random sample.

    Spans of the kind "lexicon" carry mean valence ÷ 4. They are no rationale: the words were rated out of context,
    and in the movie sentences many oppose the sentence's label.

    Options:
        minimum: texts with a smaller absolute mean rating are left out; those rated 0, which have no sign, always.
        shortest, longest: bounds on the number of words.
        validation, test: shares of all texts; the rest is for training.
    """

    name = "rated-snippets"
    assets = (ARCHIVE,)

    domain: Domain = "movies"
    minimum: float = Field(default=0.5, ge=0, le=_MOST)
    shortest: int = Field(default=1, ge=1)
    longest: int | None = Field(default=None, ge=1)
    validation: float = Field(default=0.1, ge=0, lt=1)
    test: float = Field(default=0.1, ge=0, le=1)
    seed: int = 0

    @model_validator(mode="after")
    def _fits(self) -> RatedSnippets:
        if self.validation + self.test > 1:
            raise ValueError("validation and test take more than the whole")
        if self.longest is not None and self.longest < self.shortest:
            raise ValueError("longest is below shortest")
        return self

    def load(self) -> Splits:
        """The domain's texts.

        Raises:
            AttrimarkError: the archive is not cached and cannot be downloaded.
        """
        texts, lexicon = _read(_FILES[self.domain])
        seen: set[str] = set()
        left_out = {"as a duplicate": 0, "for a rating near 0": 0, "for their length": 0}
        kept: list[tuple[float, SplitName, Example]] = []
        for number, rating, text in texts:
            folded = " ".join(text.casefold().split())
            words = len(text.split())
            if folded in seen:
                left_out["as a duplicate"] += 1
            elif rating == 0 or abs(rating) < self.minimum:
                left_out["for a rating near 0"] += 1
            elif words < self.shortest or (self.longest is not None and words > self.longest):
                left_out["for their length"] += 1
            else:
                source = number.partition("_")[0]  # the review or editorial that a sentence is of
                split = split_of(share(self.seed, self.domain, source), self.validation, self.test)
                label = "positive" if rating > 0 else "negative"
                spans = tuple(_lexicon_spans(text, lexicon))
                example = Example(f"{self.domain}-{number}", (text,), label, spans=spans)
                kept.append((share(self.seed, self.domain, number), split, example))
            seen.add(folded)
        kept.sort(key=lambda placed: (placed[0], placed[2].id))
        splits = {
            name: tuple(example for _, split, example in kept if split == name)
            for name in ("train", "validation", "test")
        }
        notes = {f"left out {why}": str(count) for why, count in left_out.items() if count}
        return Splits(("negative", "positive"), **splits, notes=notes)


def _read(file: str) -> tuple[list[tuple[str, float, str]], dict[str, float]]:
    """Number, mean rating and text of each snippet, and the valence of each word of the lexicon."""
    with tarfile.open(fetch(ARCHIVE)) as archive:
        snippets = _lines(archive, file, "utf-8")
        lexicon = _lines(archive, _LEXICON, "cp1252")  # older than the texts: its emoticons hold a Þ
    texts = [(number, float(rating), _clean(text)) for number, rating, text in snippets]
    return texts, {entry: float(valence) for entry, valence, *_ in lexicon}


def _lines(archive: tarfile.TarFile, file: str, encoding: str) -> list[list[str]]:
    content = archive.extractfile(f"hutto_ICWSM_2014/{file}")
    assert content is not None  # the archive's hash is pinned
    lines = content.read().decode(encoding).replace("\r\n", "\n").split("\n")
    return [line.split("\t") for line in lines if line.strip()]


def _clean(text: str) -> str:
    # some entities were escaped twice; three apostrophes close a quotation inside a quotation
    return _QUOTE.sub('"', html.unescape(html.unescape(text))).strip()


def _lexicon_spans(text: str, lexicon: Mapping[str, float]) -> Iterator[Span]:
    """The words that the lexicon rates: emoticons as they stand, words in any case and punctuation."""
    for word in _WORD.finditer(text):
        bare = _BARE.search(word.group())
        if word.group() in lexicon:
            valence, start, end = lexicon[word.group()], word.start(), word.end()
        elif bare and bare.group().lower() in lexicon:
            valence = lexicon[bare.group().lower()]
            start, end = word.start() + bare.start(), word.start() + bare.end()
        else:
            continue
        yield Span(0, start, end, "lexicon", valence / _MOST)
