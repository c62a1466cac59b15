"""One figure a method, for `kinema list methods`: what others published on UCF101, and what our ladder has.

`peers.csv` has figures on UCF101 that MCN's tables do not have, each with its source; `ladder.csv` has ours, which
`make ladder` writes from results/studies/ladder. Importing this brings no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from kinema.published import figures, lines

SAME_NET = "PCL's README"
"""Where several methods are compared by retrieval with one network, R3D-18."""


@dataclass(frozen=True)
class Peer:
    """A figure of a method on UCF101, in percent."""

    method: str
    """Its name in kinema, or "random init"."""
    backbone: str
    """"" where it is not printed."""
    pretrain: str
    """The set that was pre-trained on; "" where nothing was."""
    task: Literal["finetune", "retrieval"]
    value: float
    """top1 or R@1."""
    source: str


@dataclass(frozen=True)
class Own:
    """A figure of our ladder, in percent."""

    method: str
    data: str
    metric: str
    """R@1, or top1 for the linear probe."""
    value: float
    """The mean over seeds."""
    seeds: int


@cache
def peers() -> tuple[Peer, ...]:
    """The figures of `peers.csv`, in its order."""
    return tuple(
        Peer(
            line["method"],
            line["backbone"],
            line["pretrain"],
            line["task"],  # type: ignore[arg-type]  # the file is ours, and the tests read it
            float(line["value"]),
            line["source"],
        )
        for line in lines("peers.csv")
    )


@cache
def own() -> tuple[Own, ...]:
    """The figures of `ladder.csv`, in its order."""
    return tuple(
        Own(line["method"], line["data"], line["metric"], float(line["value"]), int(line["seeds"]))
        for line in lines("ladder.csv")
    )


def best(method: str, printed: str, task: Literal["finetune", "retrieval"]) -> Peer | None:
    """The highest figure on UCF101 that MCN's tables have of a method, or the first in `peers.csv`; `None` for neither.

    Figures after pre-training on UCF101 come before those after larger sets, and MCN's usual clips before those of
    twice their length (Table 4).

    Args:
        method: its name in kinema.
        printed: its name in MCN's tables; "" where they do not have it.
        task: fine-tuning (top1), or retrieval (R@1).
    """
    metric = {"finetune": "top1", "retrieval": "R@1"}[task]
    found = [
        figure
        for figure in figures()
        if (figure.method, figure.task, figure.data, figure.metric) == (printed, task, "UCF101", metric)
    ]
    if not found:
        return next((peer for peer in peers() if (peer.method, peer.task) == (method, task)), None)
    one = max(found, key=lambda each: (each.pretrain == "UCF101", each.frames != 64, each.value))
    return Peer(method, one.backbone, one.pretrain, task, one.value, f"MCN's Table {one.table}")
