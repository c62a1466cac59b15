"""On a GPU: a step ends near where it does on the CPU and waits for nothing, and training stops where it should."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kinema.engine import checkpoint
from kinema.engine.optim import optimizer
from kinema.engine.train import gradient, update
from kinema.errors import NonFiniteLoss
from kinema.methods.mcn import MCN

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "methods"), str(HERE)]
import cases  # noqa: E402
from test_train import recipe, run  # noqa: E402

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")]


@contextmanager
def nothing_waited_for() -> Iterator[None]:
    """An error for whatever waits for the GPU."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("name", cases.CASES)
def test_step_on_a_gpu_waits_for_nothing_and_ends_near_the_cpus(name):
    losses, weights = [], []
    for device in map(torch.device, ("cpu", "cuda")):
        method = cases.build(cases.CASES[name]).to(device)
        optim = optimizer(method.parameters(), method.recipe.optim)
        given = cases.batch(method).to(device)
        method.loss(given, cases.step())  # changes nothing, but starts the GPU's libraries
        with nothing_waited_for():
            own = method.loss(given, cases.step())
            gradient(method, optim, own, method.recipe.optim.clip_grad)
            update(method, optim, own, 0.01)
        losses.append(own.total.item())
        weights.append(torch.cat([weight.detach().cpu().flatten() for weight in method.parameters()]))
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)  # convolutions in TF32
    assert torch.nn.functional.cosine_similarity(*weights, dim=0) > 0.99


@pytest.mark.parametrize("at", [2, 3])
def test_loss_that_is_no_number_on_a_gpu_leaves_the_step_before_it(clips, tmp_path, monkeypatch, at):
    plain = MCN.loss

    def loss(self, batch, step):
        outcome = plain(self, batch, step)
        return replace(outcome, total=outcome.total * float("nan")) if step.number == at else outcome

    monkeypatch.setattr(MCN, "loss", loss)
    with pytest.raises(NonFiniteLoss, match=f"at step {at} "):
        run(clips, tmp_path, recipe(device="cuda"))
    left = {path.stem: checkpoint.load(path) for path in (tmp_path / "checkpoints").glob("*.pt")}
    assert left["nonfinite"].step == at
    assert left["last"].step == 2
    assert all(value.isfinite().all() for kept in left.values() for value in kept.method.values())
    same = [torch.equal(value, left["last"].method[name]) for name, value in left["nonfinite"].method.items()]
    assert all(same) == (at == 2)
