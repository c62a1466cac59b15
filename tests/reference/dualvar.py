"""DualVar's losses, one anchor after the other."""

import math

import numpy as np


def shuffle_rank(one, other, theta, limit=math.inf):
    """[videos, segments, length] twice: mean of log(1 + exp(how much nearer another segment is, over theta))."""
    losses = []
    for a, b in zip(one, other, strict=True):
        n = len(a)
        vectors = [*a, *b]
        for i, anchor in enumerate(vectors):
            same = (i + n) % (2 * n)
            for j, other_segment in enumerate(vectors):
                if j not in (i, same):
                    excess = (np.dot(anchor, other_segment) - np.dot(anchor, vectors[same])) / theta
                    losses.append(math.log1p(math.exp(min(excess, limit))))
    return np.mean(losses)


def coherence(one, other):
    """The score of two clips: the mean product of every segment of one with every segment of the other."""
    return np.mean([[np.dot(a, b) for b in other] for a in one])


def coherent_contrast(one, other, tau):
    """NT-Xent over all clips of both sets with that score."""
    clips = [*one, *other]
    count, total = len(clips), 0.0
    for i, anchor in enumerate(clips):
        weights = {j: math.exp(coherence(anchor, clip) / tau) for j, clip in enumerate(clips) if j != i}
        total -= math.log(weights[(i + len(one)) % count] / sum(weights.values()))
    return total / count
