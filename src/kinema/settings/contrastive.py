"""Contrastive methods besides MCN and CMC."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from kinema.ranges import at_least, positive, within
from kinema.settings.meta_contrast import MetaContrast
from kinema.settings.method import Pixels
from kinema.settings.two_views import Contrast, TwoViews, Views


@dataclass(frozen=True)
class SimCLR(MetaContrast):
    """SimCLR on two clips of a video, which are drawn as CVRL draws them."""

    name: Literal["simclr"] = "simclr"
    temperature: float = 0.1
    """tau (CVRL)."""
    projection: Literal["linear", "linear_bn", "mlp", "mlp3_bn", "none"] = "mlp"
    """From the backbone's feature to the contrast: two layers (SimCLR, section 2.1); CVRL has three, with batch norm,
    `mlp3_bn`. `linear_bn` is ours, for small runs."""
    dim: int = 128
    """Length of a projected feature (SimCLR, CVRL)."""
    normalise: Literal["unit", "imagenet"] = "unit"
    """Pixels in [0, 1] (SimCLR), or with ImageNet's mean and deviation removed."""

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("method.temperature", self.temperature)
        at_least("method.dim", self.dim, 1)

    @property
    def pixels(self) -> Pixels:
        """As in training."""
        return Pixels(self.normalise)


@dataclass(frozen=True)
class IIC(MetaContrast, TwoViews):
    """Inter-intra contrastive learning; the defaults are its code's."""

    name: Literal["iic"] = "iic"
    intra: Literal["repeat", "shuffle"] = "repeat"
    """What destroys the motion of a clip, which makes its intra-negative: one frame of it all the time, or two of its
    four quarters swapped."""
    residual: Literal["signed", "absolute"] = "signed"
    """IIC's code's residual, (F_n - F_{n-1} + 1) / 2, which it has in pre-training and retrieval and kinema in
    fine-tuning too, where its code has F_n - F_{n-1}; or MCN's Eq. 1."""
    views: Views = field(
        default_factory=lambda: Views(last_residual="wrap", projection="none", unit_length=False, statistics="mixed")
    )
    """With IIC's code's wrap of the residual, and neither projection nor normalisation before the banks."""
    contrast: Contrast = field(default_factory=Contrast)

    @property
    def has_bank(self) -> bool:
        """Unless the contrast is within the batch."""
        return self.contrast.source == "bank"

    @property
    def pixels(self) -> Pixels:
        """As the views are, with the residual's form."""
        return replace(super().pixels, residual=self.residual)


@dataclass(frozen=True)
class DualVar(MetaContrast):
    """Clip contrast, temporal coherent contrast and shuffle-rank; the defaults are its code's."""

    name: Literal["dualvar"] = "dualvar"
    base: Literal["simclr", "moco"] = "simclr"
    """What a clip is contrasted with: the other clips of the batch, or a queue of what a copy of the network made of
    earlier ones."""
    segments: int = 2
    """n: pieces that a clip is cut into, each with a vector of its own."""
    temperature: float = 0.07
    """tau of both contrasts."""
    coherence: float = 1.0
    """Weight of the temporal coherent contrast; 0 leaves it out (its code's mode `clip-sr`)."""
    rank: float = 1.0
    """Weight of shuffle-rank; 0 leaves it out."""
    rank_temperature: float = 0.05
    """theta of shuffle-rank."""
    rank_limit: float | None = 5.0
    """Largest violation of a ranking, over theta, that still has a gradient; None for no limit, as in its MoCo form."""
    backwards: float = 0.5
    """Probability that all clips of a video run backwards."""
    projection: Literal["linear", "linear_bn", "mlp"] = "mlp"
    """From the backbone's feature to the clip's vector and to the segments': two layers; `linear_bn` is ours, for small
    runs."""
    dim: int = 128
    """Length of a clip's vector."""
    segment_dim: int = 64
    """Length of a segment's vector."""
    queue: int = 16384
    """For `moco`: clips that the queue holds."""
    momentum: float = 0.999
    """For `moco`: share of the copy's weights that survives a step."""
    normalise: Literal["unit", "imagenet"] = "imagenet"
    """Pixels in [0, 1], or with ImageNet's mean and deviation removed."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("method.segments", self.segments, 2)
        positive("method.temperature", self.temperature)
        within("method.coherence", 0, 1000, self.coherence)
        within("method.rank", 0, 1000, self.rank)
        positive("method.rank-temperature", self.rank_temperature)
        if self.rank_limit is not None:
            positive("method.rank-limit", self.rank_limit)
        within("method.backwards", 0, 1, self.backwards)
        at_least("method.dim", self.dim, 1)
        at_least("method.segment-dim", self.segment_dim, 1)
        at_least("method.queue", self.queue, 1)
        within("method.momentum", 0, 1, self.momentum)

    @property
    def remembers(self) -> bool:
        """The queue of MoCo's form."""
        return self.base == "moco"

    @property
    def pixels(self) -> Pixels:
        """As in training."""
        return Pixels(self.normalise)
