"""Which rows of CoCLR's queue are positives of a video, one row after the other."""

import numpy as np


def positives(source, other, rows, sources, top):
    """bool [B, K]: siblings, and of the others the `top` whose features are nearest; a source of -1 is of no video."""
    found = np.zeros((len(source), len(rows)), dtype=bool)
    for i, own in enumerate(source):
        candidates = []
        for j, its in enumerate(sources):
            if its == own:
                found[i, j] = True
            elif its >= 0:
                candidates.append((-float(np.dot(other[i], rows[j])), j))
        for _, j in sorted(candidates)[:top]:
            found[i, j] = True
    return found
