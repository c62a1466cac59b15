"""`kinema bench decode | loader | augment | step | flow | retrieve`: how fast kinema is here, beside peers."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from kinema.cli import parse
from kinema.console import Bars, say
from kinema.errors import UsageError

if TYPE_CHECKING:
    from kinema.bench.measure import Row

Name = Literal["decode", "loader", "augment", "step", "flow", "retrieve"]
UNITS = {
    "decode": "clips / CPU s",
    "loader": "clips / s",
    "augment": "clips / CPU s",
    "step": "steps / s",
    "flow": "fields / CPU s",
    "retrieve": "queries / s",
}


@dataclass(frozen=True)
class Flags:
    """Measure a part of kinema beside its peers: rates, their ratios, and the ratio that each should reach.

    All take part in every round; a ratio is the median over the rounds. Nothing else should run meanwhile.
    """

    name: Annotated[tyro.conf.Positional[Name], tyro.conf.arg(metavar="PART")]
    """decode, loader, augment, step, flow or retrieve."""
    video: str | None = None
    """A video to make the measured ones of, for decode, loader and flow; one is drawn if not given."""
    rounds: int = 5
    """Of all but retrieve, which takes a minute and is run once."""
    out: str | None = None
    """A JSON file to keep the figures in."""
    backbone: str = "r3d_18"
    """Of step."""
    width: float = 1.0
    """Of step's backbone."""
    frames: int = 16
    """Of step's clips."""
    size: int = 112
    """Of step's clips, pixels a side."""
    batch: int = 8
    """Videos a stage of step."""
    device: str = "auto"
    """Of step, flow and augment: auto, cpu, cuda or cuda:N. On a GPU, augment is measured beside a step."""
    compile: bool = False
    """Of step: MCN by a compiled network too."""
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    """Of step: of all but the plain step of IIC, which is in float32."""


def main(verb: str, argv: list[str]) -> int:
    """Measure, print the table, and keep the figures if asked to."""
    flags = parse(Flags, argv, prog="kinema bench")
    if flags.rounds < 1:
        raise UsageError(f"--rounds is {flags.rounds}: give 1 or more")
    if flags.video is not None and flags.name not in ("decode", "loader", "flow"):
        raise UsageError(f"--video {flags.video} is for decode, loader and flow: {flags.name} reads none")
    if flags.video is not None and not Path(flags.video).is_file():
        raise UsageError(f"{flags.video}: no such file")

    from kinema.bench.measure import machine

    facts: dict[str, Any] = {}
    before = machine()
    with Bars() as bars:
        rows = measured(flags, facts, lambda done, total: bars.show(f"bench {flags.name}", done, total))
    print_table(flags.name, rows, facts)
    if flags.out is not None:
        found = {
            "bench": flags.name,
            "unit": UNITS[flags.name],
            "command": f"kinema bench {shlex.join(argv)}",
            "date": date.today().isoformat(),
            "machine": before,
            "facts": facts,
            "rows": [asdict(row) for row in rows],
        }
        try:
            Path(flags.out).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        except OSError as problem:
            raise UsageError(f"{flags.out}: cannot be written ({problem.strerror}); give another file") from problem
        say(f"figures kept in {flags.out}")
    return 0


def measured(flags: Flags, facts: dict[str, Any], progress: Callable[[int, int], None]) -> list[Row]:
    """The rows of one part."""
    from kinema.bench.step import Size
    from kinema.machine import pick_device

    source = None if flags.video is None else Path(flags.video)
    size = Size(
        flags.backbone, flags.width, flags.frames, flags.size, flags.batch, flags.device, flags.compile, flags.precision
    )
    if flags.name == "decode":
        from kinema.bench.decode import decode

        return decode(source, rounds=flags.rounds, progress=progress)
    if flags.name == "loader":
        from kinema.bench.loader import loader

        return loader(source, rounds=flags.rounds, progress=progress)
    if flags.name == "augment":
        from kinema.bench.augment import augment, beside_a_step

        if pick_device(flags.device).type == "cuda":
            return beside_a_step(size, rounds=flags.rounds, progress=progress)
        return augment(rounds=flags.rounds, progress=progress)
    if flags.name == "flow":
        from kinema.bench.flow import flow

        return flow(source, device=flags.device, rounds=flags.rounds, progress=progress)
    if flags.name == "retrieve":
        from kinema.bench.retrieve import retrieve

        rows, found = retrieve(progress=progress)
        facts |= found
        return rows
    from kinema.bench.peak import shares_of_peak
    from kinema.bench.step import step
    from kinema.bench.step_memory import step_memory

    rows = step(size, rounds=flags.rounds, progress=progress)
    facts |= asdict(size) | step_memory(size)
    if pick_device(size.device).type == "cuda":
        facts |= shares_of_peak(size, rows)
    return rows


def print_table(name: Name, rows: list[Row], facts: dict[str, Any]) -> None:
    """Rates, and each comparison on a line."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"kinema bench {name}")
    table.add_column("")
    for column in (UNITS[name], "ratio", "over rounds", "to reach", ""):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(row.name, f"{row.rate:.3g}")
        for each in row.comparisons:
            spread = f"{min(each.ratios):.2f} - {max(each.ratios):.2f}"
            verdict = "reached" if each.reached else "missed"
            table.add_row(f"  to {each.other}", "", f"{each.ratio:.2f}", spread, f"{each.target:.2f}", verdict)
    console = Console()
    console.print(table)
    for fact, value in facts.items():
        console.print(f"{fact}: {value:.2f}" if isinstance(value, float) else f"{fact}: {value}")
