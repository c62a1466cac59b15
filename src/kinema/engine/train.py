"""The training loop. It knows batches, a scalar loss and a schedule; what a method does inside its loss is its own.

One step: loss (pure) -> backward -> clip -> optimiser -> commit of the method's writes. While a method waits for its
memory to fill, a step is loss -> commit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from kinema import distributed
from kinema.batch import Outcome
from kinema.data.flow_folder import FlowFolder
from kinema.data.loader import EpochSampler, TrainClips, train_loader
from kinema.data.video import Video
from kinema.engine import checkpoint
from kinema.engine.finite import Guard, Standing, Taken
from kinema.engine.log import Log
from kinema.engine.means import Means
from kinema.engine.optim import optimizer
from kinema.engine.schedule import step_at
from kinema.engine.stopping import stop_on_signal, until_stopped
from kinema.machine import pick_device, pick_workers, threads_beside
from kinema.methods.base import Method
from kinema.methods.ranks import make_ready, own_part, put_together
from kinema.precision import mixed
from kinema.settings import Recipe


@dataclass(frozen=True)
class Progress:
    """What a progress display is told after each step."""

    step: int
    steps: int
    epoch: int
    epochs: int
    figures: Callable[[], Mapping[str, float]]
    """Means over the epoch so far; fetching them waits for the device."""


@dataclass(frozen=True)
class Trained:
    """How training ended."""

    step: int
    figures: Mapping[str, float]
    """Means over the last epoch."""
    stopped_by: int | None = None
    """The signal that ended it early, after a checkpoint; `--resume` goes on from here."""


def train(
    method: Method,
    videos: Sequence[Video],
    recipe: Recipe,
    folder: Path,
    *,
    data: dict[str, Any],
    recipe_dict: dict[str, Any],
    appearance: torch.Tensor | None = None,
    flow: FlowFolder | None = None,
    start: checkpoint.Checkpoint | None = None,
    probe: Callable[[], dict[str, float]] | None = None,
    report: Callable[[Progress], None] | None = None,
) -> Trained:
    """Train `method` on `videos` by `recipe`, writing checkpoints and logs into `folder`.

    Args:
        data: what the videos are, for the checkpoint.
        recipe_dict: the recipe as saved.
        appearance: uint8 [V, A], for batches of look-alikes.
        flow: the videos' optical flow, where it is the second view.
        start: where to go on from.
        probe: figures to log every `recipe.train.probe_every` epochs, such as an online kNN accuracy.
        report: called after each step.

    Raises:
        NonFiniteLoss: naming the step and the videos of its batch.
    """
    device = pick_device(recipe.train.device)
    autocast = mixed(recipe.train.precision, device)
    method.to(device)
    apart, writing = make_ready(method), distributed.rank() == 0
    optim = optimizer(method.parameters(), recipe.optim)
    if start is not None:
        checkpoint.load_state(method, start.method, "the checkpoint")
        checkpoint.load_optimizer(optim, start.optimizer, "the checkpoint")
    done, retreats = (start.step, start.retreats) if start else (0, 0)
    batches = EpochSampler(
        len(videos),
        recipe.train.batch_size,
        epochs=recipe.train.epochs,
        seed=recipe.train.seed,
        split=method.split,
        appearance=appearance,
        start_step=done,
        rank=distributed.rank(),
        ranks=distributed.size(),
    )
    loader = train_loader(
        TrainClips(
            videos,
            recipe.method.training_clip(recipe.clip),
            method.draw,
            seed=recipe.train.seed,
            flow=flow,
            components=recipe.method.flow_components,
        ),
        batches,
        workers=pick_workers(recipe.train.workers),
        pin_memory=device.type == "cuda",
    )
    steps, waiting = batches.steps_per_epoch * recipe.train.epochs, method.waiting_steps()
    epoch_ends = True
    figures: dict[str, float] = {}
    means = Means(start.means if start else {})

    def standing() -> Standing:
        return Standing(done, method.state_dict(), optim.state_dict(), means)

    def save(name: str, now: Standing) -> None:
        if writing:
            state = checkpoint.Checkpoint(
                recipe_dict, data, now.step, now.method, now.optimizer, now.means.state(), retreats
            )
            checkpoint.save(state, folder / "checkpoints" / f"{name}.pt")

    guard = Guard(device, folder, videos, standing=standing, save=save)
    if start is None:
        save("last", standing())  # so that --resume works after whatever may go wrong in the first epoch
    method.train()
    logging = Log(folder, start_step=done) if writing else nullcontext()
    with logging as log, stop_on_signal() as stopped, threads_beside(loader.num_workers):
        last = time.perf_counter()
        for batch in until_stopped(loader, stopped):
            data_time = time.perf_counter() - last
            task = distributed.rank() if apart else 0
            step = step_at(recipe, done, batches.steps_per_epoch, waiting, retreats=retreats, task=task)
            part = batch if apart else own_part(batch)
            with torch.autocast(device.type, torch.bfloat16, enabled=autocast):
                own = method.loss(part.to(device), step)
            outcome = put_together(own) if apart else own
            values = {"loss": outcome.total.detach()}
            if done >= waiting:
                values["gradient's norm"] = gradient(method, optim, own, recipe.optim.clip_grad)
            guard.look(Taken(step, values, outcome.terms, batch.video.tolist()))
            if done < waiting:
                method.commit(outcome.writes)
            else:
                update(method, optim, outcome, step.lr)
                means.add({"grad_norm": values["gradient's norm"]})
            done += 1
            now = time.perf_counter()
            means.add(outcome.terms | {"loss": values["loss"]})
            means.add({"data_time": data_time, "step_time": now - last})
            last = now
            if report is not None:
                report(Progress(done, steps, step.epoch, recipe.train.epochs, means.values))

            epoch_ends = done % batches.steps_per_epoch == 0
            if epoch_ends:
                guard.settle()
                figures = means.values() | {"lr": step.lr}
                epochs_done = step.epoch + 1
                if probe is not None and is_due(epochs_done, recipe.train.probe_every, recipe.train.epochs):
                    figures |= probe()
                    method.train()
                if log is not None:
                    log.write(done, epochs_done, {k if "/" in k else f"train/{k}": v for k, v in figures.items()})
                means = Means()
                if recipe.train.keep_every and epochs_done % recipe.train.keep_every == 0:
                    save(f"epoch_{epochs_done:04d}", standing())
                save("last", standing())  # after the one that is kept, which a run killed between the two writes again
                last = time.perf_counter()
        if done < steps and not epoch_ends:
            guard.settle()
            save("last", standing())
        stop = distributed.largest(stopped() or 0)  # by which all wait for the checkpoint
    return Trained(done, figures, stopped_by=stop if done < steps else None)


def gradient(method: Method, optim: torch.optim.Optimizer, outcome: Outcome, clip_grad: float | None) -> torch.Tensor:
    """Put the loss's gradient, of all ranks and clipped, where the optimiser finds it; returns its norm before that."""
    optim.zero_grad(set_to_none=True)
    outcome.total.backward()  # type: ignore[no-untyped-call]
    moved = [parameter for parameter in method.parameters() if parameter.grad is not None]
    grads = distributed.averaged([parameter.grad for parameter in moved if parameter.grad is not None])
    for parameter, grad in zip(moved, grads, strict=True):
        parameter.grad = grad
    if clip_grad is None:
        return torch.nn.utils.get_total_norm(grads)
    return torch.nn.utils.clip_grad_norm_(moved, clip_grad)


def update(method: Method, optim: torch.optim.Optimizer, outcome: Outcome, lr: float) -> None:
    """One optimiser step at `lr`, then the writes."""
    for group in optim.param_groups:
        group["lr"] = lr
    optim.step()
    method.commit(outcome.writes)


def is_due(epochs_done: int, every: int, epochs: int) -> bool:
    """Whether something that happens every so many epochs, and at the end, happens now."""
    return every > 0 and (epochs_done % every == 0 or epochs_done == epochs)
