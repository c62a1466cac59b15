"""Telling classes apart, and turning pictures, one number at a time."""

import math


def cross_entropy(logits, targets):
    """-log softmax of each row's target, averaged over the rows of [N, K] logits."""
    losses = [math.log(sum(math.exp(x - row[y]) for x in row)) for row, y in zip(logits, targets, strict=True)]
    return sum(losses) / len(losses)


def turned_left(picture):
    """A square picture [S][S] after a quarter turn to the left: its right edge is now its upper one."""
    size = len(picture)
    return [[picture[column][size - 1 - row] for column in range(size)] for row in range(size)]
