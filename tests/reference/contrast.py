"""Eq. 2-3 of MCN, CMC's noise-contrastive estimate and refresh of a bank row, and contrasts within a batch."""

import math

import numpy as np


def softmax_contrast(anchors, rows, temperature):
    """Mean over anchors of -log(h(positive) / sum of h), h = exp(dot / temperature); the positive is row 0."""
    losses = []
    for anchor, candidates in zip(anchors, rows, strict=True):
        h = [np.exp(np.dot(anchor, candidate) / temperature) for candidate in candidates]
        losses.append(-np.log(h[0] / np.sum(h)))
    return np.mean(losses)


def nce_constant(anchors, rows, temperature, num_videos):
    """CMC: the batch's mean of exp(dot / temperature), times the number of videos."""
    values = [
        np.exp(np.dot(anchor, candidate) / temperature)
        for anchor, candidates in zip(anchors, rows, strict=True)
        for candidate in candidates
    ]
    return np.mean(values) * num_videos


def noise_contrast(anchors, rows, temperature, z, num_videos):
    """CMC's NCECriterion: the positive against K times the uniform noise, and K negatives as noise."""
    eps = 1e-7
    total = 0.0
    for anchor, candidates in zip(anchors, rows, strict=True):
        m = len(candidates) - 1
        noise = m * (1 / num_videos)
        p = [np.exp(np.dot(anchor, candidate) / temperature) / z for candidate in candidates]
        total += np.log(p[0] / (p[0] + noise + eps))
        for k in range(1, m + 1):
            total += np.log(noise / (p[k] + noise + eps))
    return -total / len(anchors)


def in_batch(view1, view2, temperature):
    """Every feature of view 1 picks its partner out of all features of view 2."""
    losses = []
    for i, anchor in enumerate(view1):
        similarity = np.array([np.dot(anchor, other) for other in view2]) / temperature
        losses.append(np.log(np.exp(similarity).sum()) - similarity[i])
    return np.mean(losses)


def refreshed(row, feature, momentum):
    """A bank row after its video was seen again."""
    mixed = momentum * np.asarray(row) + (1 - momentum) * np.asarray(feature)
    return mixed / np.sqrt(np.sum(mixed**2))


def info_nce(scores, positive):
    """-log of the positives' share of each row's softmax, one row after the other."""
    total = 0.0
    for row, mask in zip(scores, positive, strict=True):
        weights = [math.exp(score) for score in row]
        total -= math.log(sum(w for w, chosen in zip(weights, mask, strict=True) if chosen) / sum(weights))
    return total / len(scores)


def nt_xent(z1, z2, temperature):
    """Each of the 2 B features against all others, its partner the positive."""
    both = [*z1, *z2]
    count, total = len(both), 0.0
    for i, anchor in enumerate(both):
        weights = {j: math.exp(float(anchor @ other) / temperature) for j, other in enumerate(both) if j != i}
        total -= math.log(weights[(i + len(z1)) % count] / sum(weights.values()))
    return total / count


def momentum_contrast(queries, keys, queue, temperature):
    """MoCo: each query picks its key out of that key and all rows of the queue."""
    total = 0.0
    for query, key in zip(queries, keys, strict=True):
        weights = [math.exp(float(query @ other) / temperature) for other in (key, *queue)]
        total -= math.log(weights[0] / sum(weights))
    return total / len(queries)


def inter_intra(anchors, rows, own_intra_rows, temperature):
    """IIC: the positive is row 0 of an anchor's rows, everything else and all intra-negatives are negatives."""
    total = 0.0
    for anchor, inter, intra in zip(anchors, rows, own_intra_rows, strict=True):
        weights = [math.exp(float(np.dot(anchor, row)) / temperature) for row in [*inter, *intra]]
        total -= math.log(weights[0] / sum(weights))
    return total / len(anchors)


def direction_distance(predictions, targets):
    """BYOL's Eq. 2: the mean squared distance of vectors of unit length, one after the other."""
    total = 0.0
    for p, t in zip(predictions, targets, strict=True):
        p, t = p / np.sqrt((p**2).sum()), t / np.sqrt((t**2).sum())
        total += ((p - t) ** 2).sum()
    return total / len(predictions)
