"""Freed memory kept for the next use, which on a CPU is the next step."""

from __future__ import annotations

import ctypes
import os

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST = 2**31 - 1


def keep_memory() -> bool:
    """Have the C library keep what is freed, however large; returns whether it does.

    By default glibc hands blocks of 32 MB and more back to the system, to have them anew in every step, page by page
    and zeroed: a twentieth of a small network's step, and half of the time of augmentation where a container makes
    pages slow. Other C libraries are left as they are, and so is one that the environment has tuned (MALLOC_...).
    """
    if any(name.startswith("MALLOC_") for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return all(mallopt(option, LARGEST) == 1 for option in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD))
