"""PRP: playback rate perception (Yao, Liu, Luo, Zhou, Ye, CVPR 2020, arXiv 2006.11476).

A clip is played at one of four rates. From the backbone's last map one branch tells the rate; the other makes the clip
with twice as many frames, of which every other one was not shown. Errors count more where more moves ("motion
attention": the released code's pooled differences, not its form with one Gaussian).

UCF101 / HMDB51 top-1 after pre-training on UCF101 and fine-tuning, R(2+1)D: 72.1 / 35.0 (MCN, Table 7). Videos shorter
than a clip at its rate repeat their first frame, where the released code takes another video in their place.

Letters: B clips, F frames of a clip, S pixels a side, R the fastest rate; C channels and t x h x w cells of a map.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema import settings
from kinema.augment import augment
from kinema.backbones.backbone import Backbone
from kinema.backbones.convolution import Conv3d
from kinema.batch import Batch, Outcome, Step, beside
from kinema.losses import classification
from kinema.methods.base import Method
from kinema.sampler.playback import STILLS, PlaybackRates, stretch_of


class PRP(Method):
    """Frames made, weighed by motion, plus a tenth of the rate's cross-entropy."""

    backbone: Backbone

    def __init__(self, recipe: settings.Recipe, backbone: Backbone, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone)
        assert isinstance(recipe.method, settings.PRP)
        self.config = recipe.method
        self.draw = PlaybackRates(recipe.clip.frames, self.config.rates)
        self.perceive = convolution(feature_dim, feature_dim)
        self.classify = nn.Linear(feature_dim, len(self.config.rates))
        self.make = nn.Sequential(convolution(feature_dim, feature_dim), *upsampling(feature_dim, backbone.stride))

    def forward(self, batch: Batch, step: Step) -> Outcome:
        """Both branches' losses."""
        recipe, frames = self.recipe, self.recipe.clip.frames
        shown = augment(batch.clips[:, 0], batch.extent, batch.dice[:, 0], recipe.augment, recipe.clip.size)
        whole, stills = shown[:, :, : 2 * frames], shown[:, :, 2 * frames :]  # [B, 3, 2 F, S, S], [B, 3, 4 R, S, S]
        maps = self.backbone.maps(whole[:, :, ::2])  # [B, C, t, h, w]

        logits = batch.gathered(self.classify(self.perceive(maps).mean(dim=(2, 3, 4))))
        rate, correct = classification(logits, batch.gathered(batch.target))

        rates = beside(torch.tensor(self.config.rates), maps)[batch.target]
        stretch = stretch_of(frames, rates)[:, None, :, None, None].expand_as(whole)
        weight = motion_attention(stills, *self.config.attention).gather(2, stretch)  # [B, 3, 2 F, S, S]
        errors = weighed_errors(self.make(maps).float(), whole, weight)  # [B, 2 F]
        reconstruction = mean_error(batch.gathered(errors), batch.gathered(rates))

        total = reconstruction + self.config.rate_weight * rate
        terms = {"reconstruction": reconstruction, "rate": rate, "rate_acc": correct}
        return Outcome(total, {name: value.detach() for name, value in terms.items()})

    def chance(self) -> dict[str, float]:
        """ln of the number of rates."""
        return {"rate": math.log(len(self.config.rates))}


def weighed_errors(made: Tensor, whole: Tensor, weight: Tensor) -> Tensor:
    """The weighed squared error of each frame made, [B, 2 F], where they and the true ones [B, 3, 2 F, S, S] both are.

    What is made is larger where the backbone rounds the size of its map up, and smaller where it rounds down.
    """
    t, h, w = (min(edges) for edges in zip(made.shape[2:], whole.shape[2:], strict=True))
    made, whole, weight = (each[:, :, :t, :h, :w] for each in (made, whole, weight))
    return (weight * (made - whole).square()).mean(dim=(1, 3, 4))


def mean_error(errors: Tensor, rates: Tensor) -> Tensor:
    """The mean of frames' errors [B, 2 F]; at rate 1 there is no frame between two, and none is judged."""
    between = torch.arange(errors.shape[1], device=errors.device) % 2 == 1
    real = ~(between & (rates == 1)[:, None])
    return (errors * real).sum() / real.sum()


def motion_attention(stills: Tensor, low: float, high: float) -> Tensor:
    """Weights [B, 3, R, S, S] of each stretch and channel, from `low` where least moves to `high` where most does.

    Of four frames a stretch, [B, 3, 4 R, S, S], the squared differences of successive ones are averaged over time and
    over squares of a quarter of the side, a sixteenth apart; the grid of these is stretched over the whole side. Where
    nothing moves all weights are 1.
    """
    B, C, _, S, _ = stills.shape
    moved = stills.reshape(B, C, -1, STILLS, S, S).diff(dim=3).square().mean(dim=3)  # [B, 3, R, S, S]
    pooled = F.avg_pool2d(moved.flatten(0, 1), max(S // 4, 1), max(S // 16, 1))  # [B * 3, R, h, w]
    least, most = (edge[..., None, None] for edge in pooled.flatten(2).aminmax(dim=2))
    scaled = low + (high - low) * (pooled - least) / (most - least).clamp(min=1e-12)
    weights = torch.where(most > least, scaled, torch.ones_like(scaled))
    return F.interpolate(weights, size=(S, S), mode="bilinear").view(B, C, -1, S, S)


def convolution(inputs: int, outputs: int) -> nn.Sequential:
    """A 3 x 3 x 3 convolution that keeps the size, batch norm and ReLU."""
    conv = Conv3d(inputs, outputs, 3, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm3d(outputs), nn.ReLU())


def upsampling(dim: int, stride: tuple[int, int, int]) -> list[nn.Module]:
    """Stages that take a map [B, C, t, h, w] to frames [B, 3, 2 t * time, h * rows, w * columns] for a map's stride.

    Each doubles what is still too small, and halves the channels; the last leaves three. Frames are at least 0.
    """
    doublings = [round(math.log2(cells)) for cells in (2 * stride[0], *stride[1:])]
    stages: list[nn.Module] = []
    for number in range(last := max(doublings)):
        width, narrower = max(dim >> number, 1), max(dim >> (number + 1), 1)
        t, h, w = (2 if number < count else 1 for count in doublings)
        up = nn.ConvTranspose3d(width, width, (t, h, w), stride=(t, h, w))
        stages += [up, convolution(width, 3 if number == last - 1 else narrower)]
    return stages
