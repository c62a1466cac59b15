"""Approximate nearest neighbours for large indexes, with the recall that they have.

Vectors are put into partitions around k-means centres (IVF), as they are, without compression; a search looks into the
partitions whose centres are nearest. How many those are is decided by measurement: twice as many until recall is
`TARGET`, and with all partitions a search is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

TARGET = 0.95
"""Recall@10 at which no more partitions are looked into."""
NEIGHBOURS = 10
SAMPLE = 200
FIRST = 8
"""Partitions that are tried first."""
SAME = 1e-6
"""Distances that differ by less are equal: partitions and plain search round them differently."""


@dataclass(frozen=True)
class Measured:
    """An ANN index, as in `kinema.search.database.About`; none at first."""

    partitions: int = 0
    probes: int = 0
    recall: float | None = None
    sample: int = 0


def index_and_measure(table: Any) -> Measured:
    """Index a table's vectors and find how many partitions a search must look into."""
    from lancedb.index import IvfFlat

    rows = table.count_rows()
    partitions = round(rows**0.5)
    table.create_index("vector", config=IvfFlat(distance_type="cosine", num_partitions=partitions))
    sample = min(SAMPLE, rows)
    offsets = [rows * i // sample for i in range(sample)]
    asked = table.take_offsets(offsets).select(["id", "vector"]).to_arrow().to_pylist()
    exact = [distances(table.search(row["vector"]).bypass_vector_index(), row["id"]) for row in asked]
    recall = 0.0
    for probes in doubled(partitions):
        found = [distances(table.search(row["vector"]).nprobes(probes), row["id"]) for row in asked]
        recall = sum(map(share, found, exact)) / sample
        if recall >= TARGET:
            break
    return Measured(partitions, probes, recall, sample)


def doubled(most: int) -> Iterator[int]:
    """`FIRST`, twice that, and so on; `most` in the end."""
    probes = FIRST
    while probes < most:
        yield probes
        probes *= 2
    yield most


def distances(search: Any, own: str) -> list[float]:
    """Cosine distances of the nearest rows other than the vector's own, ascending."""
    rows = search.distance_type("cosine").select(["id", "_distance"]).limit(NEIGHBOURS + 1).to_arrow().to_pylist()
    return sorted(row["_distance"] for row in rows if row["id"] != own)[:NEIGHBOURS]


def share(found: list[float], exact: list[float]) -> float:
    """Recall: rows that were found and are as near as the last of the exact ones, which any of equals may be."""
    return sum(distance <= exact[-1] + SAME for distance in found) / len(exact)
