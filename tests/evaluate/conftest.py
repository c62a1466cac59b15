from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from kinema.evaluate.features import Features
from kinema.evaluate.protocol import Origin, Protocol, Result, Score, Subject

DATA = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.fixture
def real_data() -> Callable[[str], Path]:
    """A file of the real data beside the repository, or a skip that says which is absent."""

    def find(name: str) -> Path:
        path = DATA / name
        if not path.exists():
            pytest.skip(f"real data is absent: ../shared/data/{name}")
        return path

    return find


@pytest.fixture
def make_features() -> Callable[..., Features]:
    """Features around one random mean a class; `spread` is the noise, `length` the feature's length."""

    def make(
        per_class: int, classes: int = 4, length: int = 16, spread: float = 1.0, seed: int = 0, means_seed: int = 0
    ) -> Features:
        means = torch.randn(classes, length, generator=torch.Generator().manual_seed(means_seed))
        labels = torch.arange(classes).repeat(per_class)
        noise = torch.randn(len(labels), length, generator=torch.Generator().manual_seed(1000 + seed))
        paths = tuple(f"{seed}/{number}.avi" for number in range(len(labels)))
        return Features(means[labels] + spread * noise, labels, paths, tuple(f"class{c}" for c in range(classes)))

    return make


@pytest.fixture
def result() -> Result:
    """A retrieval result of a pre-trained network."""
    return Result(
        Score("R@1", 12.5, (9.5, 15.8), {"R@1": 12.5, "R@5": 40.0}, {"R@1": (9.5, 15.8)}, {}),
        Protocol(
            task="retrieval",
            data="mocap15",
            split=None,
            queries=450,
            gallery=1200,
            classes=15,
            train_list="a" * 64,
            test_list="b" * 64,
            frames=8,
            stride=4,
            size=64,
            clips=10,
            crops=1,
            average="feature",
            pooling="gap",
            view="rgb",
            distance="cosine",
            centred=False,
            selection="none",
            settings={},
        ),
        Subject(
            weights="pretrained",
            method="mcn",
            backbone="r3d_18",
            width=0.25,
            parameters=2_080_000,
            recipe="tiny_mcn",
            recipe_hash="c" * 64,
            pretrain_data="mocap15",
            epoch=20,
            seed=0,
        ),
        Origin("0.1.0", None, "2.13.0", "cpu, 2 threads", "kinema retrieve run", "2026-01-01T00:00:00+00:00", 3.0),
    )
