"""What `stability` found, in words and tables and as JSON: the models, their explanations' spread, the answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from attrimark.document.estimates import interval, number
from attrimark.document.grid import Grid
from attrimark.document.plain import plain
from attrimark.results.model_metrics import banners
from attrimark.statistics.intervals import Estimate

from .stability import Foretold, Models, Spread, Stability, Variation


def as_json(stability: Stability) -> dict[str, Any]:
    """Everything as plain data, with null where there is no number."""
    return {
        "dataset": stability.dataset,
        "model": stability.model,
        "models": [plain(asdict(each)) for each in stability.models],
        "variations": [plain(asdict(each)) for each in stability.variations],
        "answers": [plain(asdict(each)) for each in stability.answers],
        "readings": list(stability.readings),
        "predictions": [
            {
                **each.prediction.model_dump(),
                "method": each.method,
                "metric": each.metric,
                "ratio": plain(asdict(each.ratio)),
                "verdict": each.verdict,
            }
            for each in stability.foretold
        ],
    }


def tables(stability: Stability) -> Iterator[Grid]:
    """The models; each method's explanations over seeds; where their variance comes from."""
    names = list(dict.fromkeys(name for each in stability.models for name in each.figures))
    rows = [_model_row(each, names) for each in stability.models]
    yield Grid("The models: mean ± standard deviation over seeds", ["chain", "seeds", *names], rows)
    for method in dict.fromkeys(each.method for each in stability.variations):
        mine = [each for each in stability.variations if each.method == method]
        yield _spread_table(method, mine)
    for answer in stability.answers:
        if answer.decomposition:
            yield _decomposition_table(answer.method, asdict(answer.decomposition))


def _model_row(models: Models, names: Sequence[str]) -> list[str]:
    kept = len(models.selection.seeds) if models.selection else models.trained
    seeds = f"{kept} of {models.trained}" if models.selection else str(kept)
    return [models.steps, seeds, *(_spread(models.figures.get(name)) for name in names)]


def _spread_table(method: str, variations: Sequence[Variation]) -> Grid:
    names = list(variations[0].values)
    rows = [[each.steps, str(len(each.seeds)), *(interval(each.values[name]) for name in names)] for each in variations]
    level = next(iter(variations[0].values.values())).level
    title = f"{method}: explanations over seeds, {level:.0%} bootstrap intervals"
    return Grid(title, ["chain", "seeds", *names], rows)


def _decomposition_table(method: str, decomposition: Mapping[str, Any]) -> Grid:
    rows = []
    for source in ("word", "strategy", "seed", "quantizer", "estimator"):
        if component := decomposition[source]:
            variance, level = Estimate(**component["variance"]), component["level"]
            common = number(level["mean"]) if level else "–"
            rows.append([source, f"{component['share']:.1%}", interval(variance), common])
    header = ["source", "share", "variance", "of it common to all words"]
    return Grid(f"{method}: where the variance of the scores comes from", header, rows)


def came_true(foretold: Foretold) -> str:
    """A prediction, its verdict, and the ratio that it rests on."""
    prediction = foretold.prediction
    return (
        f"Predicted: {prediction.says}. {foretold.verdict.capitalize()}: {foretold.metric} of {prediction.chain} ÷ "
        f"{prediction.than} is {interval(foretold.ratio)}, expected {prediction.expect} ({foretold.method})."
    )


def weak(stability: Stability) -> Iterator[str]:
    """A banner for each chain whose models are wrong too often, to stand above all numbers."""
    for models in stability.models:
        yield from banners({models.steps: models.accuracy})


def sentences(stability: Stability) -> Iterator[str]:
    """Predictions and answers first, then what a reader must know of them."""
    yield from map(came_true, stability.foretold)
    for answer in stability.answers:
        yield f"{answer.method}: {answer.says}"
        for note in answer.decomposition.notes if answer.decomposition else ():
            yield f"{answer.method}: {note}."
    yield from stability.readings
    for models in stability.models:
        if models.selection and models.selection.shortfall:
            yield f"{models.steps}: {models.selection.shortfall}."
    for each in stability.variations:
        for text, reason in each.left_out.items():
            yield f"{each.steps}, {each.method}: text {text} left out: {reason}."
        for note in each.notes:
            yield f"{each.steps}, {each.method}: {note}."


def _spread(spread: Spread | None) -> str:
    if spread is None or math.isnan(spread.mean):
        return "–"
    # what does not depend on the seed (a number of bits) has no spread to tell
    spreads = not math.isnan(spread.sd) and spread.sd > 0
    return f"{number(spread.mean)} ± {number(spread.sd)}" if spreads else number(spread.mean)
