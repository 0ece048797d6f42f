"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

suite = click.argument("suite")
config = click.option(
    "--config", "-c", type=click.Path(path_type=Path), default=Path("benchmarks.toml"), show_default=True,
    help="The file with the suites.",
)  # fmt: skip
store = click.option(
    "--store", type=click.Path(path_type=Path), default=Path(".attrimark"), show_default=True,
    help="The folder where results are kept.",
)  # fmt: skip
figures = click.option(
    "--figures", type=click.Path(path_type=Path), help="Write the figures into this folder, as SVG and PNG."
)
form = click.option(
    "--format", "form", metavar="[table|markdown|latex|csv|json|…]", default="table", show_default=True,
    help="csv: in long format; latex: needs booktabs; or a format that a plugin adds.",
)  # fmt: skip
output = click.option(
    "--output", "-o", type=click.Path(path_type=Path), metavar="FILE", help="Write to this file instead."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
device = click.option("--device", type=click.Choice(["cpu", "cuda"]), help="Where to run; a GPU where there is one.")
