"""Training on the device of `stand_in`; prints JSON of what came out beside the same on the CPU.

A program of its own, since the device stays with the process that has made it. Given a folder of videos and one to
write to.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from stand_in import DEVICE, QUEUE, StandIn, held

from kinema import methods
from kinema.data.video import Video
from kinema.engine import checkpoint
from kinema.engine import train as loop
from kinema.errors import NonFiniteLoss
from kinema.methods.moco import MoCo
from kinema.settings import Backbone, Clip, Optim, Recipe, Train
from kinema.settings import MoCo as Config

RECIPE = Recipe(
    method=Config(queue=16, dim=16, fill_first=True),
    clip=Clip(frames=4, stride=2, size=16),
    backbone=Backbone("r3d_vcop", width=1 / 16),
    optim=Optim(lr=0.02, schedule="constant"),
    train=Train(epochs=2, batch_size=4, workers=0, device="cpu"),
)
"""Of 20 videos, five steps an epoch, of which the first four only fill a memory."""


def run(videos: list[Video], folder: Path, device: torch.device, reads: list[str]) -> dict[str, Any]:
    """A run; how it ended, what it left behind, and of what was put into `reads` what each step brought."""
    (folder / "checkpoints").mkdir(parents=True)
    loop.pick_device = lambda name: device  # type: ignore[assignment]
    method = methods.build(RECIPE, len(videos))
    given, brought = json.loads(json.dumps(asdict(RECIPE))), []

    def report(progress: loop.Progress) -> None:
        brought.append(list(reads))
        reads.clear()

    try:
        loop.train(method, videos, RECIPE, folder, data={"name": "t"}, recipe_dict=given, report=report)
        ended = ""
    except NonFiniteLoss as problem:
        ended = str(problem).replace(str(folder), "RUN")
    left = {path.stem: checkpoint.load(path) for path in (folder / "checkpoints").glob("*.pt")}
    return {"ended": ended, "left": left, "brought": brought}


def twice(videos: list[Video], out: Path, name: str) -> dict[str, Any]:
    """Both runs, and what differs between them."""
    here = run(videos, out / name / "here", torch.device("cpu"), [])
    QUEUE.ahead.clear()
    with StandIn() as standing:
        there = run(videos, out / name / "there", DEVICE, standing.reads)
    assert here["left"].keys() == there["left"].keys()
    apart = [differ(asdict(here["left"][name]), asdict(there["left"][name])) for name in here["left"]]
    return {
        "ended": [here["ended"], there["ended"]],
        "steps": {name: kept.step for name, kept in there["left"].items()},
        "apart": sorted({place for places in apart for place in places}),
        "reads": there["brought"],
        "ahead": list(QUEUE.ahead),
    }


def differ(one: Any, other: Any, place: str = "") -> list[str]:
    """Where two nested values are not equal, times left out."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        return [
            at
            for name in one
            if not str(name).endswith("_time")
            for at in differ(one[name], other[name], f"{place}.{name}")
        ]
    same = torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other
    return [] if same else [place]


def spoiled(at: int) -> None:
    """From step `at` on there is no number."""
    plain = MoCo.loss

    def loss(self: MoCo, batch: Any, step: Any) -> Any:
        outcome = plain(self, batch, step)
        return replace(outcome, total=outcome.total * float("nan")) if step.number >= at else outcome

    MoCo.loss = loss  # type: ignore[method-assign]


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    saved = torch.save
    torch.save = lambda content, file: saved(torch.utils._pytree.tree_map(held, content), file)  # type: ignore
    videos = [Video(str(path)) for path in sorted(Path(sys.argv[1]).glob("*/*.mp4"))]
    found = {"whole": twice(videos, Path(sys.argv[2]), "whole")}
    for at in (2, 5, 7, 9):
        plain = MoCo.loss
        spoiled(at)
        found[f"spoiled {at}"] = twice(videos, Path(sys.argv[2]), f"spoiled_{at}")
        MoCo.loss = plain  # type: ignore[method-assign]
    print(json.dumps(found))
