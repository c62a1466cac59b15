"""What tests of hostile files share: little memory, and a run and stores to be spoilt."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from kinema import cli
from kinema.packing import pack

MEMORY = 2**31
"""Bytes that reading may take beyond what the program has."""


@pytest.fixture
def little_memory():
    """A file that asks for more than `MEMORY` is a MemoryError, where the system might have ended the program."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture(scope="session")
def trained(clip_folder, tmp_path_factory) -> Path:
    """A run of the smallest kind, with a result; to be copied."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    small = "--backbone.name r3d_vcop --backbone.width 0.03125 --clip.frames 4 --clip.size 16 --train.epochs 1"
    flags = f"{small} --train.batches look_alikes --train.batch-size 4 --train.workers 0 --method.contrast.negatives 8"
    assert cli.run(["pretrain", "tiny_cmc", *flags.split(), "--data", str(clip_folder), "--out", str(folder)]) == 0
    assert cli.run(["retrieve", str(folder), "--evaluation.clips", "1", "--no-random-init"]) == 0
    return folder


@pytest.fixture(scope="session")
def packed(clip_folder, tmp_path_factory) -> dict[str, Path]:
    """Stores by kind; to be copied."""
    folder = tmp_path_factory.mktemp("packed")
    kinds = ("raw", "jpeg")
    return {kind: pack(clip_folder, out=folder / kind, kind=kind, short_side=16, workers=0).folder for kind in kinds}
