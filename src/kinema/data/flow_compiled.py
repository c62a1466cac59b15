"""The loops of `kinema.data.flow` compiled for a CPU by numba, where that is installed: `pip install kinema[flow]`.

An iteration written in torch goes through memory some twenty times, one written as loops over rows, which stay in the
nearest cache, three times. Medians are the same to the bit; flow differs by the rounding of single operations. The
loops are short and write one row or two, of which the compiler can make vector instructions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from kinema.data.median import MIDDLE, PLACES, comparisons

try:
    from numba import njit
except ImportError:
    njit = None

Array = np.ndarray[Any, np.dtype[np.float32]]
"""A row of a plane, or a plane."""


class Kernels(NamedTuple):
    """What is compiled."""

    relax: Callable[..., bool]
    median_plane: Callable[..., None]


@cache
def kernels() -> Kernels | None:
    """The compiled loops; None without numba."""
    return None if njit is None else Kernels(fast(relax), fast(median_plane))


def fast(function: Any) -> Any:
    """A function as machine code, kept for the next process where there is a place for it.

    Sums may be taken in another order; a division by zero is infinite, and not an error that each must be checked for.
    """
    if njit is None:
        return function
    how: dict[str, Any] = {"fastmath": {"contract", "reassoc", "nsz"}, "error_model": "numpy"}
    try:
        return njit(cache=True, **how)(function)
    except RuntimeError:  # neither beside this file nor in the user's folder can anything be written
        return njit(**how)(function)


@fast
def pull_row(u: Array, v: Array, unit_x: Array, unit_y: Array, rest: Array, limit: Any, pull: Array) -> None:
    """How far each pixel of a row is drawn along its slope."""
    for x in range(len(pull)):
        drawn = rest[x] + unit_x[x] * u[x] + unit_y[x] * v[x]
        pull[x] = min(max(drawn, -limit), limit)


@fast
def move_row(flow: Array, slope: Array, pull: Array, across: Array, above: Array, below: Array, theta: Any) -> Any:
    """Move a row of one component; returns the sum of squares by which it moved."""
    moved = np.float32(0)
    for x in range(len(flow)):
        step = theta * (across[x + 1] - across[x] + below[x] - above[x]) - slope[x] * pull[x]
        flow[x] += step
        moved += step * step
    return moved


@fast
def spread_row(flow: Array, next_flow: Array, across: Array, along: Array, rate: Any, shrink: Array) -> None:
    """Move the dual variables of a row of one component; the last pixel has no neighbour to its right."""
    one, last = np.float32(1), len(flow) - 1
    for x in range(last):
        dx, dy = flow[x + 1] - flow[x], next_flow[x] - flow[x]
        shrink[x] = one / (one + rate * np.sqrt(dx * dx + dy * dy))
    shrink[last] = one / (one + rate * abs(next_flow[last] - flow[last]))
    for x in range(last):
        across[x + 1] = (across[x + 1] + rate * (flow[x + 1] - flow[x])) * shrink[x]
    for x in range(last + 1):
        along[x] = (along[x] + rate * (next_flow[x] - flow[x])) * shrink[x]


def relax(
    flow: Array,
    across: Array,
    along: Array,
    slope: Array,
    unit_slope: Array,
    unit_rest: Array,
    limit: Any,
    theta: Any,
    rate: Any,
    still: float,
    times: int,
) -> bool:
    """Move one pair's flow [2, H, W] and its dual variables [2, H, W + 1] and [2, H + 1, W], in place.

    Names are those of `kinema.data.flow`: `limit` is LAMBDA THETA, `rate` TAU / THETA. It ends after so many times, or
    returns True when the flow has come to rest: when an iteration moves it by `still` or less, the sum of squares.
    """
    H, W = unit_rest.shape
    pull, shrink = np.empty(W, np.float32), np.empty(W, np.float32)
    for _ in range(times):
        moved = 0.0
        for y in range(H):
            pull_row(flow[0, y], flow[1, y], unit_slope[0, y], unit_slope[1, y], unit_rest[y], limit, pull)
            for c in range(2):
                moved += move_row(flow[c, y], slope[c, y], pull, across[c, y], along[c, y], along[c, y + 1], theta)
        for c in range(2):
            for y in range(H):
                spread_row(flow[c, y], flow[c, min(y + 1, H - 1)], across[c, y], along[c, y + 1], rate, shrink)
        if moved <= still:
            return True
    return False


Network = np.ndarray[Any, np.dtype[np.int64]]
"""int64 [n, 2]: which two rows to compare, one after the other (`kinema.data.median.comparisons`)."""


@cache
def median_networks() -> tuple[Any, ...]:
    """The comparisons of `kinema.data.median`: of five rows; of the five columns of each rank; of what is left."""
    columns = [comparisons(5, places) for places in PLACES]
    return (
        network(comparisons(5, tuple(range(5)))),
        tuple(network(each) for each in columns),
        tuple(np.array(places) for places in PLACES),
        network(comparisons(sum(map(len, PLACES)), (MIDDLE,))),
    )


def network(pairs: Sequence[tuple[int, int, bool, bool]]) -> Network:
    """The pairs alone."""
    return np.array([(low, high) for low, high, _, _ in pairs], np.int64)


@fast
def sort_rows(rows: Array, network: Network) -> None:
    """Bring the rows [n, W] into order at each of their places."""
    for k in range(len(network)):
        low, high = rows[network[k, 0]], rows[network[k, 1]]
        for x in range(len(low)):
            one, other = low[x], high[x]
            low[x], high[x] = min(one, other), max(one, other)


@fast
def copy_row(row: Array, to: Array) -> None:
    """Copy a row; numba's own assignment is slow for short ones."""
    for x in range(len(to)):
        to[x] = row[x]


def median_plane(padded: Array, out: Array, of_rows: Any, of_columns: Any, places: Any, of_rest: Any) -> None:
    """The 5 x 5 median of a plane [H + 4, W + 4] into [H, W]."""
    H, W = out.shape
    ranks, columns, rest = np.empty((5, W + 4), np.float32), np.empty((5, W), np.float32), np.empty((13, W), np.float32)
    for y in range(H):
        for row in range(5):
            copy_row(padded[y + row], ranks[row])
        sort_rows(ranks, of_rows)
        count = 0
        for rank in range(5):
            for x in range(5):
                copy_row(ranks[rank, x : x + W], columns[x])
            sort_rows(columns, of_columns[rank])
            for place in places[rank]:
                copy_row(columns[place], rest[count])
                count += 1
        sort_rows(rest, of_rest)
        copy_row(rest[MIDDLE], out[y])
