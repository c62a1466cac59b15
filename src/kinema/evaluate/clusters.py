"""Groups of vectors that lie close together, found without labels; and how well they agree with labels where there are.

Letters: W vectors, D their length, K clusters.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinema.errors import UsageError
from kinema.evaluate.settings import Clustering

ALONE = -1
"""The cluster of what lies in none."""


@dataclass(frozen=True)
class Clusters:
    """K clusters, the largest first."""

    of: NDArray[np.int64]
    """[W]: the number of each vector's cluster, 0 to K - 1, or `ALONE`."""
    distances: NDArray[np.float64]
    """[W]: Euclidean, from each vector to the mean of its cluster; NaN for what lies in none."""

    def __len__(self) -> int:
        return int(self.of.max()) + 1

    def members(self, cluster: int) -> list[int]:
        """The rows of a cluster, nearest to its mean first."""
        rows = np.flatnonzero(self.of == cluster)
        return [int(row) for row in rows[np.argsort(self.distances[rows], kind="stable")]]


@dataclass(frozen=True)
class Agreement:
    """Clusters beside labels, over the vectors that have one; what lies in none counts as a cluster of its own."""

    labelled: int
    purity: float
    """The share, in percent, of vectors whose label is the most frequent one of their cluster."""
    nmi: float
    """Normalised mutual information (arithmetic mean of the entropies), 0 to 1."""
    ari: float
    """Adjusted Rand index: 0 is chance, 1 the same division."""


def find_clusters(vectors: NDArray[np.float32], settings: Clustering) -> Clusters:
    """Cluster vectors [W, D] with scikit-learn; vectors of unit length are divided as by their cosines.

    Raises:
        UsageError: scikit-learn is not installed, or the vectors have no such clusters.
    """
    found = _kmeans(vectors, settings) if settings.method == "kmeans" else _hdbscan(vectors, settings)
    sizes = Counter(int(each) for each in found if each != ALONE)
    first = {cluster: int(np.flatnonzero(found == cluster)[0]) for cluster in sizes}
    order = sorted(sizes, key=lambda cluster: (-sizes[cluster], first[cluster]))
    of = np.full(len(vectors), ALONE, dtype=np.int64)
    distances = np.full(len(vectors), np.nan)
    for number, cluster in enumerate(order):
        rows = found == cluster
        own = vectors[rows].astype(np.float64)
        of[rows] = number
        distances[rows] = np.linalg.norm(own - own.mean(axis=0), axis=1)
    return Clusters(of, distances)


def _kmeans(vectors: NDArray[np.float32], settings: Clustering) -> NDArray[np.int64]:
    if settings.k > len(vectors):
        raise UsageError(f"{len(vectors)} vectors do not make {settings.k} clusters: give --k {len(vectors)} or fewer")
    skcluster = _sklearn("cluster")
    with warnings.catch_warnings(action="ignore"):  # that some vectors are equal, which is told below
        model = skcluster.KMeans(settings.k, n_init=settings.starts, random_state=settings.seed)
        found: NDArray[np.int64] = model.fit_predict(vectors)
    if len(set(found.tolist())) < settings.k:
        different = len(np.unique(vectors, axis=0))
        raise UsageError(
            f"{len(vectors)} vectors, {different} of them different, do not make {settings.k} clusters: "
            f"give --k {different} or fewer"
        )
    return found


def _hdbscan(vectors: NDArray[np.float32], settings: Clustering) -> NDArray[np.int64]:
    few = f"among {len(vectors)} vectors HDBSCAN finds no cluster of {settings.min_size} or more"
    remedy = "give a smaller --min-size, or --method kmeans"
    if settings.min_size > len(vectors):
        raise UsageError(f"{few}: {remedy}")
    model = _sklearn("cluster").HDBSCAN(min_cluster_size=settings.min_size, copy=True)
    found: NDArray[np.int64] = model.fit_predict(vectors)
    if not (found >= 0).any():
        raise UsageError(f"{few}: {remedy}")
    return np.where(found >= 0, found, ALONE)


def agreement(of: NDArray[np.int64], labels: Sequence[str | None]) -> Agreement | None:
    """How clusters [W] agree with labels, of which some may be missing; `None` if all are.

    Raises:
        UsageError: scikit-learn is not installed.
    """
    counts = label_counts(of, labels)
    if not counts:
        return None
    metrics = _sklearn("metrics")
    pairs = [(label, cluster) for cluster, label in zip(of.tolist(), labels, strict=True) if label is not None]
    names, clusters = zip(*pairs, strict=True)
    return Agreement(
        len(pairs),
        100 * sum(max(own.values()) for own in counts.values()) / len(pairs),
        float(metrics.normalized_mutual_info_score(names, clusters)),
        float(metrics.adjusted_rand_score(names, clusters)),
    )


def label_counts(of: NDArray[np.int64], labels: Sequence[str | None]) -> dict[int, Counter[str]]:
    """How often each label comes in each cluster that has any."""
    counts: dict[int, Counter[str]] = {}
    for cluster, label in zip(of.tolist(), labels, strict=True):
        if label is not None:
            counts.setdefault(cluster, Counter())[label] += 1
    return counts


def _sklearn(part: str) -> Any:
    """A module of scikit-learn."""
    from importlib import import_module

    try:
        return import_module(f"sklearn.{part}")
    except ImportError:
        raise UsageError("clusters are found with scikit-learn: pip install 'kinema[plots]'") from None
