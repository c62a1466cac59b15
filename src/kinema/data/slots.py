"""Batches handed over in shared memory that is used again, since new shared memory takes longer to get than to fill.

Each reading process has `SLOTS` pieces of shared memory and takes them in turn. It puts a batch's clips together in
one and sends the slot's number; the memory itself it sends once, so that the training process maps it once. The
training process copies the clips out before it asks for the next batch, which it may then keep as long as it likes.

No slot is filled again too early: torch gives out batches to the reading processes strictly in turn, `AHEAD` to each
at first, and to one of them another whenever the oldest of its own is taken. So of a process's batches at most
`AHEAD` are being read or waiting to be taken, and one is being copied. With two ahead, hence three slots::

    batches of a process that are   given to it     taken    in slot
    at first                        0 1             -        0 1
    when 0 is taken                 1 2             0        1 2, and 0 until it is copied
    when 1 is taken                 2 3             1        2 0, and 1 until it is copied

That torch keeps to this is checked for every batch: a slot says which batch it holds, before and after the copy.

Letters: B videos, and what else the shape of clips has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import get_worker_info

AHEAD = 2
"""Batches that each process has been given and has not delivered."""
SLOTS = AHEAD + 1
"""Of each reading process."""
MARK = 64
"""Bytes before the clips, of which eight say which batch it is; the rest are there for alignment."""

Empty = Callable[[Sequence[int]], Tensor]
"""uint8 of a shape and of no particular values."""


def ordinary(shape: Sequence[int], *, pinned: bool = False) -> Tensor:
    """uint8 of a shape in ordinary memory, or in pinned memory for a GPU."""
    return torch.empty(tuple(shape), dtype=torch.uint8, pin_memory=pinned)


@dataclass(frozen=True)
class Parcel:
    """What is sent of a batch."""

    reader: int
    slot: int
    number: int
    """Of the batches of its reading process, from 1."""
    shape: tuple[int, ...]
    """Of the clips."""
    rest: tuple[np.ndarray[Any, Any], ...]
    """The other tensors, which torch would send as a file each."""
    memory: Tensor | None
    """The slot, where it is sent for the first time."""


class Slots:
    """The shared memory of one reading process."""

    def __init__(self, count: int) -> None:
        self.memory: list[Tensor | None] = [None] * count
        self.sent = [False] * count
        self.number = 1

    @property
    def slot(self) -> int:
        """The one whose turn it is."""
        return (self.number - 1) % len(self.memory)

    def empty(self, shape: Sequence[int]) -> Tensor:
        """uint8 of a shape in the slot whose turn it is, which becomes larger where it has to."""
        size, at = MARK + math.prod(shape), self.slot
        memory = self.memory[at]
        if memory is None or len(memory) < size:
            self.memory[at] = memory = None  # not both at a time
            self.memory[at] = memory = shared_tensor(size)
            self.sent[at] = False
        mark(memory).fill_(-self.number)  # being filled
        return memory[MARK:size].view(tuple(shape))

    def parcel(self, clips: Tensor, *rest: Tensor) -> Parcel:
        """To be sent; the next slot has its turn."""
        at, number = self.slot, self.number
        memory = self.memory[at]
        if memory is None or clips.data_ptr() != memory.data_ptr() + MARK or not clips.is_contiguous():
            raise RuntimeError("the clips of a batch are not where they were to be put: in what `empty` gave")
        mark(memory).fill_(number)
        new, self.sent[at], self.number = not self.sent[at], True, number + 1
        worker = get_worker_info()
        return Parcel(
            worker.id if worker else 0,
            at,
            number,
            tuple(clips.shape),
            tuple(part.numpy() for part in rest),
            memory if new else None,
        )


class Received:
    """The slots of all reading processes, as the training process has them mapped; `empty` is for copies."""

    def __init__(self, empty: Empty) -> None:
        self.memory: dict[tuple[int, int], Tensor] = {}
        self.empty = empty

    def clips(self, parcel: Parcel) -> Tensor:
        """uint8 [B, ...]: a copy.

        Raises:
            RuntimeError: the slot holds another batch by now.
        """
        place = parcel.reader, parcel.slot
        if parcel.memory is not None:
            self.memory[place] = parcel.memory
        memory = self.memory[place]
        require(memory, parcel)
        clips = self.empty(parcel.shape)
        clips.copy_(memory[MARK : MARK + clips.numel()].view(parcel.shape))
        require(memory, parcel)
        return clips


def mark(memory: Tensor) -> Tensor:
    """int64 [1]: the number of the batch that a slot holds, negative while it is being filled."""
    return memory[:8].view(torch.int64)


def require(memory: Tensor, parcel: Parcel) -> None:
    """Raise RuntimeError unless a slot holds the batch that was sent."""
    if (found := int(mark(memory))) != parcel.number:
        raise RuntimeError(
            f"slot {parcel.slot} of reading process {parcel.reader} should hold its batch {parcel.number} and holds "
            f"{found}: it was filled again before it was copied, a fault of kinema's; --train.workers 0 does without"
        )


def shared_tensor(size: int) -> Tensor:
    """uint8 [size] of no particular values, in shared memory: what is written there need not be copied to be sent."""
    storage = torch.UntypedStorage._new_shared(size)  # type: ignore[no-untyped-call]
    return torch.empty(0, dtype=torch.uint8).set_(storage, 0, (size,))  # type: ignore[call-overload, no-any-return]
