"""Contrastive methods besides MCN and CMC."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from kinema.ranges import at_least, positive
from kinema.settings.meta_contrast import MetaContrast
from kinema.settings.method import Pixels
from kinema.settings.two_views import Contrast, TwoViews, Views


@dataclass(frozen=True)
class SimCLR(MetaContrast):
    """SimCLR on two clips of a video, which are drawn as CVRL draws them."""

    name: Literal["simclr"] = "simclr"
    apart: Literal["decreasing", "independent"] = "decreasing"
    """How far apart two clips of a video start: with a density that falls linearly with the distance (CVRL,
    section 3.3), or at two independent places (SlowFast's form of SimCLR)."""
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
    """IIC's code's residual, (F_n - F_{n-1} + 1) / 2, in training and in evaluation; or MCN's Eq. 1."""
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
