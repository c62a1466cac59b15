"""SwAV: Sinkhorn's scaling of a table, and the cross-entropy of swapped assignments."""

import numpy as np


def sinkhorn(scores, epsilon, iterations):
    """The table exp(scores / epsilon), its columns brought to 1 / K and its rows to 1 / B in turn; times B."""
    table = np.exp(scores / epsilon)
    videos, prototypes = table.shape
    table = table / table.sum()
    for _ in range(iterations):
        for k in range(prototypes):
            table[:, k] *= 1 / prototypes / table[:, k].sum()
        for b in range(videos):
            table[b] *= 1 / videos / table[b].sum()
    return table * videos


def swapped(z1, z2, prototypes, temperature, epsilon, iterations):
    """Each view's assignment told from the other view's scores, the mean over both ways."""
    scores = [z @ prototypes.T for z in (z1, z2)]
    total = 0.0
    for own, other in (scores, scores[::-1]):
        for code, row in zip(sinkhorn(own, epsilon, iterations), other, strict=True):
            share = np.exp(row / temperature) / np.exp(row / temperature).sum()
            total -= (code * np.log(share)).sum()
    return total / (2 * len(z1))
