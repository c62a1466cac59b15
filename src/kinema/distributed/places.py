"""Who takes part, and how they meet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from kinema.errors import KinemaError, UsageError

PATIENCE = timedelta(minutes=30)
"""How long a rank waits for the others, such as for one that reads a long list."""
ANSWER = timedelta(seconds=10)
"""How long the ranks have to say that they are there still, once one is not."""


@dataclass(frozen=True)
class Place:
    """Which of how many processes this is."""

    rank: int = 0
    size: int = 1
    local: int = 0
    """Its number on its machine, which is its GPU's."""
    beside: int = 1
    """How many of them are on its machine, itself included."""


def place() -> Place:
    """As the launcher said in RANK, WORLD_SIZE, LOCAL_RANK and LOCAL_WORLD_SIZE; alone without one.

    Raises:
        UsageError: one of them is no number, or does not fit the others.
    """
    told = {name: os.environ.get(name) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")}
    if told["RANK"] is None or told["WORLD_SIZE"] is None:
        return Place()
    try:
        rank, size = int(told["RANK"]), int(told["WORLD_SIZE"])
        found = Place(rank, size, int(told["LOCAL_RANK"] or 0), int(told["LOCAL_WORLD_SIZE"] or size))
    except ValueError:
        found = Place(-1)
    if not (0 <= found.rank < found.size and 0 <= found.local < found.beside):
        said = ", ".join(f"{name} {value}" for name, value in told.items())
        raise UsageError(f"the environment says {said}, which is no place among processes: start them by torchrun")
    return found


def size() -> int:
    """N; 1 outside `joined`."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """This process's number; 0 outside `joined`."""
    return dist.get_rank() if size() > 1 else 0


@contextmanager
def joined(device: torch.device) -> Iterator[Place]:
    """Within it, the processes that a launcher started know one another; features on `device` can be exchanged.

    Raises:
        UsageError: the others cannot be reached.
        KinemaError: one of them died; says which.
    """
    here = place()
    if here.size == 1:
        yield here
        return
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
    try:
        store, _, _ = next(rendezvous("env://", timeout=PATIENCE))
        dist.init_process_group(backend, store=store, rank=here.rank, world_size=here.size, timeout=PATIENCE)
    except (RuntimeError, ValueError) as problem:
        reason = str(problem).splitlines()[0]
        raise UsageError(
            f"rank {here.rank} cannot reach the others at MASTER_ADDR {os.environ.get('MASTER_ADDR')}, MASTER_PORT "
            f"{os.environ.get('MASTER_PORT')} ({reason}): start all of them by torchrun"
        ) from problem
    try:
        yield here
    except RuntimeError as problem:
        lost = None if isinstance(problem, torch.OutOfMemoryError) else missing(store, here)
        if not lost:
            raise
        raise KinemaError(
            f"{lost} of {here.size} is gone, killed or with its machine; rank {here.rank} ends too. What was trained "
            "up to the last checkpoint is kept for --resume"
        ) from problem
    finally:
        dist.destroy_process_group()


def missing(store: Any, here: Place) -> str:
    """The ranks that do not answer, for a message; nothing if all do."""
    try:
        store.set(f"there/{here.rank}", "yes")
        silent: list[str] = []
        for other in range(here.size):
            try:
                store.wait([f"there/{other}"], ANSWER if not silent else timedelta(seconds=1))
            except dist.DistStoreError:
                silent.append(str(other))
    except dist.DistError:  # the store is kept by rank 0, unless torchrun keeps it
        return "rank 0"
    return "" if not silent else ("rank " if len(silent) == 1 else "ranks ") + ", ".join(silent)
