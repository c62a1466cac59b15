"""Where a step stands in its run: its number, epoch, rate and progress."""

from __future__ import annotations

from kinema.batch import Step
from kinema.engine.optim import learning_rate
from kinema.settings import Recipe


def step_at(recipe: Recipe, done: int, steps_per_epoch: int, waiting: int, *, retreats: int = 0, task: int = 0) -> Step:
    """The step that comes after `done` steps.

    Schedules go by the steps that moved weights: the first `waiting` ones only fill a memory. Each of `retreats` halves
    the rate. `task` as in `Step`.
    """
    steps = steps_per_epoch * recipe.train.epochs - waiting
    moved = max(done - waiting, 0)
    return Step(
        number=done,
        epoch=done // steps_per_epoch,
        lr=learning_rate(recipe.optim, moved, steps) / 2**retreats,
        seed=recipe.train.seed,
        progress=moved / steps,
        task=task,
    )
