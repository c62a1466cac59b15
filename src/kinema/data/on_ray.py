"""Work spread over the machines of a Ray cluster (`kinema.data.spread`).

The nodes read the videos and write what is made of them themselves, so all must see both under the same paths. A node
that is lost costs what it was at: Ray gives that to another one.
"""

from __future__ import annotations

import logging
import os
import platform
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from kinema import __version__
from kinema.data.limit import end_this_process, seconds_allowed
from kinema.data.skip import absolute
from kinema.data.spread import Item, Result
from kinema.errors import KinemaError, ReadersGone, UsageError
from kinema.memory import keep_memory

ATTEMPTS = 4
"""At an item whose node or process is lost. A file that kills its decoder every time must not go round for ever."""
WAITING = 64
"""Items that Ray is given at least, however few cores it has, so that a cluster that grows by demand grows."""
MADE_BY = ("torch", "numpy", "av", "torchcodec", "simplejpeg", "numba")
"""Packages that what is written depends on; a node must have them as this machine does."""
OWN = "KINEMA_"
"""What the names of kinema's environment variables begin with."""


@dataclass(frozen=True)
class OnRay:
    """The nodes of a Ray cluster, a core an item. The program that asks must itself run on one of them.

    Raises:
        UsageError: Ray is not installed, or there is no cluster at `address`; or a node lacks what it needs.
        ReadersGone: an item was lost with its process or node every time.
    """

    address: str
    """HOST:PORT of the cluster; or auto, for the one that this machine belongs to."""
    shared: tuple[str | Path, ...]
    """Files and folders that must be there, under the same path, on every node."""
    at_once: int | None = None
    """Items worked on at a time; `None` means as many as there are cores."""

    def __call__(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """The result of each item, in their order."""
        if not items:
            return
        needs = Needs.here(self.shared)
        with connected(self.address) as ray:
            task = ray.remote(num_cpus=1, max_retries=ATTEMPTS - 1)(on_node)
            running: dict[Any, int] = {}
            done: dict[int, Any] = {}
            given = 0
            for number in range(len(items)):
                while number not in done:
                    limit = self.at_once or max(WAITING, 2 * int(ray.cluster_resources().get("CPU", 0)))
                    while given < len(items) and len(running) < limit:
                        running[task.remote(work, items[given], needs)] = given
                        given += 1
                    for task_done in ray.wait(list(running))[0]:
                        done[running.pop(task_done)] = task_done
                yield fetched(ray, done.pop(number), items[number])


def fetched(ray: Any, reference: Any, item: object) -> Any:
    """A task's result; what it says went wrong is raised."""
    lost = (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError)
    try:
        result = ray.get(reference)
    except lost as problem:
        raise ReadersGone(
            f"{item}: the process or node that worked on it was lost {ATTEMPTS} times, perhaps for lack of memory, or "
            "by a file that ends the decoder; what was finished is kept"
        ) from problem
    if isinstance(result, KinemaError):
        raise result
    return result


def on_node(work: Callable[[Item], Result], item: Item, needs: Needs) -> Result | KinemaError:
    """What a process of a node does; what a user can put right comes back as a value, without Ray's traceback."""
    try:
        ready(needs)
        return work(item)
    except KinemaError as problem:
        return problem


@dataclass(frozen=True)
class Needs:
    """What a node must have, as the machine has it that asks."""

    versions: tuple[tuple[str, str], ...]
    folder: str
    """The working directory, from which relative paths are read."""
    shared: tuple[str, ...]
    settings: tuple[tuple[str, str], ...]
    """kinema's environment variables, such as KINEMA_DECODER."""

    @staticmethod
    def here(shared: Sequence[str | Path]) -> Needs:
        """As it is on this machine."""
        settings = sorted((name, value) for name, value in os.environ.items() if name.startswith(OWN))
        return Needs(versions(), str(Path.cwd()), tuple(absolute(path) for path in shared), tuple(settings))


@lru_cache(maxsize=1)  # what was made ready for other needs is not ready for these
def ready(needs: Needs) -> None:
    """Make this process one that works as a reading process does, once it has seen that it can.

    Raises:
        UsageError: names what the node lacks.
    """
    node = platform.node()
    for (name, theirs), (_, ours) in zip(needs.versions, versions(), strict=True):
        if theirs != ours:
            raise UsageError(
                f"the Ray node {node} has {name} {ours or 'not installed'}, and this machine {theirs or 'none'}: "
                "install the same on every node, or what they write differs"
            )
    for path in needs.shared:
        if not Path(path).exists():
            raise UsageError(
                f"the Ray node {node} does not see {path}: put the videos and what is made of them on storage that "
                "every node has under the same path"
            )
    if Path(needs.folder).is_dir():
        os.chdir(needs.folder)  # elsewhere all paths are absolute, or `shared` would not be there
    for name in [name for name in os.environ if name.startswith(OWN)]:
        del os.environ[name]
    os.environ.update(needs.settings)
    torch.set_num_threads(1)
    end_this_process(seconds_allowed())  # pack and flow then lose a process to a file that hangs, and name it
    keep_memory()


def versions() -> tuple[tuple[str, str], ...]:
    """The versions of kinema and of what the files depend on; "" for what is not installed."""
    found = [("kinema", __version__)]
    for name in MADE_BY:
        try:
            found.append((name, version(name).partition("+")[0]))
        except PackageNotFoundError:
            found.append((name, ""))
    return tuple(found)


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """The package ray, connected to a cluster; a connection that the calling program has already is used and kept.

    Raises:
        UsageError: Ray is not installed, or cannot connect.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read when ray is imported: no word to its makers
    try:
        import ray
    except ImportError:
        raise UsageError("--ray needs the package ray: pip install 'kinema[ray]'") from None
    if ray.is_initialized():
        yield ray
        return
    require_listener(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, OSError, RuntimeError, ValueError) as problem:
        why = " ".join(str(problem).split())[:200]
        raise UsageError(f"--ray {address}: no Ray cluster can be reached from here ({why})") from problem
    try:
        yield ray
    finally:
        ray.shutdown()


def require_listener(address: str) -> None:
    """Raise UsageError where nothing answers at HOST:PORT, which Ray takes minutes to find out."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        raise UsageError(f"--ray {address}: give HOST:PORT or auto, and run the command on a node of the cluster")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as problem:
        raise UsageError(f"--ray {address}: no Ray cluster answers there ({problem})") from problem
