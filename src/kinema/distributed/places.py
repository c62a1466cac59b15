"""Who takes part, and how they meet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from kinema.distributed.endings import end_of_others
from kinema.errors import UsageError

PATIENCE = timedelta(minutes=30)
"""How long a rank waits for the others, such as for one that reads a long list."""


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

    The last two may be missing, the first of them where there is a process a machine.

    Raises:
        UsageError: one of them is no number, or does not fit the others.
    """
    told = {name: os.environ.get(name) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")}
    if told["RANK"] is None or told["WORLD_SIZE"] is None:
        return Place()
    try:
        rank, size = int(told["RANK"]), int(told["WORLD_SIZE"])
        local = int(told["LOCAL_RANK"] or 0)
        found = Place(rank, size, local, int(told["LOCAL_WORLD_SIZE"] or most_beside(size, local)))
    except ValueError:
        found = Place(-1)
    if not (0 <= found.rank < found.size and 0 <= found.local < found.beside):
        said = ", ".join(f"{name} {value}" for name, value in told.items())
        raise UsageError(f"the environment says {said}, which is no place among processes: start them by torchrun")
    return found


def most_beside(size: int, local: int) -> int:
    """How many of the processes are on this machine, where a launcher does not say: one a GPU, or all of them."""
    gpus = torch.cuda.device_count()
    return min(size, max(gpus, local + 1)) if gpus else size


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
        KinemaError: one of them died, or ended by an error of its own; says which.
        Stopped: a signal asked one of them to end.
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
    except Exception as problem:
        if device.type == "cpu":  # NCCL may wait here for what is under way
            dist.destroy_process_group()  # whoever waits for this rank learns of it now, and so on from rank to rank
        cause = end_of_others(store, here.rank, here.size, problem)
        if cause is None:
            raise
        raise cause from problem
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
