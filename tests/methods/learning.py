"""Training in memory on synthetic moving shapes, for tests that a method learns the task it sets."""

from dataclasses import replace

import torch

from kinema import methods
from kinema.batch import DICE, Step, generator
from kinema.data.loader import collate
from kinema.data.shapes import draw_look, draw_nuisance, render
from kinema.engine.optim import learning_rate, optimizer
from kinema.engine.train import gradient, update
from kinema.recipes.demo import DEMO
from kinema.sampler import epoch_batches
from kinema.settings import Augment, Clip

LEARNING = replace(
    DEMO, clip=Clip(frames=8, stride=3, size=32, short_side=36), backbone=replace(DEMO.backbone, width=1 / 8)
)
"""The demo's recipe on a smaller network."""

PLAIN = replace(
    LEARNING,
    augment=Augment(crop_area=(1, 1), crop_aspect=(1, 1), jitter=0, blur=0),
    optim=replace(LEARNING.optim, lr=3e-3),
)
"""Clips as they are, but for a mirror: tasks are learnt in far fewer steps, and a crop changes a shape's size."""


def moving_shapes(motions, looks, *, frames=32, seed=0):
    """Videos uint8 [T, 36, 36, 3]: each motion with each of the numbered looks."""
    videos = []
    for motion in motions:
        for look in looks:
            nuisance = draw_nuisance(generator("learning", seed, motion, look))
            appearance = draw_look(generator("learning", "look", look))
            videos.append(render(motion, appearance, nuisance, frames=frames, size=36))
    return videos


def growing_shapes(looks, *, frames=32):
    """As `moving_shapes`: shapes that grow from the smallest to nearly the largest size, so that size tells time."""
    videos = []
    for look in looks:
        drawn = draw_nuisance(generator("learning", "growing", look))
        nuisance = replace(drawn, rate=1 / (frames + 8), phase=0.0, size=0.0)
        videos.append(render("grow", draw_look(generator("learning", "look", look)), nuisance, frames=frames, size=36))
    return videos


def batch_of(method, videos, numbers, epoch):
    """What the loader would make of these videos."""
    samples = []
    for number in numbers:
        rng = generator("learning", "sample", epoch, number)
        drawn = method.draw(len(videos[number]), rng)
        samples.append(
            (videos[number][drawn.indices], torch.rand(len(drawn.indices), DICE, generator=rng), number, drawn.target)
        )
    return collate(samples)


def trained(recipe, videos, epochs):
    """The recipe's method after so many passes over the videos."""
    method, size = methods.build(recipe, len(videos)).train(), recipe.train.batch_size
    optim = optimizer(method.parameters(), recipe.optim)
    steps = epochs * (len(videos) // size)
    for number in range(steps):
        epoch, row = divmod(number, len(videos) // size)
        lr = learning_rate(recipe.optim, number, steps)
        step = Step(number=number, epoch=epoch, lr=lr, seed=0, progress=number / steps)
        chosen = epoch_batches(len(videos), size, seed=0, epoch=epoch)[row].tolist()
        outcome = method.loss(batch_of(method, videos, chosen, epoch), step)
        gradient(method, optim, outcome, recipe.optim.clip_grad)
        update(method, optim, outcome, lr)
    return method


@torch.no_grad()
def term_on(method, videos, name, rounds=4):
    """The mean of a term of the loss over other videos, each drawn anew in every round, without training."""
    method.eval()
    found = []
    for epoch in range(1000, 1000 + rounds):
        for numbers in torch.arange(len(videos)).split(method.recipe.train.batch_size):
            step = Step(number=epoch, epoch=epoch, lr=0.0, seed=0)
            found.append(method.loss(batch_of(method, videos, numbers.tolist(), epoch), step).terms[name])
    return float(torch.stack(found).mean())
