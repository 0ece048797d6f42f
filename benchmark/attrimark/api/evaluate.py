"""For people with a model in hand: explain and judge in this process, and show the leaderboard.

(Not named after its verb, which would hide `attrimark.evaluate` once this module is imported.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast, get_args

from attrimark_registry.attribution import Attribution, Record
from attrimark_registry.catalog import Catalog, load_catalog
from attrimark_registry.classifier import Classifier
from attrimark_registry.errors import AttrimarkError
from attrimark_registry.model import How, Model
from attrimark_registry.names import one_of
from attrimark_registry.output_names import output_names
from attrimark_registry.plugin import Dataset, Method, Metric, ModelSource, Plugin
from attrimark_registry.prompt_classifier import PromptClassifier
from attrimark_registry.reading import ONE_OUTPUT, Head, head_of
from attrimark_registry.removal import OPERATORS, Operator
from attrimark_registry.self_check import self_check
from attrimark_registry.text import Example, Granularity, Splits
from attrimark_registry.vocabulary import require_vocabulary
from attrimark_registry.writer import Writer

from attrimark.document.render.notebook import as_html
from attrimark.document.render.terminal import as_text
from attrimark.results.results import metrics_of, shown
from attrimark.run.prepare import Prepared, prepare
from attrimark.run.run_cell import Attempt, Outcome, run_cell, unfinished
from attrimark.studies.leaderboard.board import Leaderboard
from attrimark.studies.leaderboard.leaderboard import leaderboards
from attrimark.studies.leaderboard.sections import section_of
from attrimark.suite.matrix import Cell, Variant

from .given_texts import examples_of

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedTokenizerBase

METHODS = ("random", "leave-one-out", "shapley-sampling", "integrated-gradients")
METRICS = ("sufficiency", "comprehensiveness")


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What `evaluate` found; prints (and in a notebook displays) its leaderboard.

    Attributes:
        attributions: by the method's display name, in the order of the texts.
        left_out: by id (a text's position), why a text was left out: nothing in it, or too long for the model.
    """

    boards: tuple[Leaderboard, ...]
    attributions: Mapping[str, tuple[Attribution, ...]]
    records: tuple[Record, ...]
    left_out: Mapping[str, str]

    def __str__(self) -> str:
        return as_text(map(section_of, self.boards))

    def __iter__(self) -> Iterator[Leaderboard]:
        return iter(self.boards)

    def _repr_html_(self) -> str:
        return as_html(map(section_of, self.boards))


def evaluate(
    model: Model | nn.Module,
    tokenizer: PreTrainedTokenizerBase | None = None,
    texts: str | Example | Iterable[Any] = (),
    methods: str | Method | Iterable[str | Method] = METHODS,
    metrics: str | Metric | Iterable[str | Metric] = METRICS,
    *,
    labels: Iterable[str] | None = None,
    prompt: str | None = None,
    head: Head | str | None = None,
    target: How = "predicted",
    granularity: Granularity | str = "word",
    operator: Operator | str | None = None,
    operators: Operator | str | Iterable[str] | None = None,
    seed: int = 0,
) -> Evaluation:
    """Explain a model's decisions on `texts` with every method, and judge the explanations with every metric.

    Args:
        model: an attrimark `Model`, or a transformers network: a sequence classifier, or a causal model (with
            `prompt` and `labels` a prompt classifier, else a writer that continues the text).
        texts: one string, or any iterable (a list, a generator, an array, a column of a table) of strings, of pairs of
            strings, or of `Example`s with labels and rationales. What is missing or empty is left out.
        methods, metrics: plugin names, or plugins with options.
        operator, operators: how methods, and how metrics, remove features.
        head: what a classifier's outputs are: "softmax" of labels, "sigmoid" of each label, or "scalar" scores; by
            default as the network's configuration says.
        labels: of a sequence classifier, the names of its outputs, in any order and case; where it has none of its own
            (LABEL_0, LABEL_1, …), names for them, in order. Of a causal model, the answers to choose from.

    Raises:
        AttrimarkError: no texts, something that is not a text, labels that are not the network's, an unknown plugin,
            a network that is neither.
    """
    unit: Granularity = one_of("granularity", granularity, get_args(Granularity))
    removed: Operator | None = None if operator is None else one_of("operator", operator, OPERATORS)
    removing = None if operators is None else tuple(one_of("operator", each, OPERATORS) for each in _each(operators))
    examples, nothing = examples_of(texts)
    catalog = load_catalog()
    names = None if labels is None else list(map(str, _each(labels)))
    ready = model if isinstance(model, Model) else wrap(model, tokenizer, names, prompt, head)
    given = _Given(network=type(ready.network).__name__, fine_tuned=ready.pretrained is not None)
    variant = Variant(_InHand(texts=examples, labels=ready.labels), given, (), 0, unit, target, len(examples), None)
    chosen = tuple(cast(Metric, _made(catalog, "metric", metric)) for metric in _each(metrics))
    explaining = [cast(Method, _made(catalog, "method", method)) for method in _each(methods)]
    if not explaining:
        raise AttrimarkError('name at least one method, such as "leave-one-out"')
    cells = [Cell(variant, method, seed, 0, removed, removing, "sum", chosen) for method in (None, *explaining)]
    check = self_check(ready, examples)
    ready = ready.handled(check.handling)
    with ready.active():
        prepared = prepare(ready, examples, target, unit, network={"check": check.plain})
        prepared = replace(prepared, left_out={**nothing, **prepared.left_out})
        outcomes = _outcomes(cells, prepared)
    records = tuple(outcome.record for outcome in outcomes)
    explained = {str(cell.method): each.attributions for cell, each in zip(cells, outcomes, strict=True) if cell.method}
    compared = list(shown({each.cell: each for each in records}, cells).values())
    return Evaluation(
        boards=tuple(leaderboards(compared, metrics_of(cells))),
        attributions=explained,
        records=records,
        left_out=prepared.left_out,
    )


def _outcomes(cells: Sequence[Cell], prepared: Prepared) -> list[Outcome]:
    """Of each cell, until a plugin leaves the network otherwise than it was: those after it have no numbers."""
    outcomes: list[Outcome] = []
    for cell in cells:
        if outcomes and outcomes[-1].spoiled:
            reason = f"not run, for the network is no longer what it was ({_offence(outcomes)}): load it again"
            ended = Attempt[Any]("failed", reason, "changed-network")
            outcomes.append(Outcome(unfinished(cell, ended, prepared.left_out, prepared.network), spoiled=True))
        else:
            outcomes.append(run_cell(cell, prepared))
    return outcomes


def _offence(outcomes: Sequence[Outcome]) -> str | None:
    record = next(each.record for each in outcomes if each.spoiled)
    return record.reason or next(reason for status, reason in record.metric_status.values() if status == "failed")


def wrap(
    network: nn.Module,
    tokenizer: PreTrainedTokenizerBase | None,
    labels: Sequence[str] | None,
    prompt: str | None,
    head: Head | str | None = None,
) -> Model:
    """A transformers network as a `Model`, by its kind.

    Raises:
        AttrimarkError: no tokenizer, or a network that neither classifies nor writes.
    """
    kind = type(network).__name__
    inner = next((name for name in ("_orig_mod", "module", "model") if _is_network(getattr(network, name, None))), None)
    if inner and not _is_network(network):
        raise AttrimarkError(f"{kind} holds a network: pass its .{inner}")
    if tokenizer is None:
        raise AttrimarkError("a network needs its tokenizer")
    require_vocabulary(tokenizer, network)
    if kind.endswith("ForSequenceClassification"):
        config: Any = network.config
        own = cast(Mapping[int, str], config.id2label)
        names = output_names(own, labels)
        kind_of_head: Head = head_of(config) if head is None else one_of("head", head, get_args(Head))
        if kind_of_head == "softmax" and len(names) == 1:
            raise AttrimarkError(ONE_OUTPUT)
        if getattr(config, "return_dict", True) is False:
            raise AttrimarkError("the network returns tuples: set network.config.return_dict = True")
        return Classifier(network, tokenizer, names, head=kind_of_head)
    if not kind.endswith(("ForCausalLM", "LMHeadModel")):
        raise AttrimarkError(f"{kind} is neither a sequence classifier nor a causal model: pass an attrimark Model")
    if labels and prompt:
        return PromptClassifier(network, tokenizer, labels, prompt)
    if labels or (prompt and "{text}" not in prompt):
        raise AttrimarkError("a prompt classifier needs labels and a prompt with {text} in it")
    return Writer(network, tokenizer, prompt or "{text}")


def _each(given: Any) -> Iterable[Any]:
    """The items of what was passed; one name or one plugin is an item of its own, and None is none."""
    return [given] if isinstance(given, str | Plugin) else [] if given is None else given


def _made(catalog: Catalog, kind: Any, plugin: str | Method | Metric) -> Any:
    if not isinstance(plugin, str | Method | Metric):
        raise AttrimarkError(
            f"a {kind} is its name, or a plugin with options (such as IntegratedGradients(steps=64)), not a "
            f"{type(plugin).__name__}"
        )
    return catalog.make(kind, plugin) if isinstance(plugin, str) else plugin


def _is_network(candidate: Any) -> bool:
    return type(candidate).__name__.endswith(("ForSequenceClassification", "ForCausalLM", "LMHeadModel"))


class _InHand(Dataset):
    """The texts that were passed."""

    name = "texts"

    texts: tuple[Example, ...]
    labels: tuple[str, ...]

    def load(self) -> Splits:
        return Splits(self.labels, test=self.texts)

    def __str__(self) -> str:
        return f"{len(self.texts)} texts"


class _Given(ModelSource):
    """The network that was passed."""

    name = "network"
    trained = True

    network: str
    fine_tuned: bool

    @property
    def knows_pretrained(self) -> bool:
        return self.fine_tuned

    def load(self, labels: Sequence[str], device: str) -> Model:
        raise AttrimarkError("a network in hand cannot be loaded again: use a model plugin")

    def __str__(self) -> str:
        return self.network
