"""What processes tell one another besides gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from kinema.distributed.endings import exchange
from kinema.distributed.places import rank, size
from kinema.errors import KinemaError

T = TypeVar("T")


def first(work: Callable[[], T]) -> T:
    """What `work` gives on rank 0, on all ranks; an error there is raised on all.

    The result travels as a pickle among processes of one user.
    """
    if size() == 1:
        return work()
    told: list[Any] = [None, None]
    if rank() == 0:
        try:
            told[0] = work()
        except KinemaError as problem:
            told[1] = problem
    exchange(lambda: dist.broadcast_object_list(told, src=0))
    if told[1] is not None:
        raise told[1]
    result: T = told[0]
    return result


def everyones(mine: T) -> list[T]:
    """What each rank has, in the order of ranks."""
    if size() == 1:
        return [mine]
    found: list[Any] = [None] * size()
    exchange(lambda: dist.all_gather_object(found, mine))
    return found


def interleaved(parts: list[Tensor]) -> Tensor:
    """[V, ...] from rows that N ranks have, each of every N-th video from its own number on."""
    whole = parts[0].new_empty(sum(map(len, parts)), *parts[0].shape[1:])
    for number, part in enumerate(parts):
        whole[number :: len(parts)] = part
    return whole


def largest(number: int) -> int:
    """The largest of the numbers that the ranks have."""
    if size() == 1:
        return number
    told = torch.tensor(number)
    exchange(lambda: dist.all_reduce(told, dist.ReduceOp.MAX))
    return int(told)
