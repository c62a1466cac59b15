"""Does the same action in another look rank above another action in the same look?

The number that MCN's argument is about: whether what happens in a video counts, or how it looks. A query's hard
positives are the videos of its class in another look, its hard negatives those of another class in its own look; "look"
is whatever factor is handed in: a rendered appearance, a person, a signer. With s the similarity of two features,

    index = mean over queries of P(s(query, positive) > s(query, negative)), equal ones counting half, in percent,

over all pairs of a query's positives and negatives. 100: only the action counts. 50: no preference. 0: only the look
counts.

Letters: Q queries that count, C candidates, L looks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from kinema.errors import UsageError
from kinema.evaluate.estimate import Estimate
from kinema.evaluate.features import Features
from kinema.evaluate.labels import check_labels
from kinema.evaluate.nearest import distances
from kinema.evaluate.settings import Metric
from kinema.evaluate.statistics import DRAWS

FEWEST_LOOKS = 5
"""Of fewer looks of queries a resample says nothing: two looks drawn again are mostly one look, or the same two."""
_BLOCK = 1 << 22  # numbers in memory at once, 32 MB
_QUERIES = 256  # compared with all candidates at once


@dataclass(frozen=True)
class HardPositives:
    """What was found for each query with at least one hard positive and one hard negative."""

    rows: Tensor
    """int64 [Q]: which of the queries these are."""
    index: Tensor
    """float64 [Q] in [0, 1]: P(s(query, positive) > s(query, negative)), equal ones half."""
    pairs: Tensor
    """int64 [Q]: pairs of a positive and a negative that were compared."""
    looks: Tensor
    """int64 [Q]: the query's look, a column of `above`."""
    above: Tensor
    """float64 [Q, L]: over the positives of each look, the sum of the share of negatives that each is above."""
    positives: Tensor
    """float64 [Q, L]: how many positives each look has."""

    @property
    def resampled(self) -> Literal["looks", "queries"]:
        """What `estimate` draws again."""
        return "looks" if len(torch.unique(self.looks)) >= FEWEST_LOOKS else "queries"

    def estimate(self, rng: torch.Generator, *, among: Tensor | None = None, draws: int = DRAWS) -> Estimate:
        """The index in percent, with resamples; `among` (bool [Q]) keeps some of the queries.

        Clips of one look are no independent draws, and every look serves both as queries and as positives of all
        others. So looks are drawn again, and a look that is drawn twice brings its queries, positives and negatives
        twice; looks of queries are drawn among themselves, and so are those that only candidates have. Where the
        queries are of fewer than `FEWEST_LOOKS` looks, queries are drawn again instead and candidates stay: such an
        interval speaks of other clips of the same looks, not of other looks.
        """
        kept = torch.ones(len(self.rows), dtype=torch.bool) if among is None else among
        block = max(1, _BLOCK // max(self.above.shape))
        drawn = [self._drawn(rng, kept, min(block, draws - start)) for start in range(0, draws, block)]
        return Estimate(100 * float(self.index[kept].mean()), 100 * torch.cat(drawn))

    def _drawn(self, rng: torch.Generator, kept: Tensor, draws: int) -> Tensor:
        """float64 [draws]: the index of the kept queries on each resample."""
        if self.resampled == "queries":
            weight = _counts(len(self.rows), draws, rng)[kept]  # [Q, draws]
            return (weight * self.index[kept].unsqueeze(1)).sum(0) / weight.sum(0)
        asking = torch.zeros(self.above.shape[1], dtype=torch.bool)
        asking[self.looks] = True
        times = torch.zeros(len(asking), draws, dtype=torch.float64)  # [L, draws]
        for pool in (asking, ~asking):
            times[pool] = _counts(int(pool.sum()), draws, rng)
        count = self.positives[kept] @ times
        index = self.above[kept] @ times / count  # NaN where none of a query's positives was drawn
        weight = torch.where(count > 0, times[self.looks[kept]], 0.0)
        return (weight * index.nan_to_num()).sum(0) / weight.sum(0)


def hard_positives(
    query: Features,
    query_looks: Sequence[str],
    gallery: Features | None = None,
    gallery_looks: Sequence[str] = (),
    *,
    metric: Metric = "cosine",
    center: bool = False,
) -> HardPositives:
    """Compare each query with all other queries and, where given, with a gallery.

    Args:
        query: features of the test videos.
        query_looks: the look of each; equal texts are one look.
        gallery: features of further candidates.
        gallery_looks: their looks.
        metric: similarity is the cosine, or the Euclidean distance with its sign turned.
        center: subtract each set's own mean first.

    Raises:
        DataError: labels are missing.
        UsageError: looks and features do not fit together, or no query has both a hard positive and a hard negative.
    """
    sets = [query] if gallery is None else [query, gallery]
    names = [*query_looks, *gallery_looks]
    labels = torch.cat([part.labels for part in sets])
    if len(names) != len(labels):
        raise UsageError(f"{len(names)} looks for {len(labels)} videos: give one a video")
    check_labels(labels, len(query.classes), "videos to compare")
    number = {name: place for place, name in enumerate(dict.fromkeys(names))}
    looks = torch.tensor([number[name] for name in names])
    vectors = torch.cat([part.vectors - part.vectors.mean(0) if center else part.vectors for part in sets])
    rows = torch.tensor(comparable(labels.tolist(), names, len(query)))
    found = []
    for part in torch.split(rows, _QUERIES):
        far = distances(vectors[part], vectors, metric)  # [q, C]
        found += [_compare(each, row, labels, looks, len(number)) for row, each in zip(part.tolist(), far, strict=True)]
    above, positives, pairs = (torch.stack(each) for each in zip(*found, strict=True))
    return HardPositives(rows, above.sum(1) / positives.sum(1), pairs, looks[rows], above, positives)


def comparable(labels: Sequence[int], looks: Sequence[str], queries: int) -> list[int]:
    """Which of the first `queries` videos have a hard positive and a hard negative among all videos.

    Raises:
        UsageError: none has.
    """
    of_label, of_look, of_both = Counter(labels), Counter(looks), Counter(zip(labels, looks, strict=True))
    rows = [
        row
        for row, both in enumerate(zip(labels[:queries], looks[:queries], strict=True))
        if of_label[both[0]] > of_both[both] and of_look[both[1]] > of_both[both]
    ]
    if not rows:
        raise UsageError(
            "no test video has both a video of its class in another look and one of another class in its own look "
            f"({len(of_look)} looks, {len(of_label)} classes): compare with more videos (--candidates all), or name "
            "another --look"
        )
    return rows


def _compare(far: Tensor, own: int, labels: Tensor, looks: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """`above` [L], `positives` [L] and pairs of the query in row `own`, which lies at distances far [C] from all."""
    same_label, same_look = labels == labels[own], looks == looks[own]
    positive, negative = same_label & ~same_look, ~same_label & same_look
    total = int(negative.sum())
    ordered, mine = far[negative].sort().values, far[positive].contiguous()
    nearer, not_farther = (torch.searchsorted(ordered, mine, right=right) for right in (False, True))
    share = 1 - (nearer + not_farther).double() / (2 * total)
    above = torch.zeros(count, dtype=torch.float64).index_add_(0, looks[positive], share)
    return above, torch.bincount(looks[positive], minlength=count).double(), torch.tensor(total * len(share))


def _counts(size: int, draws: int, rng: torch.Generator) -> Tensor:
    """float64 [size, draws]: how often each of `size` things comes when as many are drawn with replacement."""
    if not size:
        return torch.zeros(0, draws, dtype=torch.float64)
    picks = torch.randint(size, (size, draws), generator=rng)
    return torch.zeros(size, draws, dtype=torch.float64).scatter_add_(0, picks, torch.ones_like(picks).double())
