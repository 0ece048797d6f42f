"""`attrimark explain`: one text, one model, one method, word by word."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from . import options
from .saying import say, say_json

if TYPE_CHECKING:
    from attrimark_registry.attribution import Attribution
    from matplotlib.figure import Figure

LABELS = ("negative", "positive")  # of models that are told what to decide between
TRAINED_ON = 1000  # texts: enough for a head, in seconds


@click.command()
@click.argument("text")
@click.option("--model", default="smollm2", show_default=True, help="A model: its name, or a table.")
@click.option("--method", default="leave-one-out", show_default=True, help="A method, likewise.")
@click.option("--option", "-o", "given", multiple=True, metavar="NAME=VALUE", help="A method's option, as in TOML.")
@click.option("--labels", help="The labels to decide between; the model's own, else negative,positive, by default.")
@click.option("--strategy", help="Fine-tune on --dataset first; frozen, where the model comes without a head.")
@click.option("--dataset", default="rated-snippets", show_default=True, help="What --strategy trains on.")
@click.option("--seed", default=0, show_default=True)
@click.option("--target", default="predicted", show_default=True, help='"predicted", or the label to explain.')
@click.option("--granularity", type=click.Choice(["word", "token", "sentence", "passage"]), default="word")
@click.option("--reference", help="With --target gold: the text that a writing model is explained for.")
@click.option("--each-token", is_flag=True, help="Explain each token that a writing model writes, too.")
@click.option("--check", is_flag=True, help="Print how the network is called and how far that is from a plain call.")
@click.option("--figure", type=click.Path(path_type=Path), help="Draw it into this file: .svg, .png or .pdf.")
@options.device
@options.as_json
def command(
    text: str,
    model: str,
    method: str,
    given: tuple[str, ...],
    labels: str | None,
    strategy: str | None,
    dataset: str,
    seed: int,
    target: str,
    granularity: Any,
    reference: str | None,
    each_token: bool,
    check: bool,
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
    from attrimark_registry.self_check import self_check
    from attrimark_registry.text import Example

    from attrimark.document.bars import as_bars
    from attrimark.document.figures import save_as
    from attrimark.document.token_table import as_token_table
    from attrimark.results.network_checks import in_words
    from attrimark.run.attribute import attribute
    from attrimark.run.gpus import require_gpu
    from attrimark.run.prepare import prepare

    from .as_written import options_of, plugin

    if device == "cuda":
        require_gpu()
    catalog = load_catalog()
    chosen: Any = plugin(catalog, "method", method, **options_of(given))
    source: Any = plugin(catalog, "model", model)
    if strategy or not source.trained:
        splits = cast(Dataset, plugin(catalog, "dataset", dataset)).load()
        trainer = cast(Strategy, plugin(catalog, "strategy", strategy or "frozen"))
        say(f"training ({trainer}) on {TRAINED_ON} texts of {dataset} …", err=True)
        untrained = source.load(splits.labels, device or "cpu")
        ready = trainer.fine_tune(untrained, splits.train[:TRAINED_ON], [seed])[0]
    else:
        own = () if source.knows_labels else LABELS
        ready = source.load(labels.split(",") if labels else own, device or "cpu")
    example = Example("text", (text,), reference=reference)
    found = self_check(ready, [example])
    if check:
        say("\n".join(in_words(found.plain)), err=as_json)
    ready = ready.handled(found.handling)
    with ready.active():
        prepared = prepare(ready, [example], target, granularity, network={"check": found.plain})
        if prepared.left_out:
            raise AttrimarkError(prepared.left_out["text"])
        explanations = attribute(prepared, chosen, each_token=each_token).explained
    first, *others = explanations  # more where each label is decided for itself, and several hold
    if figure:
        save_as(_drawn(first, str(chosen)), figure)
    if as_json:
        told = _plain(first, str(chosen))
        if others:
            told["others"] = [_plain(each, str(chosen)) for each in others]
        say_json(told)
        return
    for each in explanations:
        say(f"explained: {each.explained}    method: {chosen}    cost: {each.own.forwards} forwards")
        say(as_bars(each))
        if each.by_token is not None:
            say()
            say(as_token_table(each))


def _plain(explanation: Attribution, method: str) -> dict[str, Any]:
    """The explanation as plain data."""
    pairs = [
        {"text": feature.text, "start": feature.start, "end": feature.end, "score": float(score)}
        for feature, score in zip(explanation.features, explanation.scores, strict=True)
    ]
    plain = {
        "explained": explanation.explained,
        "method": method,
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
        plain["tokens"] = [{"text": token, "scores": scores} for token, scores in written]
    return plain


def _drawn(explanation: Attribution, method: str) -> Figure:
    """A heat map where each token was explained, else bars."""
    from attrimark.document.figures import word_bars
    from attrimark.document.heat_map import heat_map

    if explanation.by_token is not None:
        return heat_map(explanation)
    words = [feature.text for feature in explanation.features]
    return word_bars({method: explanation.scores}, words, f"for and against {explanation.explained}")
