"""How processes that work together end when one of them does: each says why, and nobody waits for the one that is gone.

A process that waits for another learns only that the exchange has broken, and not by whom. So each one that ends leaves
word in the store by which they met: that it lost others, or what was its own error. Whoever leaves none is gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import torch.distributed as dist

from kinema.errors import KinemaError, Stopped

ANSWER = 10.0
"""Seconds that the ranks have to leave word, once one is gone."""
PAUSE = 0.1
LOST = "it lost others"
MOST = 300
"""Characters of another rank's error that are repeated."""


class Lost(RuntimeError):  # noqa: N818 - named for what happened
    """An exchange with other ranks that came to nothing."""


def exchange(work: Callable[[], object]) -> None:
    """Do what waits for other ranks; an error of that is `Lost`, to be told from one of this rank's own.

    The first error is let go, and with it torch's frames: they would hold the connections to the others open.
    """
    try:
        work()
        return
    except RuntimeError as problem:
        said = str(problem)
    raise Lost(said)


def end_of_others(store: Any, rank: int, size: int, problem: Exception) -> KinemaError | None:
    """Leave word why this rank ends; the error that names the other one which was the cause, None if it was itself.

    `store` is kept by rank 0, unless torchrun keeps it; so rank 0 is the last to leave.
    """
    others = [other for other in range(size) if other != rank]
    lost = isinstance(problem, Lost | dist.DistError)
    cause = None
    try:
        store.set(f"end/{rank}", LOST if lost else described(problem))
        if lost:
            cause = cause_of_end(store, rank, others, size)
            others = [other for other in others if store.check([f"end/{other}"])]
        store.set(f"left/{rank}", "")
        if rank == 0:
            missing(store, "left", others, lambda: False)
    except dist.DistError:
        return cause or (ends_too(rank, f"rank 0 of {size} is gone, killed or with its machine") if lost else None)
    return cause


def cause_of_end(store: Any, rank: int, others: Iterable[int], size: int) -> KinemaError | None:
    """About the rank that ended by an error, or those that leave no word; None if there is none of either."""
    errors: dict[int, str] = {}

    def any_error() -> bool:
        said = {other: store.get(f"end/{other}").decode() for other in others if store.check([f"end/{other}"])}
        errors.update((other, why) for other, why in said.items() if why != LOST)
        return bool(errors)

    silent = missing(store, "end", others, any_error)
    if errors:
        other = min(errors)
        asked = errors[other].startswith(f"{Stopped.__name__}: ")
        return ends_too(rank, f"rank {other} of {size} has ended ({errors[other]})", Stopped if asked else KinemaError)
    if not silent:
        return None
    who = f"rank {silent[0]} of {size} is" if len(silent) == 1 else f"ranks {', '.join(map(str, silent))} of {size} are"
    return ends_too(rank, f"{who} gone, killed or with {'its machine' if len(silent) == 1 else 'their machine'}")


def ends_too(rank: int, what: str, kind: type[KinemaError] = KinemaError) -> KinemaError:
    """The error of a rank that ends for the sake of another; of the kind of that one's, where a signal asked it to."""
    return kind(f"{what}; rank {rank} ends too. What was trained up to the last checkpoint is kept for --resume")


def missing(store: Any, word: str, others: Iterable[int], enough: Callable[[], bool]) -> list[int]:
    """The ranks that have not left this word, after `ANSWER` seconds or when there are none or it is `enough`."""
    ends, silent = time.monotonic() + ANSWER, list(others)
    while True:
        silent = [other for other in silent if not store.check([f"{word}/{other}"])]
        if enough() or not silent or time.monotonic() > ends:
            return silent
        time.sleep(PAUSE)


def described(problem: Exception) -> str:
    """An error in a line."""
    line = " ".join(str(problem).split())[:MOST]
    return f"{type(problem).__name__}: {line}" if line else type(problem).__name__
