"""The nearest of Kinetics-400's 240,000 train videos for each of 20,000 test videos, features of 512 numbers."""

from __future__ import annotations

import torch

from kinema.batch import generator
from kinema.bench.measure import Contestant, Progress, Row, by_clock, peak_memory, race
from kinema.evaluate.nearest import nearest

QUERIES, GALLERY, LENGTH, NEIGHBOURS = 20_000, 240_000, 512, 50
LIMIT = 2 * 2**30


def retrieve(
    *, queries: int = QUERIES, gallery: int = GALLERY, progress: Progress | None = None
) -> tuple[list[Row], dict[str, float]]:
    """Queries a second on all cores, once, and the most memory that the whole process held; the limit is 2 GiB."""
    rng = generator("bench", "retrieve")
    query, videos = (torch.randn(count, LENGTH, generator=rng) for count in (queries, gallery))

    def search() -> float:
        return len(nearest(query, videos, NEIGHBOURS).rows)

    rows = race(
        [Contestant(f"{queries:,} in {gallery:,}", by_clock("wall", search))], rounds=1, warm_up=0, progress=progress
    )
    return rows, {"peak memory, GiB": peak_memory() / 2**30, "limit, GiB": LIMIT / 2**30}
