"""`kinema bench decode | loader | augment | step | flow | retrieve`: how fast kinema is here, beside peers."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from kinema.atomic import require_place, write_bytes
from kinema.bench.size import Size
from kinema.cli import parse
from kinema.console import Bars, say
from kinema.errors import UsageError, nearest
from kinema.ranges import at_least

if TYPE_CHECKING:
    from kinema.bench.measure import Row

Facts = dict[str, Any]
"""What was found beside rates; filled in while measuring."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Part:
    """What every part takes."""

    out: str | None = None
    """A JSON file to keep the figures in."""


@dataclass(frozen=True)
class Rounds(Part):
    """What every part but retrieve takes, too."""

    rounds: int = 5
    """How often all take their turn; a ratio is the median over the rounds."""

    def __post_init__(self) -> None:
        at_least("rounds", self.rounds, 1)


@dataclass(frozen=True)
class OfVideo(Rounds):
    """What the parts that read video take, too."""

    video: str | None = None
    """A video to make the measured ones of; one is drawn if not given."""

    @property
    def source(self) -> Path | None:
        """The video, which is there."""
        if self.video is None:
            return None
        if not Path(self.video).is_file():
            raise UsageError(f"{self.video}: no such file")
        return Path(self.video)


@dataclass(frozen=True)
class Decode(OfVideo):
    """Random windows of 32 frames: by kinema, by PyAV's and torchcodec's own loops, and out of packed stores."""

    def rows(self, facts: Facts, progress: Progress) -> list[Row]:
        """Clips a CPU second."""
        from kinema.bench.decode import decode

        rows = decode(self.source, rounds=self.rounds, progress=progress)
        facts |= left_out(rows, {"torchcodec's own": "torchcodec"})
        return rows


@dataclass(frozen=True)
class Loader(OfVideo):
    """Batches by a loader of several processes, beside one process and beside as many without a loader."""

    def rows(self, facts: Facts, progress: Progress) -> list[Row]:
        """Clips a second."""
        from kinema.bench.loader import loader

        return loader(self.source, rounds=self.rounds, progress=progress)


@dataclass(frozen=True)
class Augment(Rounds):
    """Crop, resize, flip, jitter, blur of a batch, beside kornia and torchvision; on a GPU, beside a step of MCN."""

    size: Annotated[Size, tyro.conf.arg(name="")] = field(default_factory=Size)
    """On a GPU, the step."""

    def rows(self, facts: Facts, progress: Progress) -> list[Row]:
        """Clips a CPU second, or a second of the GPU."""
        from kinema.bench.augment import augment, beside_a_step
        from kinema.machine import pick_device

        if pick_device(self.size.device).type == "cuda":
            return beside_a_step(self.size, rounds=self.rounds, progress=progress)
        if self.size != Size(device=self.size.device):
            raise UsageError("on a CPU, augmentation is measured without a step: give the step's flags on a GPU alone")
        rows = augment(rounds=self.rounds, progress=progress)
        facts |= left_out(rows, {"kornia": "kornia", "torchvision v2": "torchvision"})
        return rows


@dataclass(frozen=True)
class Step(Rounds):
    """Steps of MCN beside the passes that they cannot do without, and of IIC beside a plain one; peak memory."""

    size: Annotated[Size, tyro.conf.arg(name="")] = field(default_factory=Size)
    compile: bool = False
    """MCN's steps of orders 0 and 1 by a compiled network, too."""

    def rows(self, facts: Facts, progress: Progress) -> list[Row]:
        """Steps a second; on a GPU, the share of the matrix peak is among the facts."""
        from kinema.bench.peak import shares_of_peak
        from kinema.bench.step import step
        from kinema.bench.step_memory import step_memory
        from kinema.machine import pick_device

        rows = step(self.size, compiled=self.compile, rounds=self.rounds, progress=progress)
        facts |= asdict(self.size) | {"compile": self.compile} | step_memory(self.size)
        if pick_device(self.size.device).type == "cuda":
            facts |= shares_of_peak(self.size, rows)
        return rows


@dataclass(frozen=True)
class Flow(OfVideo):
    """TV-L1 optical flow of frames of 171 x 128, beside OpenCV's."""

    device: str = "auto"
    """auto, cpu, cuda or cuda:N; on a GPU, the CPU is measured too."""

    def rows(self, facts: Facts, progress: Progress) -> list[Row]:
        """Fields a CPU second, or a second of the GPU."""
        from kinema.bench.flow import flow

        rows = flow(self.source, device=self.device, rounds=self.rounds, progress=progress)
        facts |= left_out(rows, {"OpenCV": "opencv-contrib-python-headless"})
        return rows


@dataclass(frozen=True)
class Retrieve(Part):
    """Nearest neighbours of 20,000 queries in 240,000 vectors, once: a minute and more."""

    def rows(self, facts: Facts, progress: Progress) -> list[Row]:
        """Queries a second; peak memory is among the facts."""
        from kinema.bench.retrieve import retrieve

        rows, found = retrieve(progress=progress)
        facts |= found
        return rows


AnyPart = Decode | Loader | Augment | Step | Flow | Retrieve
PARTS: dict[str, tuple[type[AnyPart], str]] = {
    "decode": (Decode, "clips / CPU s"),
    "loader": (Loader, "clips / s"),
    "augment": (Augment, "clips / CPU s"),
    "step": (Step, "steps / s"),
    "flow": (Flow, "fields / CPU s"),
    "retrieve": (Retrieve, "queries / s"),
}
"""Flags of each part, and the unit of its rates."""


def main(verb: str, argv: list[str]) -> int:
    """Measure, print the table, and keep the figures if asked to."""
    if not argv or argv[0] in ("-h", "--help"):
        print(usage())
        return 0
    if argv[0] not in PARTS:
        raise UsageError(f"unknown part 'bench {argv[0]}': {nearest(argv[0], list(PARTS))}")
    name, (kind, unit) = argv[0], PARTS[argv[0]]
    part = parse(kind, argv[1:], prog=f"kinema bench {name}")
    if part.out is not None:
        require_place(part.out)

    from kinema.bench.measure import machine

    facts: Facts = {}
    before = machine()
    with Bars() as bars:
        rows = part.rows(facts, lambda done, total: bars.show(f"bench {name}", done, total))
    print_table(name, unit, rows, facts)
    if part.out is not None:
        found = {
            "bench": name,
            "unit": unit,
            "command": f"kinema bench {shlex.join(argv)}",
            "date": date.today().isoformat(),
            "machine": before,
            "facts": facts,
            "rows": [asdict(row) for row in rows],
        }
        write_bytes(Path(part.out), (json.dumps(found, indent=1) + "\n").encode())
        say(f"figures kept in {part.out}")
    return 0


def usage() -> str:
    """A line a part."""
    lines = [f"  {name:8}  {kind.__doc__}" for name, (kind, _) in PARTS.items()]
    return "\n".join(["usage: kinema bench PART [flags]      (kinema bench PART --help for its flags)", "", *lines])


def left_out(rows: list[Row], peers: dict[str, str]) -> Facts:
    """Peers, by how their rows' names end, that did not take part, and the packages that would bring them."""
    absent = [peer for end, peer in peers.items() if not any(row.name.endswith(end) for row in rows)]
    return {"not to be imported, so left out": ", ".join(absent)} if absent else {}


def print_table(name: str, unit: str, rows: list[Row], facts: dict[str, Any]) -> None:
    """Rates, and each comparison on a line."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"kinema bench {name}")
    table.add_column("")
    for column in (unit, "ratio", "over rounds", "to reach", ""):
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
