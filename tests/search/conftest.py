"""Vectors to search in: those of a small run, and made-up ones of any number."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinema import cli

TINY = [
    *("--backbone.name", "r3d_vcop", "--backbone.width", "0.0625", "--method.contrast.negatives", "8"),
    *("--clip.frames", "4", "--clip.stride", "2", "--clip.size", "32"),
    *("--train.epochs", "1", "--train.batch-size", "4", "--train.workers", "0"),
]


@pytest.fixture(scope="session")
def run(clip_folder, tmp_path_factory) -> Path:
    """A run of the CMC baseline on `clip_folder`, to be read only."""
    folder = tmp_path_factory.mktemp("search") / "run"
    assert cli.run(["pretrain", "tiny_cmc", *TINY, "--data", str(clip_folder), "--out", str(folder)]) == 0
    return folder


def embedded(run, videos, out, *flags) -> Path:
    assert cli.run(["embed", str(run), str(videos), "--out", str(out), "--workers", "0", *flags]) == 0
    return out


@pytest.fixture(scope="session")
def whole(run, clip_folder, tmp_path_factory) -> Path:
    """Vectors of all clips of `clip_folder` whole, with an index; to be read only."""
    return embedded(run, clip_folder, tmp_path_factory.mktemp("search") / "whole")


@pytest.fixture(scope="session")
def windows(run, clip_folder, tmp_path_factory) -> Path:
    """Vectors of three windows of 0.16 s of each clip; to be read only."""
    return embedded(
        run, clip_folder, tmp_path_factory.mktemp("search") / "windows", "--window", "0.16", "--allow-short"
    )
