"""Result files as the evaluation verbs write them, made without any training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from kinema.evaluate.protocol import Origin, Protocol, Result, Score, Subject, recipe_hash, write
from kinema.evaluate.settings import Finetune
from kinema.tables.finding import Found, recipe_named

Make = Callable[..., Found]
FINETUNE = Finetune(epochs=12, batch_size=16, dropout=0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where `make` writes."""
    return tmp_path / "results"


@pytest.fixture
def make(folder: Path) -> Make:
    """`make("mcn@tiny", 40.0, seed=1, size=64)`: a result of fine-tuning; any field of protocol or subject by name.

    `None` for the recipe is random init, of `backbone` and `width`.
    """
    count = 0

    def one(recipe: str | None, value: float, /, *, metrics: dict[str, float] | None = None, **fields: Any) -> Found:
        nonlocal count
        count += 1
        named = recipe_named(recipe or "mcn@tiny")
        assert named is not None
        own = replace(named, train=replace(named.train, seed=fields.get("seed", 0)))
        protocol = Protocol(
            task="finetune", data="set", split=None, queries=100, gallery=400, classes=8, train_list="a", test_list="b",
            frames=own.clip.frames, stride=own.clip.stride, size=own.clip.size, clips=10, crops=1, average="prob",
            pooling="gap", view="rgb", distance=None, centred=False, selection="last epoch", settings=asdict(FINETUNE),
        )  # fmt: skip
        subject = Subject(
            weights="pretrained" if recipe else "random init", method=own.method.name if recipe else None,
            backbone=own.backbone.name, width=own.backbone.width, parameters=900_000, recipe=recipe,
            recipe_hash=recipe_hash(own) if recipe else None, pretrain_data="set/train" if recipe else None,
            epoch=own.train.epochs if recipe else None, seed=own.train.seed,
        )  # fmt: skip
        protocol = replace(protocol, **{k: v for k, v in fields.items() if k in asdict(protocol)})
        subject = replace(subject, **{k: v for k, v in fields.items() if k in asdict(subject)})
        retrieved = {f"R@{k}": min(99.0, value + k - 1) for k in (1, 5, 10, 20, 50)}
        usual = retrieved if protocol.task == "retrieval" else {"top1": value, "top5": min(99.0, value + 30)}
        values = metrics or usual
        first = next(iter(values))
        intervals = {name: (figure - 4, figure + 4) for name, figure in values.items()}
        score = Score(first, values[first], intervals[first], values, intervals, {})
        origin = Origin("0.1", None, "2.13", "cpu", "kinema finetune", "2026-01-01T00:00:00+00:00", 1.0)
        result = Result(score, protocol, subject, origin)
        return Found(write(result, folder / f"run{count}"), result)

    return one
