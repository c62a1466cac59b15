from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from kinema.backbones import build
from kinema.encoder import Encoder
from kinema.evaluate.features import Features
from kinema.evaluate.protocol import Origin, Protocol, Result, Score, Subject
from kinema.settings import Clip

T, S = 8, 32


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(build("r3d_18", 0.0625), Clip(T, 1, S))


@pytest.fixture(scope="session")
def random_encoder() -> Encoder:
    torch.manual_seed(1)
    return Encoder(build("r3d_18", 0.0625), Clip(T, 1, S))


@pytest.fixture
def frames_of() -> Callable[[str], Tensor]:
    """Noise that depends on the path alone."""

    def frames(path: str) -> Tensor:
        rng = torch.Generator().manual_seed(sum(path.encode()))
        return torch.randint(256, (T, S, S, 3), dtype=torch.uint8, generator=rng)

    return frames


@pytest.fixture
def make_features() -> Callable[..., Features]:
    """Features in which videos of one class point one way, each class another."""

    def make(kind: str, per_class: int = 5, classes: tuple[str, ...] = ("walk", "run", "jump")) -> Features:
        labels = torch.arange(len(classes)).repeat_interleave(per_class)
        rng = torch.Generator().manual_seed(len(kind))
        vectors = torch.eye(len(classes), 8)[labels] + 0.05 * torch.randn(len(labels), 8, generator=rng)
        return Features(vectors, labels, tuple(f"{kind}/{n}.mp4" for n in range(len(labels))), classes)

    return make


@pytest.fixture
def make_result() -> Callable[..., Result]:
    def make(weights: str = "pretrained", value: float = 60.0, half: float = 5.0, task: str = "retrieval") -> Result:
        trained = weights == "pretrained"
        interval = (value - half, value + half)
        protocol = Protocol(
            task=task,  # type: ignore[arg-type]
            data="shapes",
            split=None,
            queries=100,
            gallery=400,
            classes=8,
            train_list="a",
            test_list="b",
            frames=T,
            stride=1,
            size=S,
            clips=10,
            crops=1,
            average="feature",
            pooling="gap",
            view="rgb",
            distance="cosine",
            centred=False,
            selection="none",
            settings={},
        )
        subject = Subject(
            weights=weights,  # type: ignore[arg-type]
            method="mcn" if trained else None,
            backbone="r3d_18",
            width=0.25,
            parameters=2_080_000,
            recipe="tiny_mcn" if trained else None,
            recipe_hash=None,
            pretrain_data="shapes" if trained else None,
            epoch=20 if trained else None,
            seed=0,
        )
        score = Score("R@1", value, interval, {"R@1": value, "R@5": 90.0}, {"R@1": interval}, {})
        return Result(score, protocol, subject, Origin("0.1", None, "2.13", "cpu", "kinema", "2026-01-01", 1.0))

    return make
