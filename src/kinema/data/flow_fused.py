"""The loops of `kinema.data.flow` for a GPU as kernels in Triton, which torch for a GPU brings along.

Written in torch, an iteration is some twenty kernels and goes through memory as often, and a median a hundred. Here
they are two and one, and none asks the GPU which pairs have come to rest: a pair that has is passed over where its
pixels would be computed. Medians are the same to the bit; flow differs by the rounding of single operations.

A program has `BLOCK` neighbouring pixels of one pair, counted along the rows. Names are those of `kinema.data.flow`.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 512
AS_TORCH = {"enable_fp_fusion": False}
"""A product and a sum are rounded one by one; Triton warns where it is not told which."""


def relax(
    flow: Tensor,
    across: Tensor,
    along: Tensor,
    slope: Tensor,
    unit_slope: Tensor,
    unit_rest: Tensor,
    going: Tensor,
    *numbers: float,
    still: float,
    times: int,
    block: int = BLOCK,
) -> Tensor:
    """Move the flow [2, B, H, W] and the dual variables of the pairs still going, int32 [B], so many times, in place.

    A pair stops for itself, once an iteration has moved it by `still` or less, the sum of squares. `numbers` are LAMBDA
    THETA, THETA and TAU / THETA. Returns which pairs go on.
    """
    limit, theta, rate = numbers
    B, H, W = unit_rest.shape
    grid = blocks, _ = triton.cdiv(H * W, block), B
    moved = torch.empty(B, blocks, device=flow.device)
    fixed = [value.contiguous() for value in (slope, unit_slope, unit_rest)]
    whole = triton.next_power_of_2(blocks)
    for _ in range(times):
        after = torch.empty_like(going)
        move[grid](flow, across, along, *fixed, going, moved, B, H, W, limit, theta, block, **AS_TORCH)
        spread[grid](flow, across, along, moved, going, after, B, H, W, rate, still, blocks, whole, block, **AS_TORCH)
        going = after
    return going


def median(flow: Tensor, going: Tensor, *, block: int = 128) -> None:
    """Put the 5 x 5 median in the place of the flow [2, B, H, W] of the pairs still going, borders repeated."""
    _, B, H, W = flow.shape
    middle[triton.cdiv(H * W, block), 2 * B](flow.clone(), flow, going, B, H, W, block, **AS_TORCH)


@triton.jit
def move(flow, across, along, slope, unit_slope, unit_rest, going, moved, B, H, W, limit, theta, BLOCK: tl.constexpr):
    """The flow of some pixels, and the sum of squares by which it has moved."""
    part, pair = tl.program_id(0), tl.program_id(1).to(tl.int64)
    if tl.load(going + pair) == 0:
        return
    pixel = part * BLOCK + tl.arange(0, BLOCK)
    inside = pixel < H * W
    plane, other = pair * H * W + pixel, (B + pair) * H * W + pixel
    pull = tl.load(unit_rest + plane, inside)
    pull += tl.load(unit_slope + plane, inside) * tl.load(flow + plane, inside)
    pull += tl.load(unit_slope + other, inside) * tl.load(flow + other, inside)
    pull = tl.minimum(tl.maximum(pull, -limit), limit)
    total = tl.zeros([BLOCK], tl.float32)
    for component in tl.static_range(2):
        at = component * B + pair
        left = across + at * H * (W + 1) + pixel + pixel // W  # its rows are a pixel longer
        above = along + at * (H + 1) * W + pixel
        here = at * H * W + pixel
        drawn = tl.load(left + 1, inside) - tl.load(left, inside) + tl.load(above + W, inside) - tl.load(above, inside)
        step = theta * drawn - tl.load(slope + here, inside) * pull
        tl.store(flow + here, tl.load(flow + here, inside) + step, inside)
        total += tl.where(inside, step * step, 0.0)
    tl.store(moved + pair * tl.num_programs(0) + part, tl.sum(total))


@triton.jit
def spread(
    flow,
    across,
    along,
    moved,
    going,
    after,
    B,
    H,
    W,
    rate,
    still,
    blocks,
    WHOLE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """The dual variables of some pixels; the first program of a pair notes whether it goes on `after` this iteration.

    It is noted in another place than `going`, which the pair's other programs may not have read yet.
    """
    part, pair = tl.program_id(0), tl.program_id(1).to(tl.int64)
    goes = tl.load(going + pair)
    if part == 0:
        each = tl.arange(0, WHOLE)
        total = tl.sum(tl.load(moved + pair * blocks + each, each < blocks, 0.0))
        tl.store(after + pair, tl.where(total > still, goes, 0))
    if goes == 0:
        return
    pixel = part * BLOCK + tl.arange(0, BLOCK)
    inside = pixel < H * W
    not_last, not_lowest = inside & (pixel % W < W - 1), pixel < (H - 1) * W
    for component in tl.static_range(2):
        at = component * B + pair
        here = flow + at * H * W + pixel
        own = tl.load(here, inside)
        dx = tl.where(not_last, tl.load(here + 1, not_last) - own, 0.0)
        dy = tl.where(not_lowest, tl.load(here + W, not_lowest) - own, 0.0)
        growth = 1 + rate * tl.sqrt(dx * dx + dy * dy)
        right = across + at * H * (W + 1) + pixel + pixel // W + 1
        below = along + at * (H + 1) * W + pixel + W
        tl.store(right, (tl.load(right, inside) + rate * dx) / growth, inside)
        tl.store(below, (tl.load(below, inside) + rate * dy) / growth, inside)


@triton.jit
def middle(planes, out, going, B, H, W, BLOCK: tl.constexpr):
    """The median of some pixels' 5 x 5 windows: of the 25 values the one that twelve others come before.

    Equal values come one after the other, in the order of the window, so that exactly one is the thirteenth.
    """
    plane = tl.program_id(1).to(tl.int64)
    if tl.load(going + plane % B) == 0:
        return
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = pixel < H * W
    planes += plane * H * W
    place = tl.arange(0, 32)[:, None]  # of the window; a block's sides are powers of two
    value = tl.load(planes + neighbour(pixel[None, :], place, H, W), inside[None, :] & (place < 25))  # [32, BLOCK]
    before = tl.zeros([32, BLOCK], tl.int32)
    for rival in range(25):
        other = tl.load(planes + neighbour(pixel, rival, H, W), inside)[None, :]
        before += ((other < value) | ((other == value) & (rival < place))).to(tl.int32)
    found = tl.sum(tl.where((before == 12) & (place < 25), value, 0.0), axis=0)
    tl.store(out + plane * H * W + pixel, found, inside)


@triton.jit
def neighbour(pixel, place, H, W):
    """Where in a plane a place 0 to 24 of a pixel's window is, or the pixel of the border nearest to it."""
    row, column = pixel // W + place // 5 - 2, pixel % W + place % 5 - 2
    return tl.minimum(tl.maximum(row, 0), H - 1) * W + tl.minimum(tl.maximum(column, 0), W - 1)
