"""Freed memory is kept, where that can be had, and what a user has tuned is left alone."""

import subprocess
import sys

import pytest

from kinema.memory import keep_memory

PAGES = """
import resource, sys
import torch
from kinema.memory import keep_memory

if "keep" in sys.argv and not keep_memory():
    sys.exit("no glibc")
x = torch.ones(2**24)
found = []
for _ in range(12):  # the heap still grows now and then
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        y = x * 2  # 64 MB
    found.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(sorted(found)[3])
"""


def pages(*words):
    """How many pages of memory the system has to give for five products of 64 MB, in one of the better of tries."""
    done = subprocess.run([sys.executable, "-c", PAGES, *words], capture_output=True, text=True, timeout=120)
    if "no glibc" in done.stderr:
        pytest.skip("the C library is not glibc")
    return int(done.stdout)


def test_large_blocks_are_had_from_the_system_once():
    assert pages() > 20_000
    assert pages("keep") < 1_000


HELD = """
import sys
import torch
from kinema.bench.measure import memory_now
from kinema.memory import keep_memory, return_memory

if not (return_memory() if "return" in sys.argv else keep_memory()):
    sys.exit("no glibc")
before = memory_now()
blocks = [torch.ones(2**18) for _ in range(64)]  # 1 MB each
last = torch.ones(2**10)
del blocks[:-1]  # a hole below what is still in use
print((memory_now() - before) >> 20)
"""


def test_memory_is_handed_back_where_it_is_measured():
    def held(*words):
        done = subprocess.run([sys.executable, "-c", HELD, *words], capture_output=True, text=True, timeout=120)
        if "no glibc" in done.stderr:
            pytest.skip("the C library is not glibc")
        return int(done.stdout)

    assert held("return") < 8
    assert held("keep") > 32


def test_what_the_environment_has_tuned_is_left_as_it_is(monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    assert keep_memory() is False
