"""Small networks on top of a pooled feature, and the pairs that MCN's binary branch scores.

Letters: B videos, F length of a backbone feature, D length of a projected one, G groups of four videos, P pairs.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from kinema.batch import beside
from kinema.errors import UsageError

GROUP = 4
"""Videos whose features are combined into pairs (MCN, section 3.2)."""


def projection(kind: str, feature_dim: int, dim: int) -> nn.Module:
    """What stands between the backbone and the contrast, from F to D.

    One layer, `linear` or `linear_bn`; two with a ReLU between them, `mlp`; three, the inner ones with batch norm,
    `mlp3_bn`; or `none`.
    """
    if kind == "none":
        return nn.Identity()
    if kind == "linear_bn":
        return nn.Sequential(nn.Linear(feature_dim, dim, bias=False), nn.BatchNorm1d(dim))
    if kind == "linear":
        return nn.Linear(feature_dim, dim)
    if kind == "mlp3_bn":
        return mlp(feature_dim, feature_dim, dim, layers=3, batch_norm=True)
    return nn.Sequential(nn.Linear(feature_dim, feature_dim), nn.ReLU(), nn.Linear(feature_dim, dim))


def mlp(feature_dim: int, hidden: int, dim: int, *, layers: int = 2, batch_norm: bool = False) -> nn.Sequential:
    """F -> hidden -> ... -> D: linear layers with ReLU between them, and batch norm before it if it is wanted.

    With batch norm no layer has a bias, which the next one would take away again (as in BYOL's code).
    """
    widths = [feature_dim, *[hidden] * (layers - 1)]
    parts: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        parts.append(nn.Linear(before, after, bias=not batch_norm))
        if batch_norm:
            parts.append(nn.BatchNorm1d(after))
        parts.append(nn.ReLU())
    return nn.Sequential(*parts, nn.Linear(widths[-1], dim, bias=not batch_norm))


def dropout(x: Tensor, share: float, rng: torch.Generator) -> Tensor:
    """x with each element left out with probability `share`, and the rest made larger in return (inverted dropout).

    As torch's, but with chance from `rng`, a generator on the CPU, as the loss is a function of its step.
    """
    if share == 0:
        return x
    kept = torch.rand(x.shape, generator=rng) >= share
    return x * beside(kept, x) / (1 - share)


class PairScore(nn.Module):
    """The logit that two features belong to one video (MCN's "fc layer" on combined features).

    `linear` scores the concatenation with one layer, as the paper says; that is a sum s(a) + t(b), which cannot tell
    matching pairs from others (the test suite holds the bound). `mlp` puts a hidden layer with ReLU before it,
    `hadamard` scores the elementwise product with one layer, `bilinear` is a' W b + bias.
    """

    def __init__(self, kind: str, dim: int) -> None:
        super().__init__()
        self.kind = kind
        if kind == "linear":
            self.score: nn.Module = nn.Linear(2 * dim, 1)
        elif kind == "mlp":
            self.score = nn.Sequential(nn.Linear(2 * dim, dim), nn.ReLU(), nn.Linear(dim, 1))
        elif kind == "hadamard":
            self.score = nn.Linear(dim, 1)
        else:
            self.score = nn.Bilinear(dim, dim, 1)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """[P] from two [P, D]."""
        if self.kind == "bilinear":
            logits: Tensor = self.score(a, b)
        elif self.kind == "hadamard":
            logits = self.score(a * b)
        else:
            logits = self.score(torch.cat([a, b], dim=1))
        return logits[:, 0]


def group_pairs(grid: str, *, symmetric: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """Which of a group's 8 features are paired, and which pairs are of one video.

    Features 0-3 are the RGB views of the four videos, 4-7 their residual views. Returns left [P], right [P] and
    same_video bool [P].
    """
    if grid == "cross_view":
        pairs = [(i, GROUP + j) for i in range(GROUP) for j in range(GROUP)]
    elif grid == "balanced":
        pairs = [(i, GROUP + (i + shift) % GROUP) for shift in (0, 1) for i in range(GROUP)]
    elif grid == "all_unordered":
        pairs = list(itertools.combinations(range(2 * GROUP), 2))
    else:
        pairs = list(itertools.permutations(range(2 * GROUP), 2))
    if symmetric and grid in ("cross_view", "balanced"):
        pairs += [(right, left) for left, right in pairs]
    left, right = torch.tensor(pairs).unbind(1)
    return left, right, left % GROUP == right % GROUP


def check_groups(batch_size: int) -> None:
    """Refuse a batch that groups of four do not fill.

    Raises:
        UsageError: naming the batch size and the nearest one that fits.
    """
    if batch_size < GROUP or batch_size % GROUP:
        fit = max(GROUP, batch_size // GROUP * GROUP)
        raise UsageError(
            f"a batch of {batch_size} videos does not divide into groups of {GROUP}: use --train.batch-size {fit}"
        )
