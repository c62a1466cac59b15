"""Vectors as points on a plane, by their principal components or by their neighbours. V vectors, D their length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EQUAL = 1e-12
"""Variance below which vectors are all the same."""
PERPLEXITY = 30
"""How many neighbours a point is laid out by, about."""


def plane(vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """float32 [V, 2] in [-1, 1] of vectors [V, D], and the share of their variance that it holds.

    Both axes have one scale. The direction of an axis means nothing; it is chosen so that the same vectors give the
    same map.
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    variance, directions = np.linalg.eigh(centred.T @ centred / len(vectors))  # ascending
    if variance.sum() < EQUAL:
        return np.zeros((len(vectors), 2), np.float32), 0.0
    best = directions[:, ::-1][:, :2]
    best = best * np.sign(best[np.abs(best).argmax(axis=0), np.arange(best.shape[1])])
    points = np.zeros((len(vectors), 2))
    points[:, : best.shape[1]] = centred @ best
    return (points / np.abs(points).max()).astype(np.float32), float(variance[::-1][:2].sum() / variance.sum())


def neighbourhood(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 [V, 2] in [-1, 1] of vectors [V, D], neighbours beside one another: t-SNE (van der Maaten, Hinton 2008).

    It begins at `plane`, and the same vectors give the same map on one machine. Time grows with V log V.
    """
    from sklearn.manifold import TSNE

    begin, share = plane(vectors)
    if len(vectors) < 4 or share == 0:
        return begin  # so few, or all the same: there are no neighbourhoods
    begin = 1e-4 * begin / begin[:, 0].std()  # small, as the method wants it, so that points are free to move at first
    perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
    layout = TSNE(perplexity=perplexity, init=begin, learning_rate="auto", random_state=0)
    points: NDArray[np.float32] = layout.fit_transform(vectors)
    points -= (points.max(axis=0) + points.min(axis=0)) / 2
    points /= np.abs(points).max()
    return points
