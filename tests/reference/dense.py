"""DPC's recurrent cell and its dense contrast, one number after the other."""

import math

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru(x, state, update, reset, candidate):
    """One step at one cell: x and state [D], weights [D, 2 D] with zero biases."""
    both = np.concatenate([x, state])
    u, r = sigmoid(update @ both), sigmoid(reset @ both)
    new = np.tanh(candidate @ np.concatenate([x, r * state]))
    return (1 - u) * state + u * new


def dense_contrast(predicted, target):
    """[B, P, F, h, w] each: every cell of a prediction against every cell of every target."""
    places = [
        (b, p, i, j)
        for b in range(predicted.shape[0])
        for p in range(predicted.shape[1])
        for i in range(predicted.shape[3])
        for j in range(predicted.shape[4])
    ]
    total, hits = 0.0, 0
    for own in places:
        b, p, i, j = own
        scores = {(c, q, k, m): float(predicted[b, p, :, i, j] @ target[c, q, :, k, m]) for c, q, k, m in places}
        total += math.log(sum(math.exp(score) for score in scores.values())) - scores[own]
        hits += max(scores, key=scores.__getitem__) == own
    return total / len(places), hits / len(places)
