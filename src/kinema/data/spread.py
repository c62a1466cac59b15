"""The same work on many items, spread over whatever does it: processes here, or many machines.

A verb gives the work, a function of one item, and the items, and takes the results; it does not know who did what.
Whoever it was, the results come in the order of the items, each once, and an error that the work raises is raised
to the verb. The work and the items must be picklable and of an importable module; an item's `str` names it where it
failed. Work that writes a file gives it its name when it is whole (`kinema.atomic`), since an attempt that is lost may
be made again elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from torch.utils.data import Dataset

from kinema.data.ahead import Loader

Item = TypeVar("Item")
Result = TypeVar("Result")


class Spread(Protocol):
    """Whoever does the work."""

    def __call__(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """The result of each item, in their order, as soon as it is there and those before it."""
        ...


@dataclass(frozen=True)
class Processes:
    """So many processes on this machine; with 0 the work is done in this one."""

    workers: int

    def __call__(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """The result of each item, in their order."""
        workers = min(self.workers, len(items))
        yield from Loader[Result](Work(work, items), workers=workers, batch_size=None, collate_fn=as_it_is)


class Work(Dataset[Result], Generic[Item, Result]):
    """Work on items as the data set that torch's loader takes: reading one is doing it."""

    def __init__(self, work: Callable[[Item], Result], items: Sequence[Item]) -> None:
        self.work = work
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, at: int) -> Result:
        return self.work(self.items[at])


def as_it_is(result: Result) -> Result:
    """A result unchanged, where torch would make tensors of what it can."""
    return result
