"""One side of a paired timing: explains a suite's texts when it is told to, and answers with the seconds it took.

Run as a script in either work tree, so it uses only what older versions of the harness have too.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any


def main() -> None:
    options = argparse.ArgumentParser()
    for name in ("--config", "--suite", "--device", "--threads", "--folder"):
        options.add_argument(name, required=True)
    chosen = options.parse_args()
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what plugins print is no answer
    sys.stdout = sys.stderr

    import torch
    from attrimark_registry.catalog import load_catalog

    from attrimark.run.attribute import attribute
    from attrimark.run.prepare import prepare
    from attrimark.run.variants import Variants
    from attrimark.suite.matrix import cells_of
    from attrimark.suite.reading.suites import read_suite

    torch.set_num_threads(int(chosen.threads))
    suite = read_suite(Path(chosen.config), chosen.suite, load_catalog())
    cells = {called(cell): cell for cell in cells_of(suite) if cell.method is not None}
    variants = Variants(chosen.device, Path(chosen.folder))
    prepared: Any = None
    current: Any = None

    def answer(told: dict[str, Any]) -> None:
        channel.write(json.dumps(told) + "\n")
        channel.flush()

    answer({"ready": True})
    with ExitStack() as stack:
        for line in sys.stdin:
            asked = json.loads(line)
            try:
                cell: Any = cells[asked["cell"]]
                if cell.variant != current:
                    stack.close()
                    current, variant = None, cell.variant
                    model, _ = variants.checked(variant, variants.get(variant, [variant.seed]))
                    stack.enter_context(model.active())
                    prepared = prepare(model, variant.examples, variant.target, variant.granularity)
                    current = variant
                started = time.perf_counter()
                for _ in range(asked["times"]):
                    prepared.evaluator.forget()
                    attribute(prepared, cell.method, cell.operator, cell.pooling, cell.suite_seed, cell.replicate)
                answer({"seconds": time.perf_counter() - started})
            # a plugin is a stranger's code, and may not be there at all on this side
            except Exception as error:
                answer({"error": f"{type(error).__name__}: {error}"})


def called(cell: Any) -> str:
    """A cell's name on both sides."""
    return f"{cell.variant} × {cell.method} × {cell.replicate}"


if __name__ == "__main__":
    main()
