"""A stranger's distribution of plugins, as it was when a suite was recorded, and what may be done to it since."""

from pathlib import Path

CANARY = "xylocanary"  # the last word of every text

FILMS = ["dull", "witty", "tedious", "superb", "bland", "moving", "clumsy", "radiant", "lifeless", "charming"]

PLUGINS = '''
import time
import numpy as np
from attrimark_registry import SpanMetric, SubsetMethod, hookimpl

PAUSE = 0.1

class Occlusion(SubsetMethod):
    """The drop in the target's value when one feature is removed."""
    name = "my-occlusion"
    def explore(self, features, rng):
        keep = ~np.eye(len(features) + 1, len(features), k=-1, dtype=bool)
        values = yield keep
        return values[0] - values[1:]

class Opening(SubsetMethod):
    """The value of the first words, given to each of them."""
    name = "my-opening"
    def explore(self, features, rng):
        first = np.arange(len(features)) < 1
        values = yield first[None]
        return first * values[0]

class Noisy(SubsetMethod):
    """The position of a feature."""
    name = "my-noisy"
    def explore(self, features, rng):
        return np.arange(len(features)) + rng.normal(0, 1, len(features)) * 0.0
        yield

class Fragile(SubsetMethod):
    """The position of a feature, which goes wrong some day."""
    name = "my-fragile"
    def explore(self, features, rng):
        return np.arange(len(features), dtype=float)
        yield

class Judged(Fragile):
    """The position of a feature, of which a metric goes wrong."""
    name = "my-judged"

class Lost(Fragile):
    """The position of a feature, until the suite forgets it."""
    name = "my-lost"

class Slow(SubsetMethod):
    """The position of a feature, after a while."""
    name = "my-slow"
    def explore(self, features, rng):
        time.sleep(PAUSE)
        return np.arange(len(features), dtype=float)
        yield

class Order(SpanMetric):
    """The share of neighbours whose scores rise."""
    name = "my-order"
    def compare(self, attribution, example):
        return float((np.diff(attribution.scores) > 0).mean())

class Share(SpanMetric):
    """The share of the largest score."""
    name = "my-share"
    headline = False
    def compare(self, attribution, example):
        return float(np.abs(attribution.scores).max() / (1e-9 + np.abs(attribution.scores).sum()))

@hookimpl
def register_methods():
    return [Occlusion, Opening, Noisy, Fragile, Judged, Lost, Slow]

@hookimpl
def register_metrics():
    return [Order, Share]
'''


def distribution(site: Path, code: str = PLUGINS) -> None:
    """The plugins, as installed in that folder."""
    information = site / "mine-1.0.dist-info"
    information.mkdir(parents=True, exist_ok=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[attrimark]\nmine = my_plugins\n")
    (site / "my_plugins.py").write_text(code)


def changed(code: str, old: str, new: str) -> str:
    """The code with one thing changed."""
    assert code.count(old) == 1, old
    return code.replace(old, new)


def films(path: Path) -> None:
    """Forty texts of a dataset, the canary in each."""
    rows = [
        f"the {noun} was {word} and {CANARY},{('negative', 'positive')[place % 2]},test"
        for noun in ("film", "old film", "short film", "song")
        for place, word in enumerate(FILMS)
    ]
    path.write_text("\n".join(["text,label,split", *rows, "a film,negative,train", "a song,positive,train"]) + "\n")
