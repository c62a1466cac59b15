"""Whether features have collapsed. Letters: V videos, D length of a feature."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def collapse_figures(vectors: Tensor) -> dict[str, float]:
    """The spread and the effective rank of unit-length features [V, D].

    `probe/feature_std` is the mean deviation over dimensions times sqrt(D): 1 for features spread evenly over the
    sphere, 0 when all are equal. `probe/effective_rank` is exp of the entropy of the normalised singular values of the
    centred features (Roy and Vetterli 2007): the number of dimensions that are in use, at most D.
    """
    unit = F.normalize(vectors.double(), dim=1)
    std = float(unit.std(dim=0).mean() * unit.shape[1] ** 0.5)
    singular = torch.linalg.svdvals(unit - unit.mean(dim=0))
    share = singular / singular.sum().clamp(min=1e-12)
    rank = float(torch.exp(-(share * share.clamp(min=1e-12).log()).sum()))
    return {"probe/feature_std": std, "probe/effective_rank": rank}
