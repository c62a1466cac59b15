"""TCLR's terms, one anchor after the other, in the form of the authors' code."""

import numpy as np


def nt_xent(one, other, temperature):
    """SimCLR's loss of n features and their partners: the mean over 2 n anchors."""
    features = [*one, *other]
    n = len(one)
    total = 0.0
    for i, anchor in enumerate(features):
        h = {j: np.exp(np.dot(anchor, other) / temperature) for j, other in enumerate(features) if j != i}
        total -= np.log(h[(i + n) % (2 * n)] / sum(h.values()))
    return total / (2 * n)


def between_videos(copies, temperature):
    """A quarter of the sum over ordered pairs of sets of dense clips; copies are two lists of P arrays [B, D]."""
    total = 0.0
    for ii, one in enumerate(copies):
        for jj, other in enumerate(copies):
            for p, first in enumerate(one):
                for q, second in enumerate(other):
                    if (ii, p) != (jj, q):
                        total += nt_xent(first, second, temperature)
    return total / 4


def between_parts(copies, temperature):
    """The sum over videos of the loss among their dense clips."""
    videos = len(copies[0][0])
    return sum(nt_xent(*([part[v] for part in copy] for copy in copies), temperature) for v in range(videos))


def global_local(steps, dense, temperature):
    """Of each video a table of time steps against dense clips, whose diagonal is right by rows and by columns."""
    total, videos = 0.0, len(steps)
    for own_steps, clips in zip(steps, dense, strict=True):
        for i in range(len(clips)):
            row = [np.exp(np.dot(own_steps[i], clip) / temperature) for clip in clips]
            column = [np.exp(np.dot(own, clips[i]) / temperature) for own in own_steps]
            total -= np.log(row[i] / sum(row)) + np.log(column[i] / sum(column))
    return total / (2 * videos)
