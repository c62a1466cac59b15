"""What the tests of conversion share; the networks in them have their full size."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """Emptied at once: pytest would keep the networks of three sessions, gigabytes of them."""
    yield tmp_path
    shutil.rmtree(tmp_path)


@pytest.fixture(scope="session")
def small_clip():
    """uint8 [1, T, S, S, 3]: noise with a colour cast, so that channels are not alike."""
    rng = torch.Generator().manual_seed(3)
    noise = torch.rand(1, 8, 32, 32, 3, generator=rng)
    return (noise * torch.tensor([255.0, 150.0, 60.0])).to(torch.uint8)
