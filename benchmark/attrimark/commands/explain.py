"""`attrimark explain`: one text, one model, one method, word by word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from . import options

if TYPE_CHECKING:
    from attrimark_registry.attribution import Attribution
    from matplotlib.figure import Figure

TRAINED_ON = 1000  # texts: enough for a head, in seconds


@click.command()
@click.argument("text")
@click.option("--model", default="smollm2", show_default=True, help="A model: its name, or a table.")
@click.option("--method", default="leave-one-out", show_default=True, help="A method, likewise.")
@click.option("--option", "-o", "given", multiple=True, metavar="NAME=VALUE", help="A method's option, as in TOML.")
@click.option("--labels", default="negative,positive", show_default=True, help="The labels to decide between.")
@click.option("--strategy", help="Fine-tune on --dataset first; frozen, where the model comes without a head.")
@click.option("--dataset", default="rated-snippets", show_default=True, help="What --strategy trains on.")
@click.option("--seed", default=0, show_default=True)
@click.option("--target", default="predicted", show_default=True, help='"predicted", or the label to explain.')
@click.option("--granularity", type=click.Choice(["word", "token", "sentence", "passage"]), default="word")
@click.option("--reference", help="With --target gold: the text that a writing model is explained for.")
@click.option("--each-token", is_flag=True, help="Explain each token that a writing model writes, too.")
@click.option("--figure", type=click.Path(path_type=Path), help="Draw it into this file: .svg, .png or .pdf.")
@options.device
@options.as_json
def command(
    text: str,
    model: str,
    method: str,
    given: tuple[str, ...],
    labels: str,
    strategy: str | None,
    dataset: str,
    seed: int,
    target: str,
    granularity: Any,
    reference: str | None,
    each_token: bool,
    figure: Path | None,
    device: str | None,
    as_json: bool,
) -> None:
    """Explain the model's decision on TEXT: every word's score, positive where it supports the decision.

    Models, methods, strategies and datasets are named as a suite names them. Your own model, say:
    --model '{ name = "hub-classifier", reference = "path:my-model" }' --labels neg,pos
    """
    from attrimark_registry.catalog import load_catalog
    from attrimark_registry.errors import AttrimarkError
    from attrimark_registry.plugin import Dataset, Strategy
    from attrimark_registry.text import Example

    from attrimark.attribute import attribute
    from attrimark.display.bars import as_bars
    from attrimark.display.figures import save_as
    from attrimark.display.token_table import as_token_table
    from attrimark.prepare import prepare

    from .as_written import options_of, plugin

    catalog = load_catalog()
    chosen: Any = plugin(catalog, "method", method, **options_of(given))
    source: Any = plugin(catalog, "model", model)
    if strategy or not source.trained:
        splits = cast(Dataset, plugin(catalog, "dataset", dataset)).load()
        trainer = cast(Strategy, plugin(catalog, "strategy", strategy or "frozen"))
        click.echo(f"training ({trainer}) on {TRAINED_ON} texts of {dataset} …", err=True)
        untrained = source.load(splits.labels, device or "cpu")
        ready = trainer.fine_tune(untrained, splits.train[:TRAINED_ON], [seed])[0]
    else:
        ready = source.load(labels.split(","), device or "cpu")
    with ready.active():
        prepared = prepare(ready, [Example("text", (text,), reference=reference)], target, granularity)
        if prepared.left_out:
            raise AttrimarkError(prepared.left_out["text"])
        explanation = attribute(prepared, chosen, each_token=each_token).explained[0]
    if figure:
        save_as(_drawn(explanation, str(chosen)), figure)
    if as_json:
        pairs = [
            {"text": feature.text, "start": feature.start, "end": feature.end, "score": float(score)}
            for feature, score in zip(explanation.features, explanation.scores, strict=True)
        ]
        told = {
            "explained": explanation.explained,
            "method": str(chosen),
            "operator": explanation.operator,
            "value_full": explanation.value_full,
            "value_empty": explanation.value_empty,
            "features": pairs,
            "cost": vars(explanation.own),
            "diagnostics": dict(explanation.diagnostics),
            "flags": list(explanation.flags),
        }
        if explanation.by_token is not None:
            written = zip(explanation.written, explanation.by_token.tolist(), strict=True)
            told["tokens"] = [{"text": token, "scores": scores} for token, scores in written]
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    click.echo(f"explained: {explanation.explained}    method: {chosen}    cost: {explanation.own.forwards} forwards")
    click.echo(as_bars(explanation))
    if explanation.by_token is not None:
        click.echo()
        click.echo(as_token_table(explanation))


def _drawn(explanation: Attribution, method: str) -> Figure:
    """A heat map where each token was explained, else bars."""
    from attrimark.display.figures import word_bars
    from attrimark.display.heat_map import heat_map

    if explanation.by_token is not None:
        return heat_map(explanation)
    words = [feature.text for feature in explanation.features]
    return word_bars({method: explanation.scores}, words, f"for and against {explanation.explained}")
