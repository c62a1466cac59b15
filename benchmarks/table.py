"""Make benchmarks/RESULTS.md from the figures that `kinema bench PART --out benchmarks/results/NAME.json` keeps.

python benchmarks/table.py
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ORDER = ("decode", "loader", "augment", "step", "flow", "retrieve")
HEAD = """# How fast

Made by `make bench` from `benchmarks/results/`, which has every figure and the command that printed it. All
contestants of a table take part in every round; rates are medians over the rounds, ratios medians of each round's. What
was expected of each, and what stands in the way where a target was missed, is in [NOTES.md](NOTES.md).
"""


def main() -> None:
    files = sorted((HERE / "results").glob("*.json"))
    found = sorted((json.loads(path.read_text()) for path in files), key=lambda each: ORDER.index(each["bench"]))
    (HERE / "RESULTS.md").write_text("\n\n".join([HEAD.strip(), *map(section, found)]) + "\n")


def section(found: dict[str, Any]) -> str:
    """One file's machine, table and facts."""
    machine = found["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["packages"].items() if number)
    device = machine["gpu"] or f"{machine['cpu']}, {machine['cores']} cores"
    lines = [
        f"## {found['bench']}",
        "",
        f"`{found['command']}`, {found['date']}, on {device}, load {machine['load']:.0f} before; {versions}.",
        "",
        f"| | {found['unit']} | ratio | over rounds | to reach |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for row in found["rows"]:
        lines.append(f"| {row['name']} | {statistics.median(row['rates']):.3g} | | | |")
        lines += [f"| {compared(each)} |" for each in row["comparisons"]]
    facts = [
        f"- {name}: {value:.2f}" if isinstance(value, float) else f"- {name}: {value}"
        for name, value in found["facts"].items()
    ]
    return "\n".join([*lines, *([""] if facts else []), *facts])


def compared(each: dict[str, Any]) -> str:
    """The cells of a comparison."""
    ratios, target = each["ratios"], each["target"]
    ratio = statistics.median(ratios)
    spread = f"{min(ratios):.2f} - {max(ratios):.2f}"
    missed = "" if ratio >= target else " (missed)"
    return f"... to {each['other']} | | {ratio:.2f} | {spread} | {target:.2f}{missed}"


if __name__ == "__main__":
    main()
