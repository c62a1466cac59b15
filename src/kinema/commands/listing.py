"""`kinema list recipes | methods | backbones`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from kinema.errors import UsageError, nearest


def main(verb: str, argv: list[str]) -> int:
    """Print a table; all of them without an argument."""
    tables = {"recipes": recipe_lines, "methods": method_lines, "backbones": backbone_lines}
    if {"-h", "--help"} & set(argv):
        print("usage: kinema list [recipes | methods | backbones]")
        return 0
    if len(argv) > 1 or (argv and argv[0] not in tables):
        raise UsageError(f"cannot list '{' '.join(argv)}': {nearest(argv[0], list(tables))}")
    for name, lines in tables.items():
        if argv in ([], [name]):
            print(f"{name}:\n{lines()}")
    return 0


RECIPE_NOTES = """\
  A recipe's commands, and its paper's figures: `kinema pretrain RECIPE --help`. What those of a paper's size take of a
  GPU, in memory and hours: docs/costs.md."""


def recipe_lines() -> str:
    """Each recipe and the first line of its docstring, under what the file it stands in says of itself."""
    from kinema import recipes

    return (
        "\n".join(
            f"  {heading}\n" + aligned([(name, recipes.first_line(name)) for name in names], indent=4)
            for heading, names in recipes.headings().items()
        )
        + f"\n{RECIPE_NOTES}"
    )


METHOD_HEAD = ("", "fine-tuned", "R@1", "ours", "clips", "flow", "memory", "")
METHOD_NOTES = """\
  fine-tuned, R@1: published, on UCF101, with the network in which it was had (? where it is not named); * after
                   pre-training on a larger set than UCF101. `kinema table` has the tables that most of them are from.
  ours:            R@1 on mocap15 / asl18 of the ladder, in which all have one small network (docs/ladder.md)
  clips:           of a video in a step; flow: whether it reads optical flow"""


def method_lines() -> str:
    """Each method: what was published of it, what our ladder has, what it needs, and what it is."""
    from kinema.methods import METHODS
    from kinema.methods.listed import PUBLISHED_ONLY

    rows = [METHOD_HEAD]
    for name, listed in METHODS.items():
        needs = (str(listed.clips), flow_need(name), listed.memory or "-")
        said = f"{listed.paper}: {listed.does}"
        rows.append((name, *published_cells(name, listed.printed), our_cell(name), *needs, said))
    for name, only in PUBLISHED_ONLY.items():
        said = f"{only.paper}: published figures only; {only.why}"
        rows.append((name, *published_cells(name, only.printed), "-", "-", "-", "-", said))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(f"  {line.rstrip()}" for line in padded) + f"\n{METHOD_NOTES}"


def published_cells(name: str, printed: str) -> tuple[str, str]:
    """What was published of a method, fine-tuned and by retrieval: "85.4 R3D-18"; "-" where nothing was."""
    return published_cell(name, printed, "finetune"), published_cell(name, printed, "retrieval")


def published_cell(name: str, printed: str, task: Literal["finetune", "retrieval"]) -> str:
    """One of them."""
    from kinema.published.peers import best

    peer = best(name, printed, task)
    if peer is None:
        return "-"
    return f"{peer.value:.1f}{'' if peer.pretrain == 'UCF101' else '*'} {peer.backbone or '?'}"


def our_cell(name: str) -> str:
    """R@1 of the ladder on its two sets: "31.0 / 25.3"; "-" where there is none."""
    from kinema.published.peers import own

    found = {figure.data: f"{figure.value:.1f}" for figure in own() if (figure.method, figure.metric) == (name, "R@1")}
    return " / ".join(found.get(data, "-") for data in ("mocap15", "asl18")) if found else "-"


def flow_need(name: str) -> str:
    """Whether a method reads optical flow: "yes", "may" where it is a choice, or "no"."""
    from kinema.methods import METHODS
    from kinema.settings import METHOD_SETTINGS

    settings = METHOD_SETTINGS[name]()
    if settings.flow or METHODS[name].flow:
        return "yes"
    try:
        settings.with_flow()
    except TypeError:
        return "no"
    return "may"


def backbone_lines() -> str:
    """Each backbone and its description."""
    from kinema.backbones import BACKBONES

    return aligned([(name, listed.description) for name, listed in BACKBONES.items()])


def aligned(lines: Sequence[tuple[str, str]], indent: int = 2) -> str:
    """Names and what is said of them, in two columns."""
    width = max(14, *(len(name) for name, _ in lines))
    return "\n".join(f"{' ' * indent}{name:{width}} {line}" for name, line in lines)
