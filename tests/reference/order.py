"""The heads of VCOP and VCP, and cross-entropy."""

import math

import numpy as np


def order_logits(features, pair_weight, pair_bias, answer_weight, answer_bias):
    """One video's clips, features [N, F]: pairs 01, 02, ..., 12, ... through one layer, all of them through another."""
    found = []
    for i in range(len(features)):
        for j in range(i + 1, len(features)):
            both = np.concatenate([features[i], features[j]])
            found.append(np.maximum(pair_weight @ both + pair_bias, 0))
    return answer_weight @ np.concatenate(found) + answer_bias


def cloze_logits(rows, *layers):
    """Rows of features through layers (weight, bias, ...), with ReLU between two."""
    found = []
    for row in rows:
        for number in range(0, len(layers), 2):
            row = layers[number] @ (np.maximum(row, 0) if number else row) + layers[number + 1]
        found.append(row)
    return found


def cross_entropy(logits, targets):
    """Mean over rows of -log of the target's share of the softmax."""
    losses = []
    for row, target in zip(logits, targets, strict=True):
        weights = [math.exp(value - max(row)) for value in row]
        losses.append(-math.log(weights[target] / sum(weights)))
    return sum(losses) / len(losses)
