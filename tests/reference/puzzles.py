"""Orders of pieces that differ, found one by one; and pieces given one brightness."""

import itertools

import numpy as np


def hamming(one, other):
    """Places in which two orders differ."""
    return sum(a != b for a, b in zip(one, other, strict=True))


def distant_orders(pieces, count):
    """The first order, then each time the one whose distances to those taken have the largest sum."""
    every = list(itertools.permutations(range(pieces)))
    taken = [every[0]]
    while len(taken) < count:
        left = [order for order in every if order not in taken]
        taken.append(max(left, key=lambda order: sum(hamming(order, other) for other in taken)))
    return taken


def alike(pieces):
    """Pieces of one clip [N, C, T, P, P], each channel of each shifted and stretched to that of all of them."""
    out = np.empty_like(pieces)
    for n, c in itertools.product(*map(range, pieces.shape[:2])):
        own, every = pieces[n, c], pieces[:, c]
        out[n, c] = (own - own.mean()) / own.std(ddof=1) * every.std(ddof=1) + every.mean()
    return out
