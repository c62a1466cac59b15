"""`kinema replay` as a function: take the step again at which a run met a loss or gradient that is not a number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kinema.batch import Batch, Outcome, Step
from kinema.data import flow_folder, sources
from kinema.data.loader import EpochSampler, TrainClips, collate
from kinema.engine import checkpoint
from kinema.engine.finite import NONFINITE
from kinema.engine.schedule import step_at
from kinema.errors import UsageError
from kinema.looks import kept_looks
from kinema.machine import pick_device
from kinema.methods.base import Method
from kinema.methods.ranks import tasks_of_ranks
from kinema.own_data import reopen
from kinema.precision import mixed
from kinema.run import Run
from kinema.settings import Recipe, from_dict
from kinema.starting import begun


@dataclass(frozen=True)
class Replay:
    """What came out."""

    step: Step
    videos: tuple[str, ...]
    """The paths of the batch's videos."""
    loss: float
    terms: dict[str, float]
    begins: str | None
    """The first module of the forward pass whose output is not finite, and what it was given; `None` if all are."""
    weights: tuple[str, ...]
    """Parameters and buffers that were not finite before the step."""
    gradients: tuple[str, ...]
    """Parameters whose gradient is not finite."""
    unmixed: float | None
    """The loss in float32, where the run was in bf16."""
    in_place_of_bf16: bool = False
    """Whether the step is taken in float32 here, and the run was in bf16."""
    tasks: int = 1
    """Of the run's step, one a process, which are taken as one here."""

    @property
    def finite(self) -> bool:
        """Whether everything is, this time."""
        return torch.tensor(self.loss).isfinite().item() is True and not self.gradients and self.begins is None


def replay(run: str | Path, *, device: str = "auto") -> Replay:
    """Take the step again: the same weights, banks, videos, clips and chance, on one process.

    Raises:
        UsageError: the run met no such step, or its videos are not where they were.
    """
    opened = Run(Path(run))
    opened.read("recipe.json")
    path = opened.folder / "checkpoints" / f"{NONFINITE}.pt"
    if not path.exists():
        raise UsageError(f"{opened.folder} has no {path.name}: it met no loss that is not a number; nothing to replay")
    saved = checkpoint.load(path)
    recipe = from_dict(Recipe, saved.recipe)
    listed = reopen(opened, instead="put them back").train
    method = begun(recipe, listed.videos, None).train()
    checkpoint.load_state(method, saved.method, str(path))
    on = pick_device(device)
    method.to(on)
    batch, step = found_again(opened, recipe, listed, method, saved)
    batch = batch.to(on)

    broken = tuple(name for name, value in method.state_dict().items() if not finite(value))
    autocast, about = takes_bf16(recipe, on), opened.read("environment.json")
    with watched(method) as first:
        outcome = loss(method, batch, step, autocast)
    unmixed = float(loss(method, batch, step, False).total.detach()) if autocast else None
    outcome.total.backward()  # type: ignore[no-untyped-call]
    return Replay(
        step=step,
        videos=tuple(listed.videos[number].path for number in batch.video.tolist()),
        loss=float(outcome.total.detach()),
        terms={name: float(value) for name, value in outcome.terms.items()},
        begins=first[0] if first else None,
        weights=broken,
        gradients=tuple(name for name, p in method.named_parameters() if p.grad is not None and not finite(p.grad)),
        unmixed=unmixed,
        in_place_of_bf16=not autocast and about.get("precision") == "bf16-mixed",
        tasks=about.get("processes", 1) if tasks_of_ranks(recipe) else 1,
    )


def takes_bf16(recipe: Recipe, on: torch.device) -> bool:
    """Whether to take the step in bf16: as the run would be, but in float32 where there is none."""
    try:
        return mixed(recipe.train.precision, on)
    except UsageError:  # which tells somebody who trains to leave out a flag
        return False


def found_again(
    run: Run, recipe: Recipe, listed: sources.VideoList, method: Method, saved: checkpoint.Checkpoint
) -> tuple[Batch, Step]:
    """The batch and the step that come after a checkpoint, as training would have them."""
    look = kept_looks(run, recipe, listed, None) if recipe.train.batches == "look_alikes" else None
    flow = saved.data.get("flow")
    batches = EpochSampler(
        len(listed.videos),
        recipe.train.batch_size,
        epochs=recipe.train.epochs,
        seed=recipe.train.seed,
        split=method.split,
        appearance=look,
        start_step=saved.step,
    )
    clips = TrainClips(
        listed.videos,
        recipe.method.training_clip(recipe.clip),
        method.draw,
        seed=recipe.train.seed,
        flow=flow_folder.open_folder(flow["path"]) if flow else None,
        components=recipe.method.flow_components,
    )
    batch = collate([clips[place] for place in next(iter(batches))])
    return batch, step_at(recipe, saved.step, batches.steps_per_epoch, method.waiting_steps(), retreats=saved.retreats)


def loss(method: Method, batch: Batch, step: Step, autocast: bool) -> Outcome:
    """The method's loss, in bf16 or not."""
    with torch.autocast(batch.clips.device.type, torch.bfloat16, enabled=autocast):
        return method.loss(batch, step)


@contextmanager
def watched(method: nn.Module) -> Iterator[list[str]]:
    """Within it, the first module without parts that gives what is not finite is noted, with what it was given."""
    first: list[str] = []

    def watch(name: str) -> Any:
        def look(module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
            if not first and isinstance(output, Tensor) and not finite(output):
                tensors = [each for each in given if isinstance(each, Tensor) and each.is_floating_point()]
                if all(map(finite, tensors)):
                    most = max((float(each.detach().abs().max()) for each in tensors), default=0.0)
                    first.append(f"{name} makes it of finite numbers, the largest {most:.3g}")
                else:
                    first.append(f"{name} is given it already")

        return look

    hooks = [
        module.register_forward_hook(watch(name)) for name, module in method.named_modules() if not [*module.children()]
    ]
    try:
        yield first
    finally:
        for hook in hooks:
            hook.remove()


def finite(value: Tensor) -> bool:
    """Whether all its numbers are."""
    return bool(value.isfinite().all())
