"""Contrastive methods besides MCN and CMC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kinema.ranges import at_least, positive
from kinema.settings.meta_contrast import MetaContrast
from kinema.settings.method import Pixels


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
