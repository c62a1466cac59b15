"""The k nearest gallery features of each query, exactly and reproducibly.

Letters: Q queries, G gallery features, D their length.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from kinema.errors import UsageError
from kinema.evaluate.settings import Metric


@dataclass(frozen=True)
class Neighbours:
    """The nearest gallery rows of each query, nearest first."""

    rows: Tensor
    """int64 [Q, k]: rows of the gallery."""
    distances: Tensor
    """float32 [Q, k]: 1 - cosine, in [0, 2], or the Euclidean distance."""


def nearest(
    query: Tensor,
    gallery: Tensor,
    k: int,
    *,
    metric: Metric = "cosine",
    leave_one_out: bool = False,
    block: int = 128,
) -> Neighbours:
    """The k nearest of a gallery [G, D] for each query [Q, D], `block` queries by 16 `block` gallery rows at once.

    Distances are computed in float64 and rounded to float32: equal vectors then tie whatever the blocks are, and of
    rows at the same distance the lower comes first. `leave_one_out` says that query and gallery are the same list,
    and no query is its own neighbour. k must not exceed the rows that are left. With larger blocks the allocator has
    their memory from the system anew each time, page by page, which doubles the time.
    """
    left = len(gallery) - leave_one_out
    if not 1 <= k <= left:
        raise UsageError(f"{k} neighbours wanted of a gallery of {left}: give more videos or a smaller k")
    if leave_one_out and len(query) != len(gallery):
        raise UsageError(f"{len(query)} queries but a gallery of {len(gallery)}: leaving one out needs the same list")
    found = [
        _nearest_of_block(_prepared(part, metric), gallery, k, metric, start if leave_one_out else None, 16 * block)
        for start, part in zip(range(0, len(query), block), torch.split(query, block), strict=True)
    ]
    keys = torch.cat(found)
    return Neighbours(keys & 0xFFFFFFFF, (keys >> 32).to(torch.int32).view(torch.float32))


def distances(query: Tensor, gallery: Tensor, metric: Metric = "cosine") -> Tensor:
    """float32 [Q, G]: 1 - cosine in [0, 2], or the Euclidean distance, with the same rounding as in `nearest`."""
    return _distances(_prepared(query, metric), _prepared(gallery, metric), metric).float()


def _prepared(vectors: Tensor, metric: Metric) -> Tensor:
    return F.normalize(vectors.double(), dim=1) if metric == "cosine" else vectors.double()


def _nearest_of_block(
    query: Tensor, gallery: Tensor, k: int, metric: Metric, own_row: int | None, block: int
) -> Tensor:
    """int64 [q, k], ascending: a distance's float32 bits above the gallery row; `own_row` is the first query's row.

    The gallery, in float64 twice as large, is prepared a block at a time, which costs little beside the product.
    The bits of a float that is not negative sort as the float does, so one integer sorts by distance, then by row.
    """
    best = torch.empty(len(query), 0, dtype=torch.int64, device=query.device)
    for start, part in zip(range(0, len(gallery), block), torch.split(gallery, block), strict=True):
        distances = _distances(query, _prepared(part, metric), metric).float()
        rows = torch.arange(start, start + len(part), device=query.device)
        keys = (distances.view(torch.int32).to(torch.int64) << 32) | rows
        if own_row is not None:
            own = torch.arange(own_row, own_row + len(query), device=query.device)
            keys.masked_fill_(rows == own.unsqueeze(1), torch.iinfo(torch.int64).max)
        candidates = torch.cat([best, keys], dim=1)
        best = candidates.topk(min(k, candidates.shape[1]), largest=False, sorted=True).values
    return best


def _distances(query: Tensor, gallery: Tensor, metric: Metric) -> Tensor:
    """float64 [q, g], none negative, and no negative zero."""
    if metric == "cosine":
        return (1 - query @ gallery.T).clamp(min=0).abs()
    # The quicker formula by way of a matrix product leaves equal vectors at a distance above zero.
    return torch.cdist(query, gallery, compute_mode="donot_use_mm_for_euclid_dist")
