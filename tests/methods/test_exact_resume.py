"""Every method goes on from within an epoch as if it had never stopped: banks, queues, momentum copies and all."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import asdict, replace

import pytest
import torch
from cases import CASES

from kinema import methods
from kinema.engine import checkpoint
from kinema.engine.train import train

KEEPS = {"mcn", "dualvar", "moco", "byol", "swav", "rspnet", "coclr"}
"""Methods whose state is more than weights, one of each sort."""


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in KEEPS else pytest.mark.slow) for n in CASES])
def test_every_method_resumes_to_the_bit(name, clips, flow_folder, tmp_path):
    recipe = replace(CASES[name], train=replace(CASES[name].train, epochs=1))
    flow = flow_folder if recipe.method.flow_components else None

    def run(folder, *, stop_at=None, start=None):
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        method = methods.build(recipe, len(clips))
        given = json.loads(json.dumps(asdict(recipe)))

        def report(progress):
            if progress.step == stop_at:
                os.kill(os.getpid(), signal.SIGUSR1)

        done = train(method, clips, recipe, folder, data={}, recipe_dict=given, flow=flow, start=start, report=report)
        rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        return done.step, checkpoint.load(folder / "checkpoints" / "last.pt"), rows

    steps, whole, logged = run(tmp_path / "whole")
    stopped, half, _ = run(tmp_path / "halves", stop_at=1)
    assert stopped == half.step == 1 < steps
    _, end, resumed = run(tmp_path / "halves", start=half)
    assert end.method.keys() == whole.method.keys()
    assert all(torch.equal(value, whole.method[key]) for key, value in end.method.items())
    moments = [kept.optimizer["state"].items() for kept in (whole, end)]
    for (number, one), (same, other) in zip(*moments, strict=True):
        assert number == same
        assert all(torch.equal(torch.as_tensor(value), torch.as_tensor(other[key])) for key, value in one.items())
    for row in (*logged, *resumed):
        row["train/data_time"] = row["train/step_time"] = 0
    assert logged == resumed
