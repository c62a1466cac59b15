"""How much of what a GPU can multiply a training step gets out of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from kinema.bench.measure import Row
from kinema.bench.size import Size
from kinema.bench.step import ORDERS, Order, passes
from kinema.machine import pick_device
from kinema.precision import mixed

SIDE = {"cuda": 8192, "cpu": 1536}
"""Rows and columns of the matrices that are multiplied: enough that no larger ones are multiplied faster."""
TURNS = 20


def shares_of_peak(size: Size, rows: Sequence[Row]) -> dict[str, float]:
    """What to print beside a step's rates: the matrix peak in TFLOP/s, and the share of it that each order reaches.

    Work is the bare backbone's, in convolutions and products of matrices: what a method adds counts for nothing, and so
    do activations that are computed again. Products with the zeros of padding count, as a GPU computes them. A CPU's
    convolutions leave them out, in small maps three of four, so that a share means nothing there and could exceed 1.
    """
    device = pick_device(size.device)
    dtype = torch.bfloat16 if mixed(size.precision, device) else torch.float32
    peak = matrix_peak(device, dtype)
    kind = "bf16" if dtype == torch.bfloat16 else "float32"
    found = {f"matrix peak, {kind}, TFLOP/s": peak / 1e12}
    rates = {row.name: row.rate for row in rows}
    for order in ORDERS:
        found[f"share of the peak, MCN, order {order}"] = rates[f"MCN, order {order}"] * work(size, order) / peak
    return found


def work(size: Size, order: Order) -> int:
    """FLOP of the passes that a step of MCN cannot do without; a multiplication and an addition are two."""
    counter = FlopCounterMode(display=False)
    once = passes(size, order, torch.device("meta"))
    with counter:
        once()
    return counter.get_total_flops()


def matrix_peak(device: torch.device, dtype: torch.dtype) -> float:
    """FLOP/s of a large square matrix product; one thread on a CPU.

    The better of two ways to have it, as a product and as a convolution of one cell: different libraries do them, and
    that of products may not use all that a processor has.
    """
    side = SIDE[device.type]
    one, other = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    cells = one.view(1, 32, -1, side).permute(0, 3, 1, 2)  # [1, side, 32, side / 32], channels last
    weights = other[:, :, None, None].contiguous(memory_format=torch.channels_last)
    best = float("inf")
    for way in (partial(torch.mm, one, other), partial(F.conv2d, cells, weights)):
        for _ in range(TURNS):
            start = now(device)
            way()
            best = min(best, now(device) - start)
    return 2 * side**3 / best


def now(device: torch.device) -> float:
    """Seconds: CPU time of this process, or the time at which a GPU has finished what it was given."""
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()
