"""Which train videos to hold out, so that nothing is ever chosen on test videos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from kinema.errors import DataError, UsageError


def hold_out(
    labels: Tensor, groups: Sequence[str] | None, fraction: float, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Split train videos in two: rows to fit on and rows to choose on, each int64, ascending, never empty.

    Of a class with n videos, fraction * n are wanted, rounded, at least one if n > 1; a class never loses all it has.
    Videos of one group (a person, a source film) stay together; "" means that a video belongs to no group.

    1. Groups are taken in random order, each if it brings the class counts nearer to what is wanted.
    2. If none does, the one group is taken that misses the counts least and has at most half of all videos.
    3. If there is no such group without a class losing all its videos (one group a class, say, or one group in all),
       groups are ignored and videos are taken one by one; `keeps_groups` tells afterwards.

    The result depends on the arguments and the state of `rng` alone.
    """
    if not 0 < fraction < 1:
        raise UsageError(f"hold_out={fraction} is not a share of the videos: give a number between 0 and 1")
    if groups is not None and len(groups) != len(labels):
        raise UsageError(f"{len(groups)} groups for {len(labels)} videos: give one group a video, or none")
    classes = [int(label) for label in labels]
    counts = Counter(classes)
    if max(counts.values(), default=0) < 2:
        raise DataError(f"cannot hold out train videos: no class has two of the {len(labels)} videos; add videos")
    wanted = Counter({c: max(1, round(fraction * n)) if n > 1 else 0 for c, n in counts.items()})
    blocks = _blocks(groups if groups is not None else [""] * len(labels))
    rows = _take(blocks, classes, counts, wanted, rng)
    if not rows:
        rows = _least_missed(blocks, classes, counts, wanted)
    if not rows:
        rows = _take([[row] for row in range(len(classes))], classes, counts, wanted, rng)
    chosen = torch.zeros(len(classes), dtype=torch.bool)
    chosen[rows] = True
    return (~chosen).nonzero().squeeze(1), chosen.nonzero().squeeze(1)


def keeps_groups(groups: Sequence[str] | None, fit: Tensor, held_out: Tensor) -> bool:
    """Whether there are groups and none of them lies on both sides of a split."""
    if groups is None or not any(groups):
        return False
    sides = [{groups[int(row)] for row in side} - {""} for side in (fit, held_out)]
    return not sides[0] & sides[1]


def _blocks(groups: Sequence[str]) -> list[list[int]]:
    """Rows of each group, in order of appearance; a video without a group is a block of its own."""
    rows: dict[tuple[str, int], list[int]] = {}
    for row, group in enumerate(groups):
        rows.setdefault((group, 0 if group else row), []).append(row)
    return list(rows.values())


def _missed(held: Counter[int], wanted: Counter[int], classes: Iterable[int]) -> int:
    """Squared distance of the counts held from those wanted, over some classes."""
    return sum((held[c] - wanted[c]) ** 2 for c in classes)


def _take(
    blocks: list[list[int]], classes: list[int], counts: Counter[int], wanted: Counter[int], rng: torch.Generator
) -> list[int]:
    """Rows of the blocks that, in random order, each bring the counts nearer to what is wanted."""
    held: Counter[int] = Counter()
    rows: list[int] = []
    for number in torch.randperm(len(blocks), generator=rng).tolist():
        more = Counter(classes[row] for row in blocks[number])
        after = Counter({c: held[c] + n for c, n in more.items()})
        spares = all(after[c] < counts[c] for c in more)
        if spares and _missed(after, wanted, more) < _missed(held, wanted, more):
            held.update(more)
            rows += blocks[number]
    return rows


def _least_missed(blocks: list[list[int]], classes: list[int], counts: Counter[int], wanted: Counter[int]) -> list[int]:
    """Rows of the one block, of at most half the videos, whose counts miss what is wanted least; may be none."""
    best: list[int] = []
    fewest = float("inf")
    for block in blocks:
        held = Counter(classes[row] for row in block)
        spares = all(held[c] < counts[c] for c in held) and 2 * len(block) <= len(classes)
        missed = _missed(held, wanted, counts)
        if spares and missed < fewest:
            best, fewest = block, missed
    return best
