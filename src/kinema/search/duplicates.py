"""Near-duplicates: videos of different files that are nearer to one another than a threshold, exactly.

Letters: V vectors, D their length, P pairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from kinema.errors import UsageError
from kinema.search.rows import Hit

BLOCK = 2048
"""Vectors that are compared with as many others at once."""
MOST = 1_000_000
"""Pairs; more are no list that anybody reads."""
_ROUNDING = 1e-5
"""Of cosines in float32, by which pairs are found before they are compared in float64."""
_EQUAL = 1e-9
"""Of cosines in float64: equal vectors are above a threshold of 1."""


@dataclass(frozen=True)
class Group:
    """Rows that hang together by pairs above the threshold; two of them need not be such a pair."""

    hits: tuple[Hit, ...]
    """In the order of their paths; each with its cosine with the nearest other."""


def groups(rows: Sequence[Hit], vectors: Tensor, threshold: float) -> list[Group]:
    """The groups of rows with vectors float [V, D], the nearest first; two windows of one file are no pair."""
    left, right, cosines = pairs(vectors, files_of(rows), threshold)
    best: dict[int, float] = {}
    root = list(range(len(rows)))
    for i, j, cosine in zip(left.tolist(), right.tolist(), cosines.tolist(), strict=True):
        root[find(root, i)] = find(root, j)
        for one in (i, j):
            best[one] = max(best.get(one, -1.0), cosine)
    found: dict[int, list[int]] = defaultdict(list)
    for one in best:
        found[find(root, one)].append(one)
    made = [
        Group(tuple(sorted((replace(rows[i], cosine=best[i]) for i in each), key=place))) for each in found.values()
    ]
    return sorted(made, key=lambda group: (-max(hit.cosine for hit in group.hits), place(group.hits[0])))


def files_of(rows: Sequence[Hit]) -> Tensor:
    """int64 [V]: a number for each file."""
    numbers: dict[str, int] = {}
    return torch.tensor([numbers.setdefault(row.path, len(numbers)) for row in rows])


def place(hit: Hit) -> tuple[str, float]:
    """What rows are ordered by where nothing else decides."""
    return hit.path, hit.start


def find(root: list[int], one: int) -> int:
    """The number that all of a group share."""
    while root[one] != one:
        root[one] = root[root[one]]
        one = root[one]
    return one


def pairs(vectors: Tensor, files: Tensor, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """Rows i < j, int64 [P] each, of different files [V] whose cosine, float64 [P], is the threshold or more.

    Raises:
        UsageError: they are more than `MOST`.
    """
    unit = F.normalize(vectors.float(), dim=1)
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    total = 0
    for top in range(0, len(unit), BLOCK):
        for start in range(top, len(unit), BLOCK):
            near = unit[top : top + BLOCK] @ unit[start : start + BLOCK].T >= threshold - _ROUNDING
            near &= files[top : top + BLOCK, None] != files[start : start + BLOCK]
            i, j = (near.triu(1) if start == top else near).nonzero(as_tuple=True)
            found.append(compared(vectors, i + top, j + start, threshold))
            total += len(found[-1][0])
            if total > MOST:
                raise UsageError(f"more than {MOST} pairs have a cosine of {threshold:g} or more: give a higher one")
    left, right, cosines = (torch.cat(column) for column in zip(*found, strict=True))
    return left, right, cosines


def compared(vectors: Tensor, i: Tensor, j: Tensor, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """Those of some pairs that are above the threshold in float64."""
    kept = [
        (a[above], b[above], cosine[above])
        for a, b in zip(torch.split(i, BLOCK), torch.split(j, BLOCK), strict=True)
        for cosine in [F.cosine_similarity(vectors[a].double(), vectors[b].double())]
        for above in [cosine >= threshold - _EQUAL]
    ]
    empty = (torch.empty(0, dtype=torch.int64),) * 2 + (torch.empty(0, dtype=torch.float64),)
    left, right, cosines = (torch.cat(column) for column in zip(empty, *kept, strict=True))
    return left, right, cosines.clamp(max=1)


def usual(rows: Sequence[Hit], vectors: Tensor) -> tuple[float, float] | None:
    """The median and the 99.9th percentile of the cosines of 10,000 random pairs of different files."""
    rng = torch.Generator().manual_seed(0)
    i, j = torch.randint(len(vectors), (2, 10_000), generator=rng)
    files = files_of(rows)
    apart = files[i] != files[j]
    if not apart.any():
        return None
    cosines = F.cosine_similarity(vectors[i[apart]].float(), vectors[j[apart]].float())
    low, high = torch.quantile(cosines, torch.tensor([0.5, 0.999])).tolist()
    return low, high
