"""How fast subsets of words are evaluated, beside other libraries: the same work, in one process, in turns.

    python performance/subset_evaluation.py                  SmolLM2 and MiniLM: minutes on two cores
    python performance/subset_evaluation.py --device cuda    on a GPU, with a 7B network in NF4
    python performance/subset_evaluation.py --write          the results into docs/performance.md

The work is leave-one-out, Shapley sampling by five orders, and by three orders with their reverses, as shap draws
them; on film reviews, one at a time: with SmolLM2 in Videneeva's prompt, with a frozen MiniLM under a trained head.
First the scores must be equal (to 1e-4), then times are taken in turns and their medians compared. The value function
of Captum, shapiq and shap is written by hand as well as we can (`peers.HandBatched`) and takes the batch size that is
best here.

On a GPU a network of Mistral-7B's shape with random weights (which decide no time) is quantized to NF4 and measured
too: multiplying in float32, where scores must be equal, and in bfloat16, where each way rounds otherwise. That part
says "not run" where there is none.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

# waiting threads must not take the cores from each other where others compute too
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import machine
import numpy as np
import peers
import torch
from attrimark.run.evaluator import Answer, Question, SubsetEvaluator
from attrimark.run.machine import cores
from attrimark_plugins.datasets.rated_snippets import RatedSnippets
from attrimark_plugins.methods.integrated_gradients import IntegratedGradients
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.methods.shapley_antithetic import ShapleyAntithetic
from attrimark_plugins.methods.shapley_sampling import ShapleySampling
from attrimark_plugins.models.minilm import Minilm
from attrimark_plugins.models.shared.mixed_precision import in_mixed_precision
from attrimark_plugins.models.shared.prompts import SENTIMENT_PROMPT
from attrimark_plugins.models.smollm2 import Smollm2
from attrimark_plugins.quantizers.nf4 import Nf4
from attrimark_plugins.quantizers.shared.four_bit import Compute
from attrimark_plugins.strategies.frozen import Frozen
from attrimark_registry import Encoded, Example, Model, PromptClassifier, Reading, Splits, SubsetMethod
from interleaved import Timing, timed_in_turns
from tabulate import tabulate

REPORT = Path(__file__).parents[1] / "docs" / "performance.md"
VERSIONS = ("attrimark", "torch", "transformers", "captum", "shapiq", "shap")
SIZES = {"cpu": (4, 8, 16, 32), "cuda": (16, 32, 64, 128, 256)}  # batches tried by hand
ORDERS, PAIRS = 5, 3
TOLERANCE = {"cpu": 1e-4, "cuda": 1e-3}
OURS, BATCHED, DOCUMENTED = "attrimark", "Captum, batched by hand", "Captum LLMAttribution"
SHAPIQ, SHAP = "shapiq, batched by hand", "shap, batched by hand"

HEAD = """# Performance

Written by `performance/subset_evaluation.py --write`, never by hand. All ways of one piece of work ran in one process,
in turns; seconds are medians for one text, and "÷ ours" is the median of the ratios within each round, by the clock and
by what the cores worked, which other programs disturb less. A forward is a row through the network; padding is no
token. On a GPU, "peak" is the most that tensors held at once, weights included.

Reviews in a prompt are the first of the test split of which Captum's way of leaving words out, which cuts them from the
text, makes the very tokens that are left when the words' own are removed: on others the libraries do not do the same
work, as where a word that is cut out lets its neighbours merge into other tokens."""


class Explained(NamedTuple):
    """One text's scores, and what went through the network for them, where that is counted."""

    scores: np.ndarray
    rows: int | None = None
    tokens: int | None = None


Way = Callable[[Encoded], Explained]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=2, help="reviews to explain")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.parent.name}/{REPORT.name}")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    where, sections = machine.described(VERSIONS), []
    for section in report(torch.device(given.device), given.texts, given.rounds):
        print(section, end="\n\n", flush=True)
        sections.append(section)
    where["load"] += f", {machine.load():.1f} after"
    facts = "\n".join(f"- {name}: {value}" for name, value in where.items())
    print(facts)
    if given.write:
        REPORT.write_text("\n\n".join([HEAD, facts, *sections]) + "\n")


def report(device: torch.device, texts: int, rounds: int) -> Iterator[str]:
    """Every part, in Markdown."""
    splits = RatedSnippets(domain="movies", minimum=1.0, shortest=14, longest=30).load()
    yield from of_smollm2(splits, device, texts, rounds)
    yield from of_minilm(splits, device, 4 * texts, rounds)
    yield from of_mistrals_shape(splits, device, texts, rounds)


def of_smollm2(splits: Splits, device: torch.device, texts: int, rounds: int) -> Iterator[str]:
    yield "## SmolLM2-135M in float32, reviews of 20 to 30 tokens in Videneeva's prompt"
    model = Smollm2().load(splits.labels, device.type)
    with model.active():
        yield from compared(model, in_prompt(model, splits.test, texts), rounds)


def of_minilm(splits: Splits, device: torch.device, texts: int, rounds: int) -> Iterator[str]:
    yield "## MiniLM, 22.7 M parameters, under a trained head, reviews of 14 to 30 words"
    (model,) = Frozen().fine_tune(Minilm().load(splits.labels, device.type), splits.train[:200], [0])
    with model.active():
        rows = model.decide([model.encode(example) for example in splits.test[:texts]])
        yield from compared(model, rows, rounds)


def of_mistrals_shape(splits: Splits, device: torch.device, texts: int, rounds: int) -> Iterator[str]:
    yield "## A network of Mistral-7B's shape in NF4, the same reviews"
    if device.type != "cuda":
        yield "Not run: no GPU was at hand."
        return
    tokenizer = Smollm2().load(splits.labels, "cpu").tokenizer
    for compute in ("float32", "bfloat16"):
        yield f"### Multiplying in {compute}"
        model = in_mistrals_shape(tokenizer, splits.labels, device, compute)
        with model.active():
            rows = in_prompt(model, splits.test, texts)
            yield from compared(model, rows, rounds)
            yield share_of_peak(model, rows[0])
            yield gradients_held(model, rows[0].example)


def in_prompt(model: Any, examples: Sequence[Example], count: int) -> list[Encoded]:
    """Reviews of 20 to 30 tokens of which Captum, which cuts words out of the text, makes the rows that we make."""
    rows = (model.encode(example) for example in examples)
    fitting = (row for row in rows if 20 <= (row.feature_of >= 0).sum() <= 30 and peers.same_as_text(model, row))
    return model.decide(list(islice(fitting, count)))


def compared(model: Model, rows: Sequence[Encoded], rounds: int) -> Iterator[str]:
    """Each piece of work as a table."""
    size = best_size(model, rows[0])
    for work, ways in works(model, size).items():
        results = {name: [way(row) for row in rows] for name, way in ways.items()}
        apart = differences(model, rows, results)
        if model.precision == torch.float32 and max(apart.values()) > TOLERANCE[model.device.type]:
            raise SystemExit(f"{work}: scores differ by {apart}")
        loops = {name: lambda way=way: [way(row) for row in rows] for name, way in ways.items()}
        timings = timed_in_turns(loops, rounds, partial(wait, model.device))
        peaks = {name: peak_of(loop, model.device) for name, loop in loops.items()}
        lengths = [len(row.features) for row in rows]
        told = ", ".join(f"{name} {difference:.0e}" for name, difference in apart.items())
        yield (
            f"**{work}**: {len(rows)} reviews of {min(lengths)} to {max(lengths)} words, batches of {size} by hand.\n\n"
            f"{as_markdown(results, timings, peaks, len(rows))}\n\nLargest difference from ours: {told}."
        )


def best_size(model: Model, row: Encoded) -> int:
    """The batch by hand with which Captum's leave-one-out takes the least time."""
    sizes = SIZES[model.device.type]
    loops = {str(size): lambda size=size: by_hand(peers.ablated, model, row, size) for size in sizes}
    timings = timed_in_turns(loops, 4, partial(wait, model.device))
    return min(sizes, key=lambda size: timings[str(size)].seconds)


# The ways


def works(model: Model, size: int) -> Mapping[str, Mapping[str, Way]]:
    """Each piece of work in all the ways that do it, ours first.

    Args:
        size: of the batches by hand.
    """
    evaluator = SubsetEvaluator(model)

    def hand(explain: peers.Explain) -> Way:
        return lambda row: by_hand(explain, model, row, size)

    left_out: dict[str, Way] = {
        OURS: lambda row: ours(evaluator, row, LeaveOneOut()),
        BATCHED: hand(peers.ablated),
    }
    sampled: dict[str, Way] = {
        OURS: lambda row: ours(evaluator, row, ShapleySampling(permutations=ORDERS)),
        BATCHED: hand(lambda value, count: peers.sampled(value, count, ORDERS, draws())),
        SHAPIQ: hand(lambda value, count: peers.sampled_by_shapiq(value, count, ORDERS, seed=0)),
    }
    paired: dict[str, Way] = {
        OURS: lambda row: ours(evaluator, row, ShapleyAntithetic(budget=PAIRS * 2 * (len(row.features) - 1) + 2)),
        SHAP: hand(lambda value, count: peers.paired_by_shap(value, count, PAIRS, seed=0)),
    }
    if isinstance(model, PromptClassifier):
        left_out[DOCUMENTED] = lambda row: Explained(peers.documented(model, row, None, draws()))
        sampled[DOCUMENTED] = lambda row: Explained(peers.documented(model, row, ORDERS, draws()))
    return {
        "Leave-one-out": left_out,
        f"Shapley sampling by {ORDERS} orders": sampled,
        f"Shapley sampling by {PAIRS} orders and their reverses": paired,
    }


def ours(evaluator: SubsetEvaluator, row: Encoded, method: SubsetMethod, reading: Reading = "log-odds") -> Explained:
    evaluator.forget()
    answer = asked(evaluator, row, method, reading)
    assert answer.scores is not None  # none of these methods refuses
    return Explained(answer.scores.values, answer.own.forwards, answer.own.tokens)


def asked(evaluator: SubsetEvaluator, row: Encoded, method: SubsetMethod, reading: Reading = "log-odds") -> Answer:
    exploration = method.explore(row.features, draws())
    return evaluator.explore([Question(row, evaluator.model.default_operator, reading, exploration)])[0]


def by_hand(explain: peers.Explain, model: Model, row: Encoded, size: int) -> Explained:
    value = peers.HandBatched(model, row, size)
    return Explained(explain(value, len(row.features)), value.rows, value.tokens)


def differences(model: Model, rows: Sequence[Encoded], results: Mapping[str, Sequence[Explained]]) -> dict[str, float]:
    """The largest difference of others' scores from ours, where both do the same.

    shapiq and shap draw their own orders: what must agree is the sum of the scores, which no order changes.
    `LLMAttribution` explains the answer's log-probability, and is compared with ours of the same where one word is
    left out; when it cuts all words out of the text, the prompt's ":" and "." become one token, and its Shapley values
    other ones.
    """
    theirs = {name: [each.scores for each in found] for name, found in results.items()}
    mine = theirs.pop(OURS)
    apart = {BATCHED: _apart(mine, theirs[BATCHED])} if BATCHED in theirs else {}
    for name in {SHAPIQ, SHAP} & theirs.keys():
        apart[f"{name} (sums)"] = _apart([scores.sum() for scores in mine], [each.sum() for each in theirs[name]])
    if DOCUMENTED in theirs and SHAPIQ not in theirs:
        evaluator = SubsetEvaluator(model)
        logits = [ours(evaluator, row, LeaveOneOut(), "logit").scores for row in rows]
        apart[DOCUMENTED] = _apart(logits, theirs[DOCUMENTED])
    return apart


def _apart(some: Sequence[Any], others: Sequence[Any]) -> float:
    return max(float(np.abs(one - other).max()) for one, other in zip(some, others, strict=True))


def draws() -> np.random.Generator:
    """The orders are the same for all."""
    return np.random.default_rng(0)


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_of(loop: Callable[[], object], device: torch.device) -> float | None:
    """The GiB that tensors hold at most, weights included; None where no allocator tells."""
    if device.type != "cuda":
        return None
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    loop()
    wait(device)
    return torch.cuda.max_memory_allocated(device) / 2**30


def as_markdown(
    results: Mapping[str, Sequence[Explained]],
    timings: Mapping[str, Timing],
    peaks: Mapping[str, float | None],
    texts: int,
) -> str:
    """A line for each way, ours first; rows and tokens of one text, on average; peaks where they are known."""
    tokens = _mean([each.tokens for each in results[OURS]])
    lines = []
    for name, timing in timings.items():
        rows, theirs = (_mean([each[place] for each in results[name]]) for place in (1, 2))
        share = tokens / theirs if tokens and theirs else None
        seconds = f"{timing.seconds / texts:.3g}"
        ratios = f"{timing.ratio:.2f}", f"{timing.processor_ratio:.2f}"
        line = [name, seconds, *ratios, _told(rows, ".4g"), _told(theirs, ".4g"), _told(share, ".2f")]
        lines.append(line if peaks[name] is None else [*line, _told(peaks[name], ".2f")])
    header = ["", "seconds", "÷ ours", "÷ ours, processor", "forwards", "tokens", "our share of them", "peak, GiB"]
    header = header[: len(lines[0])]
    aligned = ("left", *["right"] * (len(header) - 1))
    return tabulate(lines, header, tablefmt="pipe", disable_numparse=True, colalign=aligned)


def _mean(counts: Sequence[Any]) -> float | None:
    return None if None in counts else sum(counts) / len(counts)


def _told(number: float | None, form: str) -> str:
    return "–" if number is None else format(number, form)


# On a GPU only


def in_mistrals_shape(
    tokenizer: Any, labels: Sequence[str], device: torch.device, compute: Compute, **shape: Any
) -> Model:
    """Mistral-7B-Instruct-v0.2's shape with random weights, in NF4 with double quantization; another one's tokenizer.

    Args:
        compute: the numbers that its layers multiply in.
        shape: other numbers for the configuration.
    """
    from transformers import MistralConfig, MistralForCausalLM

    config = MistralConfig(**{"vocab_size": len(tokenizer), "sliding_window": None, **shape})
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.bfloat16)
        with torch.device(device):
            network = MistralForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
    model = PromptClassifier(in_mixed_precision(network).eval(), tokenizer, labels, SENTIMENT_PROMPT)
    return Nf4(double_quant=True, compute=compute).quantize(model)


def share_of_peak(model: Model, row: Encoded) -> str:
    """How much of what the machine can multiply is used, in the numbers that four-bit layers multiply in."""
    evaluator = SubsetEvaluator(model)
    asked(evaluator, row, LeaveOneOut())  # warm
    evaluator.forget()
    cost = asked(evaluator, row, LeaveOneOut()).own
    used, peak = cost.flops / cost.seconds, machine.matrix_product_peak(model.device, model.precision)
    return (
        f"Leave-one-out of one review: {used / 1e12:.1f} TFLOP/s, {used / peak:.0%} of the {peak / 1e12:.1f} of a "
        f"product of {str(model.precision).removeprefix('torch.')} matrices on this machine."
    )


def gradients_held(model: Model, example: Example, tokens: int = 128, steps: int = 50, allowed: float = 8) -> str:
    """What integrated gradients hold at most, weights included, for a row of at least so many tokens.

    Args:
        allowed: GiB; a larger GPU is made to refuse more, so that passes shrink as they do on one of that size.
    """
    words = cycle(example.text.split())
    row, text = model.encode(example), next(words)
    while len(row) < tokens:
        text += f" {next(words)}"
        row = model.encode(Example("long", (text,)))
    batch = model.collate(model.decide([row]))
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(model.device)
    all_there_is = torch.cuda.get_device_properties(model.device).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, allowed * 2**30 / all_there_is), model.device)
    try:
        IntegratedGradients(steps=steps).attribute(model, batch, [draws()])
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, model.device)
    most = torch.cuda.max_memory_allocated(model.device)
    return (
        f"Integrated gradients, {steps} steps, {len(row)} tokens, where {allowed:g} GiB are allowed: "
        f"{most / 2**30:.2f} GiB at most, weights included."
    )


if __name__ == "__main__":
    main()
