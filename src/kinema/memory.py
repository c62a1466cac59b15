"""Freed memory kept for the next use, which on a CPU is the next step, or handed back where peaks are measured."""

from __future__ import annotations

import ctypes
import os

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
SMALLEST, LARGEST = 2**16, 2**31 - 1


def keep_memory() -> bool:
    """Have the C library keep what is freed, however large; returns whether it does.

    By default glibc hands blocks of 32 MB and more back to the system, to have them anew in every step, page by page
    and zeroed: a twentieth of a small network's step, and half of the time of augmentation where a container makes
    pages slow. Other C libraries are left as they are, and so is one that the environment has tuned (MALLOC_...).
    """
    return kept_up_to(LARGEST)


def return_memory() -> bool:
    """Have the C library hand back what is freed, so that a process holds what it uses; returns whether it does.

    Else holes between blocks that are in use count as well: a third of the peak of a step, more or less by chance.
    """
    return kept_up_to(SMALLEST)


def kept_up_to(size: int) -> bool:
    """Have glibc keep freed blocks below so many bytes, unless it is absent or tuned already."""
    if any(name.startswith("MALLOC_") for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return all(mallopt(option, size) == 1 for option in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD))
