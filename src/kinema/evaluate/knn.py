"""Classification by a weighted vote of the nearest train videos.

Letters: V videos voted on, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kinema.errors import UsageError
from kinema.evaluate.features import Features
from kinema.evaluate.labels import check_labels
from kinema.evaluate.nearest import nearest
from kinema.evaluate.statistics import percent, top_k_hits


@dataclass(frozen=True)
class KNNResult:
    """Accuracies in percent and what they were counted from."""

    top1: float
    top5: float
    hits1: Tensor
    """bool [V]: the class with most votes is the video's."""
    hits5: Tensor
    """bool [V]: the video's class is among the five with most votes."""
    scores: Tensor
    """float32 [V, C]: votes as shares of all votes."""
    k: int
    """Neighbours that voted: as many as asked for, or all there are."""


def knn_accuracy(
    train: Features, test: Features | None = None, *, k: int = 20, temperature: float = 0.07, block: int = 1024
) -> KNNResult:
    """Vote on each test video, a neighbour's vote counting exp(cosine / temperature) (Wu et al., CVPR 2018).

    Without `test` every train video is voted on by the others: the quick figure to watch during pre-training.
    """
    check_labels(train.labels, len(train.classes), "kNN train videos")
    asked = train if test is None else test
    if asked.classes != train.classes:
        raise UsageError("train and test videos have different class names: take both lists from one data set")
    check_labels(torch.cat([train.labels, asked.labels]), len(train.classes), "kNN videos")
    voters = min(k, len(train) - (test is None))
    found = nearest(asked.vectors, train.vectors, voters, leave_one_out=test is None, block=block)
    # softmax(cosine / t) is the votes' shares; 1 - distance is the cosine, and the 1 cancels.
    weights = (-found.distances / temperature).softmax(1)
    scores = torch.zeros(len(asked), len(train.classes), device=weights.device)
    scores.scatter_add_(1, train.labels[found.rows], weights)
    hits1, hits5 = top_k_hits(scores, asked.labels, 1), top_k_hits(scores, asked.labels, 5)
    return KNNResult(percent(hits1), percent(hits5), hits1, hits5, scores, voters)
