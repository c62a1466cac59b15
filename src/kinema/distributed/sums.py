"""Rows of all ranks and averages over them, with exact gradients of any order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from kinema.distributed.endings import exchange
from kinema.distributed.places import rank, size

BUCKET = 2**23
"""Numbers that are averaged in one message."""


def gather(rows: Tensor) -> Tensor:
    """[N b, ...]: the rows [b, ...] of all ranks, in their order, with a gradient to one's own."""
    return rows if size() == 1 else _Gather.apply(rows)  # type: ignore[no-untyped-call]


def averaged(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The ranks' averages of tensors, with a gradient, in few messages; all ranks must have the same shapes."""
    if size() == 1:
        return list(tensors)
    found: list[Tensor] = [*tensors]
    for numbers in buckets(tensors):
        flat = torch.cat([tensors[number].flatten() for number in numbers])
        parts = _Mean.apply(flat).split([tensors[number].numel() for number in numbers])  # type: ignore[no-untyped-call]
        for number, part in zip(numbers, parts, strict=True):
            found[number] = part.view_as(tensors[number])
    return found


def buckets(tensors: Sequence[Tensor]) -> Iterator[list[int]]:
    """Numbers of tensors of one kind that are sent together: up to about `BUCKET` values."""
    for kind in dict.fromkeys((tensor.dtype, tensor.device) for tensor in tensors):
        bucket, held = [], 0
        for number, tensor in enumerate(tensors):
            if (tensor.dtype, tensor.device) != kind:
                continue
            bucket.append(number)
            held += tensor.numel()
            if held >= BUCKET:
                yield bucket
                bucket, held = [], 0
        if bucket:
            yield bucket


class _Gather(torch.autograd.Function):
    """Every rank's rows on every rank."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(size())]
        exchange(lambda: dist.all_gather(parts, rows.contiguous()))
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        found: Tensor = _ScatterSum.apply(grad)  # type: ignore[no-untyped-call]
        return found


class _ScatterSum(torch.autograd.Function):
    """One's own rows of the ranks' sum: the adjoint of `_Gather`, as that is of this."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        total = rows.clone(memory_format=torch.contiguous_format)
        exchange(lambda: dist.all_reduce(total))
        return total.chunk(size())[rank()].clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        found: Tensor = _Gather.apply(grad)  # type: ignore[no-untyped-call]
        return found


class _Mean(torch.autograd.Function):
    """The ranks' average, which is its own adjoint."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone(memory_format=torch.contiguous_format)
        exchange(lambda: dist.all_reduce(total))
        return total / size()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        found: Tensor = _Mean.apply(grad)  # type: ignore[no-untyped-call]
        return found
