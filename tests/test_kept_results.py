"""The commands of the result files that are kept can be given on any machine."""

import json
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[1]


def commands():
    """Of each result file and each benchmark."""
    for path in sorted((ROOT / "results").rglob("*.json")):
        yield path, json.loads(path.read_text())["origin"]["command"]
    for path in sorted((ROOT / "benchmarks" / "results").glob("*.json")):
        yield path, json.loads(path.read_text())["command"]


def test_no_command_names_a_place_of_one_machine():
    found = list(commands())
    assert len(found) > 500
    named = [
        (str(path), word) for path, command in found for word in shlex.split(command) if word.startswith(("/", "~"))
    ]
    assert named == []
