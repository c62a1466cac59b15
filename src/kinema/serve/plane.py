"""Vectors as points on a plane: the two principal components. Letters: V vectors, D their length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EQUAL = 1e-12
"""Variance below which vectors are all the same."""


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
