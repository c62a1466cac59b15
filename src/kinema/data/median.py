"""The 5 x 5 median filter as a hundred comparisons of whole planes; sorting 25 values a pixel is ten times slower."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

PLACES = tuple(
    tuple(place for place in range(5) if (rank + 1) * (place + 1) <= 13 >= (5 - rank) * (5 - place))
    for rank in range(5)
)
"""Of each row of the sorted columns, the places at which the 13th of 25 can be once that row is sorted too."""
MIDDLE = 6
"""The median's place among those 13."""


def median(planes: Tensor) -> Tensor:
    """The median of each pixel's 5 x 5 neighbourhood in [..., H, W], borders repeated.

    By comparing whole planes. Sorted columns are shared by the five windows a column is in; of their sorted rows only
    those 13 places matter that can hold the 13th of 25, and the median of those is the median of all.
    """
    H, W = planes.shape[-2:]
    padded = F.pad(planes, (2, 2, 2, 2), mode="replicate")
    ranks = ordered([padded[..., row : row + H, :] for row in range(5)], range(5))
    middle: list[Tensor] = []
    for places, plane in zip(PLACES, ranks, strict=True):
        middle += ordered([plane[..., column : column + W] for column in range(5)], places)
    return ordered(middle, [MIDDLE])[0]


def ordered(planes: Sequence[Tensor], wanted: Sequence[int]) -> list[Tensor]:
    """The `wanted` order statistics of some planes, at each pixel."""
    planes = list(planes)
    for low, high, keeps_low, keeps_high in comparisons(len(planes), tuple(wanted)):
        pair = planes[low], planes[high]
        if keeps_low:
            planes[low] = torch.minimum(*pair)
        if keeps_high:
            planes[high] = torch.maximum(*pair)
    return [planes[place] for place in wanted]


@cache
def comparisons(count: int, wanted: tuple[int, ...]) -> tuple[tuple[int, int, bool, bool], ...]:
    """Batcher's sorting network for `count` values (Knuth, volume 3, 5.2.2 M), without what `wanted` does not need.

    Each is (low place, high place, whether the lower value is needed, whether the higher is).
    """
    network: list[tuple[int, int]] = []
    top = 1 << (count - 1).bit_length() >> 1
    bit = top
    while bit:
        reach, rest, gap = top, 0, bit
        while True:
            network += [(place, place + gap) for place in range(count - gap) if place & bit == rest]
            if reach == bit:
                break
            gap, reach, rest = reach - bit, reach >> 1, bit
        bit >>= 1
    needed, kept = set(wanted), []
    for low, high in reversed(network):
        if low in needed or high in needed:
            kept.append((low, high, low in needed, high in needed))
            needed |= {low, high}
    return tuple(reversed(kept))
