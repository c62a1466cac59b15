"""Episodes of few-shot classification: a few classes, a few labelled videos of each, and other videos to name.

An episode of 3 ways, 2 shots and 4 queries a class::

    class     support    queries
    bend        o o      ? ? ? ?
    jump        o o      ? ? ? ?
    walk        o o      ? ? ? ?

A unit is what never lies on both sides of an episode: a video, or a group of videos (a person, a source film).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kinema.errors import UsageError

TRIES = 1000
"""Draws in a row that may come to nothing before there is held to be no episode."""


@dataclass(frozen=True)
class Pool:
    """The labels and units of the videos that one side of the episodes is drawn from."""

    labels: Sequence[int]
    units: Sequence[str]

    def by_class(self) -> dict[int, list[int]]:
        """The rows of each class."""
        rows: dict[int, list[int]] = {}
        for row, label in enumerate(self.labels):
            rows.setdefault(label, []).append(row)
        return rows


@dataclass(frozen=True)
class Episode:
    """N classes, each with K support videos and Q queries; class n of the episode is row n of both."""

    support: Tensor
    """int64 [N, K]: rows of the support pool."""
    query: Tensor
    """int64 [N, Q]: rows of the query pool."""


def draw_episodes(
    support: Pool, query: Pool, *, way: int, shots: int, queries: int, episodes: int, rng: torch.Generator
) -> list[Episode]:
    """Draw episodes of `way` classes, whatever any network makes of their videos.

    Classes are drawn evenly among those that can have an episode. Support videos are then drawn class by class, and one
    is passed over if its unit would leave a class of the episode fewer than `queries` videos of other units; queries
    are drawn last, from what no unit of the support holds. A draw that does not come to an end is made anew.

    Raises:
        UsageError: too few classes have enough videos of different units.
    """
    given, asked = support.by_class(), query.by_class()
    lost = {label: Counter(query.units[row] for row in rows) for label, rows in asked.items()}
    room = {
        label: len(asked[label]) - _fewest_lost(Counter(support.units[row] for row in given[label]), lost[label], shots)
        for label in sorted(given.keys() & asked.keys())
    }
    usable = _usable(room, way, shots, queries)
    found: list[Episode] = []
    failed = 0
    while len(found) < episodes:
        classes = [usable[place] for place in torch.randperm(len(usable), generator=rng)[:way].tolist()]
        rows = _draw_support([given[label] for label in classes], support.units, classes, lost, shots, queries, rng)
        if rows is not None:
            used = {support.units[row] for own in rows for row in own}
            free = [[row for row in asked[label] if query.units[row] not in used] for label in classes]
            asking = [_drawn(own, rng)[:queries] for own in free]
            found.append(Episode(torch.tensor(rows), torch.tensor(asking)))
        failed = 0 if rows is not None else failed + 1
        if failed == TRIES:
            raise UsageError(
                f"no {way}-way {shots}-shot episode with {queries} queries a class is found whose two sides share no "
                "group: give fewer --fewshot.queries, or --fewshot.apart video"
            )
    return found


def _usable(room: Mapping[int, float], way: int, shots: int, queries: int) -> list[int]:
    """The classes with room for enough queries; refuses if they are fewer than an episode's."""
    usable = [label for label, most in room.items() if most >= queries]
    if len(usable) >= way:
        return usable
    if len(room) < way:
        raise UsageError(f"--fewshot.way is {way} of {len(room)} classes with videos: give {len(room)} or fewer")
    most = sorted(room.values(), reverse=True)[way - 1]
    remedy = f"--fewshot.queries {most:.0f}" if most >= 1 else "fewer --fewshot.shots"
    raise UsageError(
        f"{len(usable)} of {len(room)} classes have {shots} videos for the support and {queries} that may be queries, "
        f"and {way} are needed: give {remedy} or a smaller --fewshot.way"
    )


def _fewest_lost(support: Mapping[str, int], query: Mapping[str, int], shots: int) -> float:
    """How many queries of a class its support takes at the least, by units' numbers of videos; infinite if too few."""
    best = [0.0] + [math.inf] * shots  # by how many support videos there are so far
    for unit, count in support.items():
        for wanted in range(shots, 0, -1):
            best[wanted] = min(best[wanted], best[max(wanted - count, 0)] + query.get(unit, 0))
    return best[shots]


def _draw_support(
    given: Sequence[list[int]],
    units: Sequence[str],
    classes: Sequence[int],
    lost: Mapping[int, Mapping[str, int]],
    shots: int,
    queries: int,
    rng: torch.Generator,
) -> list[list[int]] | None:
    """`shots` rows of each class; `None` if what was drawn first leaves no way to the end."""
    left = {label: sum(lost[label].values()) for label in classes}
    used: set[str] = set()
    rows = []
    for candidates in given:
        own: list[int] = []
        for row in _drawn(candidates, rng):
            if len(own) == shots:
                break
            if units[row] not in used:
                after = {label: count - lost[label].get(units[row], 0) for label, count in left.items()}
                if min(after.values()) < queries:
                    continue
                used.add(units[row])
                left = after
            own.append(row)
        if len(own) < shots:
            return None
        rows.append(own)
    return rows


def _drawn(rows: Sequence[int], rng: torch.Generator) -> list[int]:
    """The rows in random order."""
    return [rows[place] for place in torch.randperm(len(rows), generator=rng).tolist()]
