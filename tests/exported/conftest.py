"""Runs as training leaves them, of any network, without training: weights and statistics are drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from torch import nn

from kinema import backbones, recipes
from kinema.engine import checkpoint
from kinema.engine.checkpoint import Checkpoint
from kinema.meta import running_statistics, slashed
from kinema.run import Run
from kinema.settings import Backbone, Clip

CLIP = Clip(frames=4, stride=2, size=32)
DATA = {"path": "videos", "split": 1, "name": "shapes", "videos": 20, "digest": "0f" * 8}
MakeRun = Callable[..., Path]


def drawn(name: str, width: float, seed: int) -> nn.Module:
    """A network whose batch norm has seen something."""
    rng = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = backbones.build(name, width)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.running_mean.normal_(0, 0.1, generator=rng)
            module.running_var.uniform_(0.5, 2, generator=rng)
            module.num_batches_tracked.fill_(7)
    return network


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """`make_run("r3d_vcop", normalise="imagenet")`: the folder of a run of MCN with that network."""

    def make(name: str = "r3d_vcop", *, width: float = 0.0625, clip: Clip = CLIP, folder: str = "run") -> Path:
        recipe = replace(recipes.get("tiny_mcn"), backbone=Backbone(name, width), clip=clip)
        network, other = drawn(name, width, seed=1), drawn(name, width, seed=2)
        method = {f"backbone.{key}": value for key, value in network.state_dict().items()}
        method |= {f"residual_statistics.{slashed(k)}": v.clone() for k, v in running_statistics(other).items()}
        run = Run(tmp_path / folder)
        run.checkpoint.parent.mkdir(parents=True)
        run.results.mkdir()
        run.write("data.json", DATA)
        run.write("recipe.json", asdict(recipe))
        checkpoint.save(Checkpoint(asdict(recipe), DATA, 12, method, {}, {}), run.checkpoint)
        return run.folder

    return make


@pytest.fixture
def exported(make_run: MakeRun, tmp_path: Path) -> Path:
    """A small run, exported for both views."""
    pytest.importorskip("safetensors")
    from kinema.exporting import export

    return export(make_run(), tmp_path / "exported", view="both")
