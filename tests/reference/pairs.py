"""Eq. 4 of MCN: binary cross-entropy over pairs of features."""

import numpy as np


def binary_cross_entropy(logits, labels, positive_weight=1.0):
    """The loss of each pair: -log sigmoid for the same video, -log(1 - sigmoid) for two."""
    losses = []
    for logit, label in zip(logits, labels, strict=True):
        probability = 1 / (1 + np.exp(-logit))
        losses.append(-positive_weight * np.log(probability) if label else -np.log(1 - probability))
    return np.array(losses)


def cross_view_loss(score, group1, group2, positive_weight=1.0):
    """The 16 pairs of a group of four videos, summed; `score(a, b)` gives a logit."""
    pairs = [(i, j) for i in range(4) for j in range(4)]
    logits = [score(group1[i], group2[j]) for i, j in pairs]
    return binary_cross_entropy(logits, [i == j for i, j in pairs], positive_weight).sum()
