"""Figures that others published, as data: Tables 1 to 10 of the MCN paper (Lin, Guo, Lu, ICCV 2021), whole.

`mcn.csv` has a line for each figure, in the order of the paper; `notes.csv` says, in our words, where a figure
contradicts another one or its source. `kinema.published.peers` has what else was published of the methods. Importing
this brings no torch.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

from kinema.errors import UsageError

Task = Literal["finetune", "linear", "retrieval"]
TABLES = range(1, 11)
METRICS = {"finetune": ("top1",), "linear": ("top1",), "retrieval": ("R@1", "R@5", "R@10", "R@20", "R@50")}
"""Of each task, the figures that the paper prints."""


@dataclass(frozen=True)
class Figure:
    """One printed figure."""

    table: int
    method: str
    """As in the table; its baseline is "CMC (RGB + residual)", as CMC itself is quoted there too."""
    backbone: str
    """As printed; "" where it is not."""
    pretrain: str
    """The set that was pre-trained on; "" where it is not printed."""
    size: int | None
    """Pixels a side that the network sees; `None` where it is not printed."""
    frames: int | None
    """Frames of a clip; `None` where it is not printed."""
    task: Task
    data: str
    """The set that was measured on."""
    metric: str
    """top1, or R@1 to R@50."""
    value: float
    """Percent."""
    quoted: str
    """"" for the authors' own figures; otherwise where they took it from, "not said" if that is not known."""
    notes: tuple[str, ...]
    """Keys of `notes()`."""

    def __post_init__(self) -> None:
        where = f"published figure of Table {self.table}, {self.method} on {self.data}"
        if self.table not in TABLES or not self.method or self.task not in get_args(Task):
            raise ValueError(f"{where}: no such table, method or task")
        if self.metric not in METRICS[self.task]:
            raise ValueError(f"{where}: no such figure of {self.task}: {self.metric}")
        if not 0 < self.value < 100:
            raise ValueError(f"{where}: {self.value} is no percentage")
        if unknown := set(self.notes) - set(notes()):
            raise ValueError(f"{where}: no such note: {sorted(unknown)}")


@cache
def notes() -> dict[str, str]:
    """What is to be known about some figures, by key."""
    return {line["note"]: line["text"] for line in lines("notes.csv")}


@cache
def figures(table: int | None = None) -> tuple[Figure, ...]:
    """The figures of a table, or of all, in the order of the paper.

    Raises:
        UsageError: the paper has no such table.
    """
    if table is None:
        return tuple(_figure(line) for line in lines("mcn.csv"))
    if table not in TABLES:
        raise UsageError(f"there is no table {table}: the paper has tables {TABLES[0]} to {TABLES[-1]}")
    return tuple(figure for figure in figures() if figure.table == table)


def lines(name: str) -> list[dict[str, str]]:
    """The lines of a file in this folder, by the names in its first."""
    return list(csv.DictReader(files(__name__).joinpath(name).read_text(encoding="utf-8").splitlines()))


def _figure(line: dict[str, str]) -> Figure:
    return Figure(
        table=int(line["table"]),
        method=line["method"],
        backbone=line["backbone"],
        pretrain=line["pretrain"],
        size=int(line["size"]) if line["size"] else None,
        frames=int(line["frames"]) if line["frames"] else None,
        task=line["task"],  # type: ignore[arg-type]  # checked by Figure
        data=line["data"],
        metric=line["metric"],
        value=float(line["value"]),
        quoted=line["quoted"],
        notes=tuple(line["notes"].split()),
    )
