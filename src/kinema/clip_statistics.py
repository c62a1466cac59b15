"""Where in a clip most moves, and to which side; where colours change most and least, and which they are.

Three partitions cut the picture into blocks, whose numbers begin at 1::

    grid, 16 blocks      rings, 4 blocks      triangles, 8 blocks

     1  2  3  4          4 4 4 4 4 4 4        1 2 2 2 3 3 3 4
     5  6  7  8          4 3 3 3 3 3 4        1 1 2 2 3 3 4 4
     9 10 11 12          4 3 2 2 2 3 4        1 1 1 2 3 4 4 4
    13 14 15 16          4 3 2 1 2 3 4        1 1 1 1 4 4 4 4
                         4 3 2 2 2 3 4        5 5 5 5 8 8 8 8
                         4 3 3 3 3 3 4        5 5 5 6 7 8 8 8
                         4 4 4 4 4 4 4        5 5 6 6 7 7 8 8
                                              5 6 6 6 7 7 7 8

Source: Wang, Jiao, Bao, He, Liu, Liu, "Self-Supervised Spatio-Temporal Representation Learning for Videos by Predicting
Motion and Appearance Statistics", CVPR 2019, and its code, from which this differs:

- A pixel is in one block of each partition, where theirs counts diagonals twice.
- Blocks are compared by their mean throughout, where theirs compares all but rings by their sum.
- Where nothing moves, all labels of motion are 0.
- Directions are to where flow grows; theirs point the other way, as its convolution flips the kernel.
- A block's colour is the eighth of the colour cube that most of its pixels are in; theirs is the one in which the most
  frequent of all 256 x 256 x 256 colours lies (its code has the other law too, marked as slow).

Letters: B clips, T frames, L fields of flow, S pixels a side; K = 28 blocks of all partitions together.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from kinema.batch import beside

BLOCKS = (16, 4, 8)
"""Blocks of the grid, the rings and the triangles."""
SMALLEST = 8
"""Pixels a side with which no block is empty."""
PARTS = (slice(0, 16), slice(16, 20), slice(20, 28))
"""Where the blocks of each partition are among all."""
DIRECTIONS, COLOURS = 8, 8
MOTION = tuple(largest for blocks in BLOCKS for _ in "uv" for largest in (blocks, DIRECTIONS))
"""The largest number of each label of motion but the last two, which are numbers of fields."""
APPEARANCE = (*(largest for blocks in BLOCKS for _ in range(2) for largest in (blocks, COLOURS)), COLOURS)
"""The largest number of each label of appearance."""
STILL = 1e-3
"""Smaller differences of flow, in byte values / 255, are none: a quarter of the smallest between two bytes."""


def partitions(size: int, device: torch.device | None = None) -> Tensor:
    """int64 [3, S * S]: the block of each pixel in each partition, counted through all three from 0."""
    place = torch.arange(size, device=device)
    away = 2 * place + 1 - size  # from the middle, in half pixels
    y, x = torch.meshgrid(away, away, indexing="ij")
    grid = (4 * place // size)[:, None] * 4 + 4 * place // size
    rings = 4 * torch.maximum(y.abs(), x.abs()) // size
    below, right, upright = y > 0, x > 0, y.abs() > x.abs()
    triangles = 4 * below.long() + 2 * right.long() + (upright ^ right).long()
    numbers = (grid, rings, triangles)
    return torch.stack([part.start + each for part, each in zip(PARTS, numbers, strict=True)]).flatten(1)


def motion_labels(flow: Tensor) -> Tensor:
    """int64 [B, 14]: where flow [B, 2, L, S, S] changes most from place to place, to which side, and when.

    The differences of each component across and down (3 x 3 pixels) have a size and a direction. Of their sum over
    time, in each partition: the block where u's are largest on average, the direction that most of it has there, in
    eighths of a turn, and the same of v. Then the fields in which those of u and of v are largest. Flow is in byte
    values / 255.
    """
    B, S = len(flow), flow.shape[-1]
    difference = differences(flow)  # [B, 2, L, 2, S, S]
    across, down = difference.sum(dim=2).flatten(0, 1).flatten(2).unbind(1)  # [2 B, S * S] each
    length = torch.hypot(across, down)
    length = torch.where(length < STILL, 0, length)
    eighths = torch.atan2(down, across) / (2 * math.pi) % 1 * DIRECTIONS
    rest = eighths % 1  # what the next direction has of it
    first = eighths.long() % DIRECTIONS
    second = (first + 1) % DIRECTIONS

    blocks = partitions(S, flow.device)
    alike = torch.zeros_like(first)
    pixels = added(blocks, torch.ones_like(length[:1]), alike[:1], 1)
    mean = (added(blocks, length, alike, 1) / pixels)[..., 0]  # [2 B, K]
    turned = added(blocks, length * (1 - rest), first, DIRECTIONS) + added(blocks, length * rest, second, DIRECTIONS)
    labels, each = [], torch.arange(2 * B, device=flow.device)
    for part in PARTS:
        block = extreme(mean, part, largest=True)  # [2 B]
        direction = turned[each, part.start + block].argmax(dim=1)
        labels.append(torch.stack([block + 1, direction + 1], dim=1).view(B, 4))
    sizes = torch.hypot(difference[:, :, :, 0], difference[:, :, :, 1])  # [B, 2, L, S, S]
    when = torch.where(sizes < STILL, 0, sizes).sum(dim=(3, 4)).argmax(dim=2) + 1  # [B, 2]
    moves = (length.sum(dim=1) > 0).view(B, 2)  # in u, in v
    of = beside(torch.tensor([*[0, 0, 1, 1] * len(BLOCKS), 0, 1]), flow)
    return torch.cat([*labels, when], dim=1) * moves[:, of]


def differences(flow: Tensor) -> Tensor:
    """[B, 2, L, 2, S, S]: how much more of each component there is to the right than to the left, and below than above.

    Summed over three rows or columns, with the border repeated beyond the edge.
    """
    step = beside(torch.tensor([-1, 0, 1], dtype=flow.dtype), flow).expand(3, 3)
    kernels = torch.stack([step, step.T])[:, None]  # [2, 1, 3, 3]
    planes = F.pad(flow.flatten(0, 2)[:, None], (1, 1, 1, 1), mode="replicate")
    return F.conv2d(planes, kernels).view(*flow.shape[:3], 2, *flow.shape[3:])


def appearance_labels(clips: Tensor) -> Tensor:
    """int64 [B, 13]: where colours of clips [B, 3, T, S, S] in [0, 1] change most and least, and which they are there.

    How little a block changes is what its histograms of all frames have in common, as a share of what they cover
    together, averaged over red, green and blue. In each partition: the block that changes most, the colour that most of
    its pixels have, as an eighth of the colour cube, and the same of the block that changes least. Then the colour of
    most pixels of all.
    """
    B, _, T, S, _ = clips.shape
    levels = (clips.flatten(3) * 255).round().long()  # [B, 3, T, S * S]
    blocks = partitions(S, clips.device)
    rows = levels.flatten(0, 2)
    counts = added(blocks, torch.ones_like(rows, dtype=torch.float32), rows, 256).view(B, 3, T, -1, 256)
    kept = (counts.amin(dim=2).sum(dim=3) / counts.amax(dim=2).sum(dim=3)).mean(dim=1)  # [B, K]

    red, green, blue = (levels >= 128).long().unbind(1)
    eighth = (4 * (1 - blue) + 2 * red + green).flatten(0, 1)  # [B * T, S * S]
    colours = (
        added(blocks, torch.ones_like(eighth, dtype=torch.float32), eighth, COLOURS).view(B, T, -1, COLOURS).sum(1)
    )
    labels, each = [], torch.arange(B, device=clips.device)
    for part in PARTS:
        for largest in (False, True):
            block = extreme(kept, part, largest=largest)  # [B]
            labels += [block + 1, colours[each, part.start + block].argmax(dim=1) + 1]
    labels.append(colours[:, PARTS[0]].sum(dim=1).argmax(dim=1) + 1)
    return torch.stack(labels, dim=1)


def added(blocks: Tensor, values: Tensor, kinds: Tensor, count: int) -> Tensor:
    """float32 [M, K, count]: the sums of values [M, S * S] over the pixels of each block and kind, int64 [M, S * S]."""
    total = values.new_zeros(len(values), sum(BLOCKS) * count)
    for block in blocks:
        total.scatter_add_(1, block * count + kinds, values)
    return total.view(len(values), -1, count)


def extreme(figures: Tensor, part: slice, *, largest: bool) -> Tensor:
    """int64 [M]: which of a partition's blocks, counted from 0, has the largest or the smallest of figures [M, K]."""
    own = figures[:, part]
    return own.argmax(dim=1) if largest else own.argmin(dim=1)
