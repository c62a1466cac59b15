"""Every method, tiny, with a batch for it. A new method is a line in `CASES`; `test_methods.py` does the rest."""

import typing
from dataclasses import fields, is_dataclass, replace

import torch

from kinema import methods
from kinema.batch import DICE, Batch, Step, generator
from kinema.settings import (
    BYOL,
    CMC,
    DPC,
    IIC,
    MCN,
    OPN,
    PCL,
    PRP,
    TCLR,
    VCOP,
    VCP,
    Augment,
    Backbone,
    Clip,
    Cloze,
    CoCLR,
    Contrast,
    DualVar,
    Jigsaw,
    Mars,
    MemDPC,
    MoCo,
    Optim,
    Order,
    Pace,
    Recipe,
    RotNet,
    RSPNet,
    SimCLR,
    SpeedNet,
    STPuzzle,
    SwAV,
    Train,
    Views,
)

VIDEOS, BATCH = 24, 4
LENGTH = 12
"""Frames of every video."""

TINY = Recipe(
    clip=Clip(frames=4, size=16),
    augment=Augment(),
    backbone=Backbone("r3d_vcop", width=1 / 16),
    optim=Optim(lr=0.05),
    train=Train(epochs=2, batch_size=BATCH, workers=0, device="cpu"),
)
SMALL = {"contrast": Contrast(negatives=8), "views": Views(dim=16)}
BLOCKS = {"blocks": 4, "predicted": 2, "block_frames": 2, "block_stride": 1}

ORDER = Order(frames=3, gap=1, pair_dim=16)
CLOZE = Cloze(frames=4, gap=0, distance=0, hidden=16)

CASES = {
    "mcn": replace(TINY, method=MCN(**SMALL)),
    "cmc": replace(TINY, method=CMC(**SMALL)),
    "simclr": replace(TINY, method=SimCLR(dim=16)),
    "iic": replace(TINY, method=IIC(contrast=Contrast(negatives=8))),
    "dualvar": replace(TINY, method=DualVar(dim=16, segment_dim=8, queue=8)),
    "dpc": replace(TINY, method=DPC(**BLOCKS)),
    "memdpc": replace(TINY, method=MemDPC(**BLOCKS, slots=16)),
    "moco": replace(TINY, method=MoCo(dim=16, queue=8)),
    # Batch norm after its last layer makes the gradient of four clips of noise, which look alike, very long.
    "tclr": replace(TINY, method=TCLR(frames=4, parts=2, dim=16), optim=Optim(lr=0.05, clip_grad=0.5)),
    "byol": replace(TINY, method=BYOL(hidden=32, dim=16)),
    "swav": replace(TINY, method=SwAV(prototypes=6, hidden=32, dim=16)),
    "rotnet": replace(TINY, method=RotNet()),
    "stpuzzle": replace(TINY, method=STPuzzle(canvas=32, piece=14, hidden=16, frames=2, segment=3)),
    "jigsaw": replace(TINY, method=Jigsaw(canvas=32, piece=14, hidden=16, grid=2, orders=8)),
    "prp": replace(TINY, method=PRP(rates=(1, 2, 4))),
    "vcop": replace(TINY, method=VCOP(order=ORDER)),
    "opn": replace(TINY, method=OPN(order=replace(ORDER, clips=4, stride=0, symmetric=True))),
    "pace": replace(TINY, method=Pace(frames=4, dim=16)),
    "speednet": replace(TINY, method=SpeedNet(frames=4)),
    "vcp": replace(TINY, method=VCP(cloze=CLOZE)),
    "pcl": replace(TINY, method=PCL(cloze=CLOZE, order=ORDER, contrast=Contrast(negatives=8), dim=16)),
    "coclr": replace(TINY, method=CoCLR(dim=16, queue=8, oracle="a run on flow")),
    "rspnet": replace(TINY, method=RSPNet(dim=16, queue=8)),
    "mars": replace(TINY, method=Mars()),
}


def build(recipe, videos=VIDEOS):
    """The recipe's method, ready to train."""
    return methods.build(recipe, videos).train()


def batch(method, seed=0, videos=VIDEOS):
    """Clips of noise in the shape that the method draws them, with flow if it reads it; frames of two sizes."""
    count = method.recipe.train.batch_size * (1 if method.split is None else 2)
    rng = generator("batch", seed)
    drawn = [method.draw(LENGTH, rng) for _ in range(count)]
    shape = drawn[0].indices.shape
    channels = 3 + len(method.recipe.method.flow_components)
    clips = torch.randint(0, 256, (count, *shape, 20, 24, channels), generator=rng, dtype=torch.uint8)
    extent = torch.tensor([[20, 24], [18, 20]]).repeat(count // 2, 1)
    clips[1::2, :, :, 18:], clips[1::2, :, :, :, 20:] = 0, 0
    dice = torch.rand(count, shape[0], DICE, generator=rng)
    target = torch.tensor([each.target for each in drawn])
    return Batch(clips, extent, dice, torch.randperm(videos, generator=rng)[:count], target)


def step(number=0, **changes):
    """An early step, at a rate high enough for its trace to show."""
    return Step(**{"number": number, "epoch": 0, "lr": 0.05, "seed": 0} | changes)


def options(settings, path=()):
    """(path, value) for every value of every choice and switch in a method's settings, nested ones included."""
    hints = typing.get_type_hints(type(settings))
    for each in fields(settings):
        value = getattr(settings, each.name)
        if is_dataclass(value):
            yield from options(value, (*path, each.name))
        elif typing.get_origin(hints[each.name]) is typing.Literal and each.name != "name":
            yield from (((*path, each.name), choice) for choice in typing.get_args(hints[each.name]))
        elif hints[each.name] is bool:
            yield from (((*path, each.name), choice) for choice in (False, True))


def with_option(settings, path, value):
    if len(path) == 1:
        return replace(settings, **{path[0]: value})
    return replace(settings, **{path[0]: with_option(getattr(settings, path[0]), path[1:], value)})
