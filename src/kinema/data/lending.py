"""Memory for batches that is used again as soon as nobody holds what was put there."""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

KEPT = 3
"""Pieces that are kept while nobody has them; a training loop holds one batch and is given the next."""


class Lender:
    """Gives tensors, and takes their memory back once they and all that looks into them are gone.

    Were it left to the C library, it would go back to the system, to be had anew page by page; or, of batches of many
    sizes, leave holes in the heap. So every piece is as large as the largest that was asked for.
    """

    def __init__(self) -> None:
        self.free: list[np.ndarray[Any, Any]] = []
        self.most = 0

    def empty(self, shape: Sequence[int]) -> Tensor:
        """uint8 of a shape and of no particular values."""
        size = math.prod(shape)
        self.most = max(self.most, size)
        memory = self.free.pop() if self.free else np.empty(self.most, np.uint8)
        if len(memory) < size:
            self.free.clear()  # none of them is larger
            memory = np.empty(self.most, np.uint8)
        lent = memory[:size]  # held by the tensor's storage, which all views of it share
        weakref.finalize(lent, self.take_back, memory).atexit = False
        return torch.from_numpy(lent).view(tuple(shape))

    def take_back(self, memory: np.ndarray[Any, Any]) -> None:
        """Keep a piece for the next batch, unless it is too small by now or there are enough."""
        if len(memory) == self.most and len(self.free) < KEPT:
            self.free.append(memory)
