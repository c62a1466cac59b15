"""Losses as functions of scores. Letters: B anchors, K negatives, P pairs."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def classification(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy over K classes, [B, K] and int64 [B], and the share of rows whose largest logit is the target's.

    Logits that know nothing give ln K and 1 / K.
    """
    loss = F.cross_entropy(logits.float(), target)
    return loss, (logits.detach().argmax(dim=1) == target).float().mean()


def softmax_contrast(scores: Tensor) -> Tensor:
    """Eq. 2 averaged over the batch: -log of the positive's share of the softmax.

    `scores` is [B, K + 1], already divided by the temperature, the positive in column 0. Features that know nothing
    give log(K + 1).
    """
    return F.cross_entropy(scores, torch.zeros(len(scores), dtype=torch.long, device=scores.device))


def noise_contrast(scores: Tensor, z: Tensor, num_videos: int) -> Tensor:
    """CMC's noise-contrastive estimate of the same objective, with a constant Z in the softmax's denominator.

    `scores` as in `softmax_contrast`. Each bank row is told apart from noise that is uniform over the videos
    (Pn = 1 / num_videos), K noise samples for each positive; see CMC, `NCECriterion`.
    """
    eps = 1e-7
    probability = scores.exp() / z  # [B, K + 1]
    noise = (scores.shape[1] - 1) / num_videos  # K * Pn
    positive = (probability[:, 0] / (probability[:, 0] + noise + eps)).log()
    negative = (noise / (probability[:, 1:] + noise + eps)).log().sum(dim=1)
    return -(positive + negative).mean()


def pair_classification(logits: Tensor, same_video: Tensor, *, groups: int, reduction: str, weight: float) -> Tensor:
    """Eq. 4: binary cross-entropy over the pairs of each group, summed or averaged within it, averaged over groups.

    `logits` and `same_video` are [P] over all groups; `weight` multiplies the positive pairs. Scores that know
    nothing but the 4 : 12 prior of a 4 x 4 grid give 4 ln 4 + 12 ln(4/3) = 8.9974 for the sum.
    """
    target = same_video.to(logits.dtype)
    loss = F.binary_cross_entropy_with_logits(logits, target, reduction="sum", pos_weight=logits.new_full((), weight))
    return loss / (groups if reduction == "sum" else len(logits))


def info_nce(scores: Tensor, positive: Tensor) -> Tensor:
    """-log of the share that all positives of an anchor have in its softmax, averaged over the batch.

    `scores` is [B, K], divided by the temperature; `positive` is bool [B, K], at least one a row. With one positive a
    row this is the cross-entropy; with several, the multi-instance form (MIL-NCE, which CoCLR takes).
    """
    own = scores.masked_fill(~positive, float("-inf")).logsumexp(dim=1)
    return (scores.logsumexp(dim=1) - own).mean()


def nt_xent(z1: Tensor, z2: Tensor, temperature: float) -> Tensor:
    """SimCLR's loss of two views z1 and z2 [B, D] of unit length: each of the 2 B is an anchor against 2 B - 1 others.

    Features that know nothing give log(2 B - 1).
    """
    with torch.autocast(z1.device.type, enabled=False):  # the temperature is small
        both = torch.cat([z1, z2]).float()
        scores = both @ both.T / temperature  # [2 B, 2 B]
    count = len(both)
    own = torch.eye(count, dtype=torch.bool, device=scores.device)
    partner = torch.arange(count, device=scores.device).roll(len(z1))
    return F.cross_entropy(scores.masked_fill(own, float("-inf")), partner)


def direction_distance(a: Tensor, b: Tensor) -> Tensor:
    """Squared distance of two features [B, D] once they are of unit length, averaged over the batch: 2 - 2 cos.

    Features that know nothing of one another give 2 on average.
    """
    with torch.autocast(a.device.type, enabled=False):
        return 2 - 2 * F.cosine_similarity(a.float(), b.float(), dim=1).mean()


def sinkhorn(scores: Tensor, epsilon: float, iterations: int) -> Tensor:
    """Soft assignments [B, K] of B features to K prototypes: exp(scores / epsilon), scaled by Sinkhorn and Knopp.

    Each round gives all prototypes the same share of the batch, then each feature a sum of 1; the latter holds exactly
    (SwAV, section 3.1).
    """
    log = scores.float() / epsilon
    for _ in range(iterations):
        log = log - log.logsumexp(dim=0, keepdim=True)
        log = log - log.logsumexp(dim=1, keepdim=True)
    return log.exp()


def partner_found(z1: Tensor, z2: Tensor) -> Tensor:
    """The share of the 2 B features [B, D] each whose largest product with another one is with its partner's."""
    with torch.autocast(z1.device.type, enabled=False):
        both = torch.cat([z1, z2]).detach().float()
        scores = (both @ both.T).fill_diagonal_(float("-inf"))
    partner = torch.arange(len(both), device=scores.device).roll(len(z1))
    return (scores.argmax(dim=1) == partner).float().mean()


def rank_violation(one: Tensor, other: Tensor, temperature: float, limit: float = math.inf) -> Tensor:
    """DualVar's shuffle-rank: log(1 + exp((<u, v> - <u, u'>) / temperature)), averaged.

    `one` and `other` are [B, n, E], vectors of the same n things of a video. Each of the 2 n is an anchor u, u' is the
    same thing's other vector, and v is each of the other 2 n - 2. What is in the exponent stays below `limit`. Vectors
    that are all one give ln 2.
    """
    with torch.autocast(one.device.type, enabled=False):
        both = torch.cat([one, other], dim=1).float()  # [B, 2 n, E]
        scores = both @ both.transpose(1, 2)  # [B, 2 n, 2 n]
        count = both.shape[1]
        each = torch.arange(count)
        partner = each.roll(one.shape[1])
        place = partner.to(scores.device, non_blocking=True).expand(len(scores), count)
        own = scores.gather(2, place[:, :, None])  # [B, 2 n, 1]
        violation = (scores - own) / temperature
    others = (each != each[:, None]) & (each != partner[:, None])  # [2 n, 2 n]
    columns = others.nonzero()[:, 1].view(count, count - 2).to(scores.device, non_blocking=True)
    return F.softplus(violation.gather(2, columns.expand(len(scores), -1, -1)).clamp(max=limit)).mean()
