"""RSPNet's ranking of speeds, one video after the other."""

import numpy as np


def ranking(queries, same, other, temperature, margin):
    """Mean of what the lead of the key of a query's own speed, over the temperature, lacks of the margin."""
    total = 0.0
    for q, near, far in zip(queries, same, other, strict=True):
        total += max(0.0, margin - (np.dot(q, near) / temperature - np.dot(q, far) / temperature))
    return total / len(queries)
