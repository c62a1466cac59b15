"""Blocks of frames that follow one another, their feature maps, and the prediction of the last from the first.

What DPC and MemDPC share. Letters: B videos, N blocks, P of them predicted, T frames of a block, S pixels a side, F
channels of a backbone's map, h x w its cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from kinema import views
from kinema.augment import augment
from kinema.backbones.backbone import Backbone
from kinema.batch import DICE, Batch
from kinema.recurrent import ConvGRU
from kinema.settings import DPC, Recipe

Chance = Callable[[torch.Size], Tensor]
"""Draws numbers in [0, 1) for the videos of a batch, asked for the shape of one's: `Batch.uniform` of a generator."""


def block_maps(backbone: Backbone, batch: Batch, recipe: Recipe, config: DPC, rng: torch.Generator) -> Tensor:
    """float [B, N, F, h, w]: each block's map, averaged over time; before the last ReLU if the network leaves it out.

    All frames of a video have one crop and flip, and each has colours of its own, so that no block is known by them.
    """
    frames = batch.clips.flatten(1, 2)  # [B, N * T, H, W, 3]
    colours = batch.uniform(rng, frames.shape[1], DICE)
    frames = augment(frames, batch.extent, batch.dice[:, 0], recipe.augment, recipe.clip.size, colours=colours)
    frames = views.normalise(frames, config.pixels.normalise)
    blocks = torch.stack(torch.split(frames, config.block_frames, dim=2), dim=1)  # [B, N, 3, T, S, S]
    maps = backbone.maps(blocks.flatten(0, 1)).mean(dim=2)  # [B * N, F, h, w]
    return maps.view(len(batch), config.blocks, *maps.shape[1:])


def predictions(
    aggregate: ConvGRU, predict: Callable[[Tensor], Tensor], maps: Tensor, config: DPC, chance: Chance
) -> Tensor:
    """float [B, P, F, h, w]: the last P of N maps [B, N, F, h, w] as the others let one expect them.

    The recurrent cell sees maps behind a ReLU. The state of the others predicts the next map; the prediction, behind
    a ReLU too, is what the state goes on with.
    """

    def advance(state: Tensor, x: Tensor) -> Tensor:
        return dropout(aggregate(x, state), config.dropout, chance)

    state = torch.zeros_like(maps[:, 0])
    for x in maps[:, : config.blocks - config.predicted].unbind(1):
        state = advance(state, x.relu())
    found = [predict(state)]
    while len(found) < config.predicted:
        state = advance(state, found[-1].relu())
        found.append(predict(state))
    return torch.stack(found, dim=1)


def dropout(x: Tensor, share: float, chance: Chance) -> Tensor:
    """x with a share of its numbers set to zero and the others scaled up; what is dropped depends on `chance` alone."""
    return x * (chance(x.shape[1:]) >= share) / (1 - share)


def dense_contrast(predicted: Tensor, maps: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of P predictions against the last P maps, [B, ., F, h, w] each, and how often the right cell wins.

    Each cell of a prediction has to pick its own among all cells of all videos' maps to come, by the plain dot product:
    others of the same map, the same place at other times, and other videos. Knowing nothing gives ln(B P h w).
    """
    count = predicted.shape[1]
    anchors, cells = (each.movedim(2, -1).flatten(0, -2).float() for each in (predicted, maps[:, -count:]))
    with torch.autocast(anchors.device.type, enabled=False):
        scores = anchors @ cells.T  # [B P h w, B P h w]
    own = torch.arange(len(scores), device=scores.device)
    return F.cross_entropy(scores, own), (scores.detach().argmax(dim=1) == own).float().mean()


def dense_chance(backbone: Backbone, recipe: Recipe, config: DPC) -> float:
    """ln(B P h w), for maps of the size that the backbone makes of a frame."""
    cells = math.prod(math.ceil(recipe.clip.size / stride) for stride in backbone.stride[1:])
    return math.log(recipe.train.batch_size * config.predicted * cells)
