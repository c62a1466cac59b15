"""Few-shot labelling: a linear classifier of a few labelled clips, and what it says of all others.

Letters: V vectors, D their length, L labelled ones, C classes.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinema.errors import UsageError

FOLDS = 5
"""Into which labelled clips are divided to see how well a class is told; fewer if a class has fewer clips."""


@dataclass(frozen=True)
class Probe:
    """What a linear classifier says of all clips."""

    classes: tuple[str, ...]
    shares: NDArray[np.float64]
    """[V, C], rows that sum to 1: how sure it is. No probability that was checked against anything."""
    tried: int
    """Labelled clips that were each classified by a classifier of the others; 0 if a class has one clip only."""
    right: int
    """Those of them that were told right."""

    def best(self, row: int) -> tuple[str, float]:
        """The likeliest class of a clip and its share."""
        place = int(self.shares[row].argmax())
        return self.classes[place], float(self.shares[row, place])


def probe(vectors: NDArray[np.float32], labels: Mapping[int, str]) -> Probe:
    """Fit logistic regression to the rows that have a label; vectors [V, D] are standardised over all of them.

    Raises:
        UsageError: there are fewer than two classes, or scikit-learn is not installed.
    """
    counts = Counter(labels.values())
    if len(counts) < 2:
        raise UsageError("give at least two different labels: one class cannot be told from another yet")
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold, cross_val_predict
        from sklearn.preprocessing import StandardScaler
    except ImportError:
        raise UsageError("the probe is fitted by scikit-learn: pip install 'kinema[serve]'") from None
    scaled = StandardScaler().fit_transform(vectors.astype(np.float64))
    rows, given = list(labels), np.array(list(labels.values()))
    model = LogisticRegression(max_iter=1000)
    folds, right = min(FOLDS, *counts.values()), 0
    with warnings.catch_warnings(action="ignore"):  # that it stopped after so many steps
        fitted: Any = model.fit(scaled[rows], given)
        if folds > 1:
            cut = StratifiedKFold(folds, shuffle=True, random_state=0)
            right = int((cross_val_predict(model, scaled[rows], given, cv=cut) == given).sum())
    return Probe(tuple(fitted.classes_.tolist()), fitted.predict_proba(scaled), len(rows) if folds > 1 else 0, right)
