"""What a person sees while something long runs: a bar with the time left, or plain lines where there is no screen.

Everything here goes to standard error, so that standard output holds results only.
"""

from __future__ import annotations

import math
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from kinema.engine.train import Progress as TrainingProgress

SHOWN = ("loss", "contrast", "binary", "contrast_acc", "step_time", "data_time")
"""Training figures that fit on a line; the log has all of them."""
QUIET_SECONDS = 15
"""Between two plain lines of one piece of work."""
EPOCH_SECONDS = 300
"""Between two plain lines within one epoch of training."""
LIVE_SECONDS = 1
"""Between two looks at training's figures for a bar: each waits until a GPU has finished what it was given."""


def say(line: str) -> None:
    """A line for the person at the terminal."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(line, markup=False)


class Bars:
    """Progress of several pieces of work by name: bars on a terminal, otherwise a plain line every few seconds."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.live = self.console.is_terminal
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=self.console,
        )
        self.tasks: dict[str, TaskID] = {}
        self.started: dict[str, tuple[float, int]] = {}
        """When each piece of work was first shown, and how much of it was done: what is resumed does not begin at 0."""
        self.spoken: dict[str, float] = {}
        self.looked = -math.inf
        """When training's figures were last asked for."""

    def __enter__(self) -> Bars:
        if self.live:
            self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            self.bars.stop()

    def show(self, what: str, done: int, total: int, note: str = "", *, now: bool = False) -> None:
        """`done` of `total` of `what`; without a screen, a line when one is due, at the end, or `now`."""
        if self.live:
            if what not in self.tasks:
                self.tasks[what] = self.bars.add_task(what, total=total, completed=done, note=note)
            self.bars.update(self.tasks[what], completed=done, total=total, note=note)
            return
        clock = time.monotonic()
        began, before = self.started.setdefault(what, (clock, done))
        if now or done == total or clock - self.spoken.get(what, began) >= QUIET_SECONDS:
            self.spoken[what] = clock
            left = f", {_span((clock - began) / (done - before) * (total - done))} left" if done > before else ""
            print(f"{what}: {done}/{total}{left}{note and '; ' + note}", file=sys.stderr, flush=True)

    def training(self, progress: TrainingProgress) -> None:
        """For `kinema.pretrain(report=...)`: a bar over steps, with the figures of the epoch."""
        clock = time.monotonic()
        ends = progress.step % (progress.steps // progress.epochs) == 0
        if not ends and clock - self.looked < (LIVE_SECONDS if self.live else EPOCH_SECONDS):
            return
        self.looked = clock
        figures = progress.figures()
        note = "  ".join(f"{name} {figures[name]:.3g}" for name in SHOWN if name in figures)
        self.show("training", progress.step, progress.steps, f"epoch {progress.epoch + 1}/{progress.epochs}  {note}")


def _span(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
