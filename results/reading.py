"""What each reading of MCN does to the score: `results/reading.sh`'s commands, and docs/reading_mcn.md's tables.

    python results/reading.py flags     a line for each alternative: its name, the verb and the flags
    python results/reading.py           write the tables (`make claim`)

`results/studies/reading/NAME_SEED/*.json` are the result files of one run each; the base of training's alternatives is
`results/studies/claim/shapes/mcn_SEED`, that of an evaluation's is `results/studies/reading/VERB_SEED`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import mean, stdev

from open_points import EVALUATION, TRAINING

from kinema.evaluate.protocol import read

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "reading_mcn.md"
STUDY = HERE / "studies" / "reading"
CLAIM = HERE / "studies" / "claim" / "shapes"
SHARED = {"one_stage": "clbl", "order2": "mcn_order2"}
"""Alternatives that the claim's study has already run, under these names."""


def main() -> None:
    """Print the flags, or write the tables."""
    if sys.argv[1:] == ["flags"]:
        for name, verb, flags in runs():
            print(name, verb, flags)
        return
    text = PAGE.read_text()
    for name, table in (("reading", training()), ("evaluation", evaluation())):
        begin, end = f"<!-- {name}: made by `make claim` -->", f"<!-- end of {name} -->"
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{table}\n{end}{rest.split(end)[1]}"
    PAGE.write_text(text)


def runs() -> list[tuple[str, str, str]]:
    """Name, verb and flags of all that `results/reading.sh` runs, a verb's base before its alternatives."""
    found = [
        (name, "pretrain", flags) for choice in TRAINING for name, flags in choice.others.items() if name not in SHARED
    ]
    for choice in EVALUATION:
        if all(verb != choice.where for _, verb, _ in found):
            found.append((choice.where, choice.where, ""))
        found += [(name, choice.where, flags) for name, flags in choice.others.items()]
    return found


def training() -> str:
    """Markdown: a row an alternative, with R@1; the base in the first row."""
    lines = [
        "| where | open point | ours | alternative | R@1 |",
        "| --- | --- | --- | --- | --- |",
        f"| | | | none: `tiny_mcn` as it is | {spread(CLAIM, 'mcn')} |",
    ]
    for choice in TRAINING:
        for number, (name, flags) in enumerate(choice.others.items()):
            first = (choice.where, choice.question, choice.ours) if number == 0 else ("", "", "")
            found = spread(CLAIM, SHARED[name]) if name in SHARED else spread(STUDY, name)
            lines.append("| " + " | ".join((*first, f"`{flags}`", found)) + " |")
    return "\n".join(lines)


def evaluation() -> str:
    """Markdown: a row an alternative, with the verb's score; a verb's base before its alternatives."""
    lines = ["| `kinema ...` | open point | ours | alternative | score |", "| --- | --- | --- | --- | --- |"]
    verb = ""
    for choice in EVALUATION:
        if verb != choice.where:
            verb = choice.where
            lines.append(f"| `{verb}` | | | none | {spread(STUDY, verb)} |")
        for number, (name, flags) in enumerate(choice.others.items()):
            first = ("", choice.question, choice.ours) if number == 0 else ("", "", "")
            lines.append("| " + " | ".join((*first, f"`{flags}`", spread(STUDY, name))) + " |")
    return "\n".join(lines)


def spread(folder: Path, name: str) -> str:
    """The score over the seeds that were run: "12.3 ± 0.4 (3 seeds)"; of the claim's results, retrieval's."""
    kind = "retrieval_*_both" if folder == CLAIM else "*"
    values = [read(file).score.value for file in sorted(folder.glob(f"{name}_[0-9]/{kind}.json"))]
    if not values:
        return "not measured yet"
    apart = f" ± {stdev(values):.1f}" if len(values) > 1 else ""
    return f"{mean(values):.1f}{apart} ({len(values)} seed{'s' * (len(values) > 1)})"


if __name__ == "__main__":
    main()
