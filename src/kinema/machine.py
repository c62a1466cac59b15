"""What of this machine to use: device, reading processes, threads."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import current_process

import torch

from kinema.distributed import place
from kinema.errors import UsageError, nearest
from kinema.limits import usable_cores


def pick_device(name: str) -> torch.device:
    """The device asked for; `auto` is the first GPU, or the CPU. Of several processes each has a GPU of its own.

    Raises:
        UsageError: there is no such device.
    """
    count, here = torch.cuda.device_count(), place()
    if here.size > 1 and count and name != "cpu":
        if name not in ("auto", "cuda") or here.beside > count:
            raise UsageError(
                f"{here.beside} processes on this machine need a GPU each, of {count} (--train.device {name}): start "
                f"{count} or fewer, with --train.device auto"
            )
        return torch.device("cuda", here.local)
    known = ["cpu", *(["cuda"] if count else []), *(f"cuda:{number}" for number in range(count))]
    if name == "auto":
        return torch.device("cuda" if count else "cpu")
    if name not in known:
        raise UsageError(f"there is no device '{name}' here: {nearest(name, ['auto', *known])}")
    return torch.device(name)


def pick_workers(asked: int | None) -> int:
    """Reading processes: as asked, or one a core up to 8, one core being left to the training process.

    A daemonic process may start none, so it reads for itself unless asked otherwise.
    """
    if asked is not None:
        return asked
    return 0 if current_process().daemon else max(1, min(8, cores() - 1))


def cores() -> int:
    """Cores that this process may use; of several training processes on a machine, at most each one's share.

    A launcher may have given each of them cores of its own already.
    """
    share = (os.cpu_count() or 1) // place().beside
    return max(1, min(share, math.ceil(usable_cores())))


@contextmanager
def threads_beside(workers: int) -> Iterator[None]:
    """Within it, torch leaves a core to each reading process: threads that wait for one another's core cost more."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, min(before, cores() - workers)))
    try:
        yield
    finally:
        torch.set_num_threads(before)
