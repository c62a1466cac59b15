"""A training step of every method on the device of `stand_in`, beside the same step on the CPU; prints JSON.

With the word `choices`, a step by every choice of every method.

A program of its own, since the device stays with the process that has made it.
"""

from __future__ import annotations

import json
import sys
import traceback
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "methods"))
import cases
from stand_in import DEVICE, StandIn, There, held, moved

from kinema.data import flow
from kinema.engine.optim import optimizer
from kinema.engine.train import gradient, update
from kinema.errors import UsageError
from kinema.methods.base import Method
from kinema.settings import CMC, MCN, Contrast, Meta, Views

ORDERS = {
    f"mcn, order {order}": replace(
        cases.CASES["mcn"],
        method=MCN(contrast=Contrast(negatives=8), views=Views(dim=16), meta=Meta(order=order)),
    )
    for order in (0, 1, 2)
}
NCE = replace(cases.CASES["cmc"], method=CMC(contrast=Contrast(negatives=8, form="nce"), views=Views(dim=16)))
STEPS = cases.CASES | ORDERS | {"cmc, nce": NCE}


def choices() -> dict[str, cases.Recipe]:
    """Every choice of every method that goes with its others; those of order 2 end elsewhere by rounding."""
    found = {}
    for name, recipe in cases.CASES.items():
        for path, value in cases.options(recipe.method):
            try:
                chosen = replace(recipe, method=cases.with_option(recipe.method, path, value))
                cases.build(chosen)
            except UsageError:
                continue
            found[f"{name}, {'.'.join(path)}={value}"] = chosen
    return found


def step(method: Method, device: torch.device) -> torch.Tensor:
    """Loss, gradient, update and writes; returns the loss. `training_elsewhere.py` has the loop around it."""
    optim = optimizer(method.parameters(), method.recipe.optim)
    own = method.loss(cases.batch(method).to(device), cases.step())
    gradient(method, optim, own, method.recipe.optim.clip_grad)
    update(method, optim, own, 0.05)
    return own.total.detach()


def compared(recipe: cases.Recipe) -> dict[str, object]:
    """What differs between the two, and what the device was asked for."""
    here, there = cases.build(recipe), cases.build(recipe)
    truth = step(here, torch.device("cpu"))
    with StandIn() as standing:
        moved(there)
        standing.reads.clear()
        loss = step(there, DEVICE)
        reads = list(standing.reads)
        state = {name: held(value) for name, value in there.state_dict().items()}
    assert isinstance(loss, There)
    apart = [abs(held(loss) - truth), *((value - state[name]).abs().max() for name, value in here.state_dict().items())]
    return {"apart": float(max(each.double() for each in apart)), "reads": reads}


def flows() -> dict[str, object]:
    """TV-L1 of a few noisy frames that move, without the compiled loops that only the CPU has."""
    flow.kernels = lambda: None  # type: ignore[assignment]
    rng = torch.Generator().manual_seed(0)
    wide = torch.nn.functional.avg_pool2d(torch.rand(1, 1, 48, 56, generator=rng) * 255, 5, stride=1)[0, 0]
    frames = torch.stack([wide[:40, n : n + 44] for n in range(4)])
    truth = flow.tvl1(frames[:-1], frames[1:])
    with StandIn() as standing:
        there = frames.to(DEVICE)
        found = flow.tvl1(there[:-1], there[1:])
    assert isinstance(found, There)
    return {
        "apart": float((found.held - truth).abs().max()),
        "reads": standing.reads,
        "moved": float(truth.abs().max()),
    }


def tried(what: object, *given: object) -> dict[str, object]:
    """What it gives, or how it fails."""
    try:
        return what(*given)  # type: ignore[operator, no-any-return]
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}", "where": traceback.format_exc()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1:] == ["choices"]:
        found = {name: tried(compared, recipe) for name, recipe in choices().items()}
    else:
        found = {name: tried(compared, recipe) for name, recipe in STEPS.items()} | {"flow": tried(flows)}
    print(json.dumps(found))
