"""`kinema cluster` as a function: from the folder that `kinema embed` writes to clusters of its vectors."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kinema.atomic import write_bytes
from kinema.cluster_files import COLUMNS, Places
from kinema.evaluate.clusters import ALONE, Agreement, Clusters, agreement, find_clusters, label_counts
from kinema.evaluate.settings import Clustering
from kinema.evaluate.table import Table
from kinema.parquet import read_vectors
from kinema.stretch import frames, short
from kinema.visualise.contact_sheet import Band, Cell, contact_sheet

NEAREST, FARTHEST = 12, 3
"""Members of each kind that a contact sheet shows."""


@dataclass(frozen=True)
class Clustered:
    """What was found."""

    file: Path
    """The CSV file."""
    clusters: Clusters
    rows: Sequence[dict[str, Any]]
    """What each vector is of: path, start, end, label."""
    settings: Clustering
    agreement: Agreement | None
    """With the labels that the videos had when they were embedded; `None` if they had none."""

    def table(self) -> Table:
        """A row a cluster, the largest first; last what lies in none."""
        counts = label_counts(self.clusters.of, [row["label"] for row in self.rows])
        header = ("cluster", "vectors", "videos", "mean distance", *(("most frequent label",) if counts else ()))
        alone = [ALONE] if (self.clusters.of == ALONE).any() else []
        rows = []
        for cluster in [*range(len(self.clusters)), *alone]:
            members = np.flatnonzero(self.clusters.of == cluster).tolist()
            videos = len({self.rows[row]["path"] for row in members})
            name, far = ("none", "") if cluster == ALONE else (str(cluster), f"{self._distance(cluster):.3f}")
            label = [most_frequent(counts[cluster]) if cluster in counts else ""] if counts else []
            rows.append((name, str(len(members)), str(videos), far, *label))
        return Table(self.title(), header, tuple(rows))

    def title(self) -> str:
        """What was clustered, and how."""
        how = self.settings
        name = f"k-means, {how.starts} starts, seed {how.seed}"
        if how.method == "hdbscan":
            name = f"HDBSCAN, {how.min_size} vectors or more"
        return f"{len(self.clusters)} clusters of {len(self.rows)} vectors ({name})"

    def _distance(self, cluster: int) -> float:
        return float(self.clusters.distances[self.clusters.of == cluster].mean())


def cluster(
    folder: str | Path,
    settings: Clustering | None = None,
    *,
    out: str | Path | None = None,
    sheets: str | Path | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Clustered:
    """Cluster the vectors in a folder, and write which one lies where; labels play no part in it.

    Args:
        folder: what `kinema embed` wrote.
        settings: the method; k-means with ten clusters if not given.
        out: the CSV file; `clusters.csv` in the folder if not given.
        sheets: a folder for a contact sheet of each cluster.
        overwrite: set aside the clusters and sheets that are there.
        progress: called with (sheets drawn, sheets in all).

    Raises:
        UsageError: there are no vectors, they have no such clusters, scikit-learn is not installed, or a place is
            taken or cannot be written to.
        DataError: a video that a sheet shows cannot be read any more; the CSV file is there.
    """
    settings, folder = settings or Clustering(), Path(folder)
    file = Path(out) if out is not None else folder / "clusters.csv"
    places = Places(file, Path(sheets) if sheets is not None else None)
    places.check(overwrite=overwrite)
    rows, vectors = read_vectors(folder)
    clusters = find_clusters(vectors, settings)
    places.clear()
    write_bytes(file, csv_bytes(rows, clusters))
    if places.sheets is not None:
        draw_sheets(places.sheets, rows, clusters, progress)
    return Clustered(file, clusters, rows, settings, agreement(clusters.of, [row["label"] for row in rows]))


def csv_bytes(rows: Sequence[dict[str, Any]], clusters: Clusters) -> bytes:
    """A line a vector, in their order; the cluster is -1 and the distance empty for what lies in none."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    for row, own, distance in zip(rows, clusters.of.tolist(), clusters.distances.tolist(), strict=True):
        far = "" if own == ALONE else f"{distance:.6f}"
        lines.writerow((row["path"], row["start"], row["end"], own, far))
    return text.getvalue().encode()


def draw_sheets(
    folder: Path, rows: Sequence[dict[str, Any]], clusters: Clusters, progress: Callable[[int, int], None] | None
) -> None:
    """A contact sheet of each cluster: the members nearest its centre, and below them the farthest."""
    for number in range(len(clusters)):
        members = clusters.members(number)
        paths = [rows[row]["path"] for row in members]
        near = chosen(members, paths, NEAREST)
        rest = [row for row in reversed(members) if row not in set(near)]
        far = chosen(rest, [rows[row]["path"] for row in rest], FARTHEST)
        distances = clusters.distances[members]
        title = (
            f"cluster {number}: {len(members)} vectors of {len(set(paths))} videos; distance from the centre "
            f"{distances.mean():.3f} on average, {distances.max():.3f} at most"
        )
        parts = (("nearest the centre", near), ("farthest from the centre", far))
        bands = [Band(name, [cell(rows[row], clusters.distances[row]) for row in part]) for name, part in parts if part]
        write_bytes(folder / f"cluster_{number:03d}.png", contact_sheet(bands, title=title))
        if progress:
            progress(number + 1, len(clusters))


def chosen(members: Sequence[int], videos: Sequence[str], count: int) -> list[int]:
    """The first `count` members, given nearest (or farthest) first, and the video that each is of.

    No video comes twice before each has come once, as neighbouring windows of a video look alike.
    """
    seen: set[str] = set()
    first: list[int] = []
    others: list[int] = []
    for member, video in zip(members, videos, strict=True):
        (others if video in seen else first).append(member)
        seen.add(video)
    return [*first, *others][:count]


def cell(row: dict[str, Any], distance: float) -> Cell:
    """A member as a sheet shows it.

    Raises:
        DataError: its video cannot be read.
    """
    text = f"{short(row['path'])}\n{row['start']:.1f}-{row['end']:.1f}, distance {distance:.3f}"
    return Cell(frames(row["path"], row["start"], row["end"]), text)


def most_frequent(counts: Any) -> str:
    """The label that comes most often, with its share of those that have a label."""
    [(label, count)] = counts.most_common(1)
    return f"{label} {100 * count / counts.total():.0f} %"
