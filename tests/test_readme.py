"""The README's examples run, and its commands exist."""

import re
from pathlib import Path

import attrimark
from attrimark.cli import COMMANDS
from attrimark_plugins.models.tiny import TinyEncoder
from attrimark_registry.conformance import SUBSET_METHOD_CHECKS

README = (Path(__file__).parents[1] / "README.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_example_with_a_model_in_hand_runs(capsys):
    tiny = TinyEncoder().load(("negative", "positive"), "cpu")
    given = {"model": tiny, "tokenizer": tiny.tokenizer, "attrimark": attrimark}
    exec(EXAMPLES[0], given)
    assert "leave-one-out" in capsys.readouterr().out


def test_the_example_of_a_method_conforms():
    given: dict = {}
    exec(EXAMPLES[1], given)
    for check in SUBSET_METHOD_CHECKS:
        check(given["LeaveOneOut"]())


def test_every_command_is_named():
    named = set(re.findall(r"^attrimark (\w+) ?", README.split("## Using it")[1], re.MULTILINE))
    assert named == set(COMMANDS)


def test_every_file_that_is_linked_is_there():
    for name in re.findall(r"\]\(([\w/.]+)\)", README):
        assert (Path(__file__).parents[1] / name).exists()
