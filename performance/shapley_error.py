"""How far estimators of Shapley values are off at one budget, on a real model's film reviews.

    python performance/shapley_error.py              20 reviews of 8 to 12 words: a quarter of an hour on two cores
    python performance/shapley_error.py --write      the results into docs/shapley-error.md

Every subset of each review is evaluated once; against the exact values that these give, estimators are then played on
the table, many draws each. A budget is named by the orders that it pays for: p · (n − 1) + 2 evaluations of n words.
The error is Σ(φ̂ − φ)² / Σφ², averaged over draws; between reviews, the geometric mean.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import machine
import numpy as np
from attrimark.run.evaluator import Question, SubsetEvaluator
from attrimark_plugins.datasets.rated_snippets import RatedSnippets
from attrimark_plugins.methods.kernel_shap import KernelShap
from attrimark_plugins.methods.leverage_shap import LeverageShap
from attrimark_plugins.methods.shapley_antithetic import ShapleyAntithetic
from attrimark_plugins.methods.shapley_exact import ShapleyExact
from attrimark_plugins.methods.shapley_sampling import ShapleySampling
from attrimark_plugins.metrics.shared.exact_bounds import all_subsets, places
from attrimark_plugins.models.smollm2 import Smollm2
from attrimark_registry import Exploration, Feature, Scores, SubsetMethod
from attrimark_registry.conformance import play
from tabulate import tabulate

REPORT = Path(__file__).parents[1] / "docs" / "shapley-error.md"
VERSIONS = ("attrimark", "torch", "transformers")

HEAD = """# The error of Shapley estimators

Written by `performance/shapley_error.py --write`, never by hand: estimators of Shapley values at one budget, against
the exact values that all 2ⁿ subsets give, on film reviews in Videneeva's prompt, answered by SmolLM2-135M. p orders of
n words are a budget of p · (n − 1) + 2 evaluations.

- relative error: Σ(φ̂ − φ)² / Σφ², averaged over draws; its geometric mean over reviews, with the least and the greatest
- ÷ sampling: its ratio to that of `shapley-sampling`, the geometric mean over reviews; 0.5 is half the squared error
- evaluations: subsets asked for, each counted once
- error told: the diagnostic `standard_error` over the error that was made; 1 is honest
"""

# by name: the estimator that p orders of n words pay for
ESTIMATORS: Mapping[str, Callable[[int, int], SubsetMethod]] = {
    "shapley-sampling": lambda p, n: ShapleySampling(permutations=p),
    "shapley-antithetic": lambda p, n: ShapleyAntithetic(budget=p * (n - 1) + 2),
    "kernel-shap": lambda p, n: KernelShap(budget=p * (n - 1) + 2),
    "leverage-shap": lambda p, n: LeverageShap(budget=p * (n - 1) + 2),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=20, help="reviews to explain")
    parser.add_argument("--shortest", type=int, default=8, help="words of a review, at least")
    parser.add_argument("--longest", type=int, default=12, help="words of a review, at most: n words are 2ⁿ subsets")
    parser.add_argument("--permutations", type=int, nargs="+", default=[5, 10, 20], help="budgets, in orders")
    parser.add_argument("--draws", type=int, default=20, help="draws of each estimator")
    parser.add_argument("--tables", type=Path, help="keep the values of all subsets in this .npz file, and reuse them")
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.parent.name}/{REPORT.name}")
    given = parser.parse_args()

    where = machine.described(VERSIONS)
    known = dict(np.load(given.tables)) if given.tables and given.tables.exists() else {}
    tables = []
    for example, table in tabulated(given.texts, given.shortest, given.longest, known):
        tables.append(table)
        known[example] = table
        if given.tables:
            np.savez(given.tables, **known)
    found = as_markdown(tables, given.permutations, given.draws)
    print(found)
    if given.write:
        facts = "\n".join(f"- {name}: {value}" for name, value in where.items())
        REPORT.write_text(f"{HEAD}\n{facts}\n\n{found}\n")


def as_markdown(tables: Sequence[np.ndarray], permutations: Sequence[int], draws: int) -> str:
    """What was found, in Markdown."""
    lengths = [len(table).bit_length() - 1 for table in tables]
    rows = [row for orders in permutations for row in compared(tables, orders, draws)]
    headers = ["orders", "estimator", "evaluations", "relative error", "least", "greatest", "÷ sampling", "error told"]
    return (
        f"{len(tables)} reviews of {min(lengths)} to {max(lengths)} words, the first of the test split; "
        f"{draws} draws of each estimator.\n\n{tabulate(rows, headers, tablefmt='pipe', floatfmt='.3g')}"
    )


def tabulated(
    texts: int, shortest: int, longest: int, known: Mapping[str, np.ndarray]
) -> Iterator[tuple[str, np.ndarray]]:
    """The log-odds of SmolLM2's prediction on every subset of each review, by deletion."""
    splits = RatedSnippets(domain="movies", minimum=1.0, shortest=shortest, longest=longest).load()
    examples = splits.test[:texts]
    missing = [example for example in examples if example.id not in known]
    yield from ((example.id, known[example.id]) for example in examples if example.id in known)
    if not missing:
        return
    model = Smollm2().load(splits.labels, "cpu")
    with model.active():
        for done, row in enumerate(model.decide([model.encode(example, "word") for example in missing])):
            print(f"{done} of {len(missing)} reviews", end="\r", file=sys.stderr)
            question = Question(row, "delete", "log-odds", everything(len(row.features)))
            answer = SubsetEvaluator(model).explore([question])[0]
            assert answer.scores is not None  # `everything` refuses no text
            yield row.example.id, np.asarray(answer.scores.values)


def everything(features: int) -> Exploration:
    """The values of all subsets."""
    return (yield all_subsets(features))


def compared(tables: Sequence[np.ndarray], orders: int, draws: int) -> Iterator[list]:
    """A row for each estimator."""
    errors: dict[str, list[float]] = {name: [] for name in ESTIMATORS}
    told: dict[str, list[float]] = {name: [] for name in ESTIMATORS}
    asked: dict[str, list[float]] = {name: [] for name in ESTIMATORS}
    for table in tables:
        exact, _ = played(ShapleyExact(), table, 0)
        for name, make in ESTIMATORS.items():
            method = make(orders, len(exact.values))
            found = [played(method, table, draw) for draw in range(draws)]
            squares = np.mean([np.sum((scores.values - exact.values) ** 2) for scores, _ in found])
            errors[name].append(float(squares / np.sum(exact.values**2)))
            asked[name].append(float(np.mean([subsets for _, subsets in found])))
            claimed = [np.sum(scores.diagnostics.get("standard_error", np.nan) ** 2) for scores, _ in found]
            told[name].append(float(np.sqrt(np.mean(claimed) / squares)))
    for name, error in errors.items():
        ratio = np.array(error) / errors["shapley-sampling"]
        yield [orders, name, np.mean(asked[name]), geometric(error), min(error), max(error), geometric(ratio),
               np.mean(told[name])]  # fmt: skip


def played(method: SubsetMethod, table: np.ndarray, seed: int) -> tuple[Scores, int]:
    """A method's scores on a table of values, and how many subsets it asked for."""
    count = len(table).bit_length() - 1
    asked: list[int] = []

    def value(keep: np.ndarray) -> np.ndarray:
        asked.append(len(keep))
        return table[places(keep)]

    features = [Feature(f"word {place}", 0, place, place + 1) for place in range(count)]
    return play(method.explore(features, np.random.default_rng(seed)), value, count), sum(asked)


def geometric(numbers) -> float:
    """The geometric mean."""
    return float(np.exp(np.mean(np.log(numbers))))


if __name__ == "__main__":
    main()
