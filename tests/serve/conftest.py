"""A page of a small index."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from asking import Page, embedded, running

from kinema import cli

for package in ("lancedb", "fastapi", "uvicorn", "sklearn"):
    pytest.importorskip(package, reason=f"{package} is not installed")


TINY = [
    *("--backbone.name", "r3d_vcop", "--backbone.width", "0.0625", "--method.contrast.negatives", "8"),
    *("--clip.frames", "4", "--clip.stride", "2", "--clip.size", "32"),
    *("--train.epochs", "2", "--train.batch-size", "4", "--train.workers", "0"),
]


@pytest.fixture(scope="session")
def run(clip_folder, tmp_path_factory) -> Path:
    """A run of the CMC baseline on `clip_folder`, with a result; to be read only."""
    folder = tmp_path_factory.mktemp("serve") / "cmc"
    assert cli.run(["pretrain", "tiny_cmc", *TINY, "--data", str(clip_folder), "--out", str(folder)]) == 0
    assert cli.run(["retrieve", str(folder), "--evaluation.clips", "2"]) == 0
    return folder


@pytest.fixture(scope="session")
def vectors(run, clip_folder, tmp_path_factory) -> Path:
    """Vectors of all clips of `clip_folder`."""
    return embedded(run, clip_folder, tmp_path_factory.mktemp("serve") / "vectors")


@pytest.fixture(scope="module")
def page(vectors, run, tmp_path_factory) -> Iterator[Page]:
    """The page of these vectors, with a second run; uploads of up to 1 MB."""
    other = shutil.copytree(run, tmp_path_factory.mktemp("serve") / "other")
    with running(vectors, against=[other], upload_mb=1.0) as found:
        yield found
