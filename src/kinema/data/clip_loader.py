"""A loader of batches of clips that come through shared memory, and whether there is room for them."""

from __future__ import annotations

import mmap
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor
from torch.utils.data import Dataset

from kinema.data.ahead import Loader
from kinema.data.lending import Lender
from kinema.data.slots import AHEAD, MARK, SLOTS, Empty, Parcel, Received, Slots, ordinary
from kinema.errors import UsageError

T = TypeVar("T", covariant=True)

SHARED = Path("/dev/shm")
"""Where shared memory is, on Linux."""


def require_shared_memory(
    dataset: Dataset[Sequence[Any]], first: Any, batch_size: int, workers: int, batches: int
) -> None:
    """Refuse to start where the slots for so many batches, of samples like the one at `first`, would not fit.

    What happens otherwise is a bus error in a reading process, some time later. Containers often have no more than
    64 MB.

    Raises:
        UsageError: says how much it takes, and how much there is.
    """
    if not SHARED.is_dir():
        return
    each = batch_size * dataset[first][0].nbytes
    pages = -(-(MARK + each) // mmap.PAGESIZE)
    need, free = min(SLOTS * workers, batches) * pages * mmap.PAGESIZE, shutil.disk_usage(SHARED).free
    if need > free:
        raise UsageError(
            f"{workers} reading processes need {need / 1e6:,.0f} MB of shared memory for batches of {each / 1e6:,.0f} "
            f"MB, but {SHARED} has {free / 1e6:,.0f} MB free: lower --train.workers or --train.batch-size, or enlarge "
            "it (docker run --shm-size)"
        )


class Gather(Protocol):
    """Puts samples together."""

    def __call__(self, samples: Sequence[Any], empty: Empty) -> tuple[Tensor, ...]:
        """The clips, uint8 [B, ...], in what `empty` gave, and then other tensors, which are small."""
        ...


class Sending:
    """What a reading process does with samples: gather them in a slot, and send that."""

    def __init__(self, gather: Gather, slots: int) -> None:
        self.gather = gather
        self.slots = Slots(slots)

    def __call__(self, samples: Sequence[Any]) -> Parcel:
        """The samples of a batch."""
        return self.slots.parcel(*self.gather(samples, self.slots.empty))


class ClipLoader(Loader[T]):
    """A `Loader` of batches that `make` makes, in this process, of what `gather` returns.

    With `pin_memory`, and a GPU, they lie in pinned memory. (torch itself pins only what it knows, and no `Batch`.)
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        *,
        workers: int,
        gather: Gather,
        make: Callable[..., T],
        pin_memory: bool = False,
        **options: Any,
    ) -> None:
        self._make = make
        self._pinned = pin_memory and torch.cuda.is_available()
        self._empty = partial(ordinary, pinned=self._pinned)
        if workers:
            options |= {"collate_fn": Sending(gather, SLOTS), "prefetch_factor": AHEAD}
        else:
            options |= {"collate_fn": partial(gather, empty=self._empty)}
        super().__init__(dataset, workers=workers, **options)

    def __iter__(self) -> Iterator[T]:  # type: ignore[override]  # as in Loader
        received = Received(self._empty if self._pinned else Lender().empty)
        for sent in super().__iter__():
            if isinstance(sent, Parcel):
                yield self._batch(received.clips(sent), *map(torch.from_numpy, sent.rest))
            else:
                yield self._batch(*sent)  # type: ignore[misc]  # gathered in this process

    def _batch(self, clips: Tensor, *rest: Tensor) -> T:
        return self._make(clips, *(part.pin_memory() if self._pinned else part for part in rest))
