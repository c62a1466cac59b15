"""Video retrieval: of how many test videos is the class among the nearest train videos?

Letters: Q queries (test videos), G gallery videos (train videos), K the largest k.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kinema.errors import UsageError
from kinema.evaluate.features import Features
from kinema.evaluate.labels import check_labels
from kinema.evaluate.nearest import nearest
from kinema.evaluate.settings import Metric


@dataclass(frozen=True)
class Retrieval:
    """What retrieval found; every query counts, also one whose class the gallery lacks."""

    recall: dict[int, float]
    """R@k in percent for each k asked for: a query counts once if any of its k nearest has its class."""
    hits: Tensor
    """bool [Q, len(recall)], columns in the order of `recall`."""
    neighbours: Tensor
    """int64 [Q, K]: rows of the gallery, nearest first; of equals the lower row first."""
    distances: Tensor
    """float32 [Q, K]: 1 - cosine, or the Euclidean distance."""
    clipped: tuple[int, ...]
    """Those k that exceed the gallery; for them all of the gallery was looked at."""


def retrieve(
    query: Features,
    gallery: Features,
    *,
    ks: Sequence[int] = (1, 5, 10, 20, 50),
    metric: Metric = "cosine",
    center: bool = False,
    block: int = 128,
) -> Retrieval:
    """Search each query's nearest neighbours in the gallery; `block` bounds the memory, not the result.

    `center` first subtracts from queries and gallery each set's own mean (CoCLR); it looks at all queries at once,
    so a published number without it is another protocol.
    """
    _check(query, gallery, ks)
    size = len(gallery)
    vectors = [part.vectors - part.vectors.mean(0) if center else part.vectors for part in (query, gallery)]
    found = nearest(vectors[0], vectors[1], min(max(ks), size), metric=metric, block=block)
    same = gallery.labels[found.rows] == query.labels.unsqueeze(1)  # [Q, K]
    hits = torch.stack([same[:, :k].any(1) for k in ks], dim=1)
    recall = {k: 100 * float(hits[:, column].double().mean()) for column, k in enumerate(ks)}
    return Retrieval(recall, hits, found.rows, found.distances, tuple(k for k in ks if k > size))


def _check(query: Features, gallery: Features, ks: Sequence[int]) -> None:
    if not ks or min(ks) < 1 or len(set(ks)) < len(ks):
        raise UsageError(f"ks={tuple(ks)}: give different whole numbers of at least 1")
    if query.classes != gallery.classes:
        raise UsageError("queries and gallery have different class names: take both lists from one data set")
    if query.vectors.shape[1] != gallery.vectors.shape[1]:
        lengths = f"{query.vectors.shape[1]} and {gallery.vectors.shape[1]}"
        raise UsageError(f"features of queries and gallery have lengths {lengths}: extract both with one encoder")
    check_labels(gallery.labels, len(gallery.classes), "gallery")
    check_labels(torch.cat([query.labels, gallery.labels]), len(query.classes), "queries and gallery")
    if not len(query):
        raise UsageError("no queries: the test list is empty")
