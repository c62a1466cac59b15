"""Vectors on their way into parts: by video as they come, a part once it is whole, and half done from time to time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from kinema.data.video import Video
from kinema.embedded import Done
from kinema.parquet import table_bytes
from kinema.vectors import Found

PATIENCE = 20
"""Times as long as half a part takes to write, until one is written again: with hours of windows it is large."""


@dataclass
class Rows:
    """What is there of a part's videos, by the number of each in the list."""

    spans: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    vectors: dict[int, list[Tensor]] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    begun: set[int] = field(default_factory=set)
    """Videos of which more windows are to come."""

    def done(self, part: range) -> list[int]:
        """The videos that could be read and are done, in the order of the list."""
        return [i for i in part if i in self.spans and i not in self.begun and i not in self.failed]


class Part(NamedTuple):
    """A part that is to be written."""

    number: int
    rows: Rows
    whole: bool
    """Whether all of its videos are done, or cannot be read."""


def parts_of(
    pieces: Iterable[Found], todo: Mapping[int, range], kept: Mapping[int, Done], seconds: float
) -> Iterator[Part]:
    """Parts as they become whole, in any order, of what is `kept` from before and of pieces.

    Meanwhile, about every so many `seconds`, those to which videos have come since.
    """
    waiting = {number: sum(i not in kept for i in part) for number, part in todo.items()}
    part_of = {i: number for number, part in todo.items() for i in part}
    found = {number: Rows() for number in todo}
    for i, number in part_of.items():
        if i in kept:
            found[number].spans[i], found[number].vectors[i] = kept[i].spans, [kept[i].vectors]
    yield from [Part(number, found.pop(number), True) for number in todo if not waiting[number]]
    more: set[int] = set()
    due = time.monotonic() + seconds
    for piece in pieces:
        number = part_of[piece.video]
        add(found[number], piece)
        waiting[number] -= piece.last
        if not waiting[number]:
            more.discard(number)
            yield Part(number, found.pop(number), True)
        elif piece.last:
            more.add(number)
        if more and time.monotonic() >= due:
            began = time.monotonic()
            yield from [Part(each, found[each], False) for each in sorted(more)]
            more.clear()
            due = time.monotonic() + max(seconds, PATIENCE * (time.monotonic() - began))


def add(rows: Rows, piece: Found) -> None:
    """Put a piece to those of its video."""
    if piece.problem:
        rows.failed[piece.video] = piece.problem
    else:
        rows.spans.setdefault(piece.video, []).extend(piece.spans)
        rows.vectors.setdefault(piece.video, []).append(piece.vectors)
    if piece.last:
        rows.begun.discard(piece.video)
    else:
        rows.begun.add(piece.video)


def part_bytes(
    listed: Sequence[Video], part: range, rows: Rows, classes: Sequence[str], length: int, told: dict[str, str]
) -> bytes:
    """The windows of a part's videos that are done as a Parquet file, in the order of the list."""
    columns: dict[str, list[Any]] = {name: [] for name in ("id", "path", "start", "end", "label")}
    found: list[Tensor] = []
    for i in rows.done(part):
        video = listed[i]
        found += rows.vectors[i]
        for start, end in rows.spans[i]:
            key = hashlib.sha256(f"{video.path}\n{start:.6f}\n{end:.6f}".encode()).hexdigest()[:16]
            label = classes[video.label] if video.label >= 0 else None
            for name, value in zip(columns, (key, video.path, start, end, label), strict=True):
                columns[name].append(value)
    return table_bytes(columns, torch.cat([torch.empty(0, length), *found]), told)
