"""Labels that an evaluation can be made with."""

from __future__ import annotations

import torch
from torch import Tensor

from kinema.errors import DataError


def check_labels(labels: Tensor, classes: int, name: str) -> None:
    """Raise `DataError` unless every label is in [0, classes) and at least two classes occur; `name` says of what."""
    if not len(labels):
        raise DataError(f"{name}: no videos; give a list with at least two classes")
    unlabelled = int((labels < 0).sum())
    if unlabelled:
        raise DataError(f"{name}: {unlabelled} of {len(labels)} videos have no label; add a label column to the list")
    highest = int(labels.max())
    if highest >= classes:
        raise DataError(f"{name}: label {highest} with {classes} classes; labels count from 0")
    if len(torch.unique(labels)) < 2:
        raise DataError(f"{name}: all {len(labels)} videos are of class {highest}; an evaluation needs two or more")
