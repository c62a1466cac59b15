"""A training step beside its arithmetic: the passes of the bare backbone that it cannot do without.

MCN passes both views of two half batches through the network and back (order 0: of one batch). Second order
adds a Hessian-vector product. IIC's step is held against the same step written plainly (`kinema.bench.plain_iic`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from kinema import backbones, methods, recipes
from kinema.batch import DICE, Batch, Step, generator
from kinema.bench.measure import Clock, Contestant, Progress, Row, by_clock, race
from kinema.bench.plain_iic import PlainIIC
from kinema.bench.size import Size
from kinema.engine.optim import optimizer
from kinema.engine.train import gradient, update
from kinema.machine import pick_device
from kinema.methods.base import Method
from kinema.precision import mixed
from kinema.settings import MCN, Backbone, Recipe

VIDEOS = 9537
"""UCF101's first training list: rows of the banks."""
Order = Literal[0, 1, 2]
ORDERS: dict[Order, float] = {0: 1.10, 1: 1.10, 2: 1.25}
"""A step's time over that of its passes, to stay under."""


def step(
    size: Size, *, compiled: bool = False, rounds: int = 5, repeats: int = 1, progress: Progress | None = None
) -> list[Row]:
    """Steps a second: of CPU time on one thread, or on a GPU until it has finished.

    With `compiled`, MCN's steps of orders 0 and 1 by a compiled network too.
    """
    device = pick_device(size.device)
    in_bf16 = mixed(size.precision, device, "--precision")
    clock: Clock = "cpu" if device.type == "cpu" else "wall"
    torch.set_num_threads(1)
    torch.manual_seed(0)
    entrants = []
    for order, limit in ORDERS.items():
        bare = f"passes of order {order}"
        entrants.append(Contestant(bare, by_clock(clock, repeated(passes(size, order, device), repeats))))
        run = whole_step(mcn(size, order), device)
        entrants.append(Contestant(f"MCN, order {order}", by_clock(clock, repeated(run, repeats)), {bare: 1 / limit}))
        if compiled and order < 2:
            recipe = mcn(size, order)
            run = whole_step(replace(recipe, train=replace(recipe.train, compile=True)), device)
            rate = by_clock(clock, repeated(run, repeats))
            entrants.append(Contestant(f"MCN, order {order}, compiled", rate, {f"MCN, order {order}": 1.0}))
    plain = PlainIIC(backbones.build(size.backbone, size.width), VIDEOS).to(device)
    clips = torch.rand(size.batch, 3, size.frames, size.size, size.size, device=device)
    index = torch.arange(size.batch, device=device)
    bare = "IIC, plain, in float32" if in_bf16 else "IIC, plain"
    entrants.append(Contestant(bare, by_clock(clock, repeated(lambda: plain.step(clips, index), repeats))))
    run, target = whole_step(iic(size), device), 1.5 if device.type == "cpu" else 2.0
    entrants.append(Contestant("IIC", by_clock(clock, repeated(run, repeats)), {bare: target}))
    return race(entrants, rounds=rounds, progress=progress)


def repeated(run: Callable[[], None], times: int) -> Callable[[], float]:
    """So many steps; returns how many."""

    def several() -> float:
        for _ in range(times):
            run()
        return times

    return several


def mcn(size: Size, order: Order) -> Recipe:
    """The paper's recipe at this size; order 2 by Hessian-vector products."""
    paper = recipes.get("mcn")
    assert isinstance(paper.method, MCN)
    meta = replace(paper.method.meta, order=order, form="hvp" if order == 2 else paper.method.meta.form)
    return sized(replace(paper, method=replace(paper.method, meta=meta)), size)


def iic(size: Size) -> Recipe:
    """IIC's own recipe at this size."""
    return sized(recipes.get("iic"), size)


def sized(recipe: Recipe, size: Size) -> Recipe:
    """The recipe with this network and these clips."""
    return replace(
        recipe,
        clip=replace(recipe.clip, frames=size.frames, size=size.size, short_side=None),
        backbone=Backbone(size.backbone, size.width),
        train=replace(recipe.train, batch_size=size.batch, device=size.device, precision=size.precision),
    )


def whole_step(recipe: Recipe, device: torch.device) -> Callable[[], None]:
    """Augmentation, loss, gradient, optimiser and what goes into the banks, of clips that are on the device."""
    method = methods.build(recipe, VIDEOS).to(device).train()
    optim = optimizer(method.parameters(), recipe.optim)
    given, at = noise(method).to(device), Step(number=0, epoch=0, lr=1e-4, seed=0)
    autocast = mixed(recipe.train.precision, device)

    def run() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=autocast):
            outcome = method.loss(given, at)
        gradient(method, optim, outcome, recipe.optim.clip_grad)
        update(method, optim, outcome, at.lr)

    return run


def noise(method: Method) -> Batch:
    """As many clips of noise as a step reads."""
    recipe, rng = method.recipe, generator("bench", "step")
    count, side = recipe.train.batch_size * (1 if method.split is None else 2), recipe.clip.loaded_side
    drawn = method.draw(10 * recipe.clip.span, rng)
    clips = torch.randint(0, 256, (count, *drawn.indices.shape, side, side, 3), generator=rng, dtype=torch.uint8)
    dice = torch.rand(count, len(drawn.indices), DICE, generator=rng)
    return Batch(clips, torch.full((count, 2), side), dice, torch.arange(count), torch.full((count,), drawn.target))


def passes(size: Size, order: int, device: torch.device) -> Callable[[], None]:
    """The bare backbone's passes in a step of MCN."""
    network = backbones.build(size.backbone, size.width).to(device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    views = [clip_noise(size, device) for _ in range(2)]
    directions = [torch.randn_like(weight) for weight in network.parameters()]

    autocast = mixed(size.precision, device)

    def run() -> None:
        kind = "cpu" if device.type == "meta" else device.type  # on the latter nothing is computed, only counted
        with torch.autocast(kind, torch.bfloat16, enabled=autocast):
            for _ in range(1 if order == 0 else 2):
                network.zero_grad()
                energy(network, views).backward()  # type: ignore[no-untyped-call]
            if order == 2:
                weights = list(network.parameters())
                slopes = torch.autograd.grad(energy(network, views), weights, create_graph=True)
                torch.autograd.grad(slopes, weights, directions)

    return run


def energy(network: nn.Module, views: Sequence[Tensor]) -> Tensor:
    """A loss that costs nothing beside the network."""
    return torch.stack([network(view).float().square().mean() for view in views]).sum()


def clip_noise(size: Size, device: torch.device) -> Tensor:
    """float [B, 3, T, S, S], channels last in memory."""
    return torch.randn(size.batch, size.frames, size.size, size.size, 3, device=device).permute(0, 4, 1, 2, 3)
