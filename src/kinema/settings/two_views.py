"""The contrast of two views of a clip, and CMC, which is nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, Self

from kinema.errors import UsageError
from kinema.ranges import at_least, positive, within
from kinema.settings.method import MethodSettings, Pixels


@dataclass(frozen=True)
class Contrast:
    """The memory-bank contrast between two views (Eq. 2-3); silent points follow IIC and CMC."""

    source: Literal["bank", "batch"] = "bank"
    """What an anchor is compared with: rows of a memory bank (IIC, CMC; the paper's Eq. 2), or the other videos of its
    batch, without a bank (ours; to go with `train.batches look_alikes`). The settings below are the bank's, but for the
    temperature."""
    negatives: int = 1024
    """Bank rows an anchor is compared with besides its positive (IIC); at most the number of videos less one."""
    temperature: float = 0.07
    """tau in Eq. 3 (IIC, CMC)."""
    bank_momentum: float = 0.5
    """Share of a bank row that survives when its video is seen again (IIC, CMC)."""
    form: Literal["softmax", "nce"] = "softmax"
    """`softmax` is Eq. 2 as printed; `nce` is CMC's noise-contrastive form with an estimated constant Z."""
    z_momentum: float | None = None
    """Only for `nce`: `None` fixes Z at the first batch (CMC); 0.99 lets it follow the features."""
    positive: Literal["bank", "batch"] = "bank"
    """The positive is the other view's bank row (IIC, CMC), or the other view's feature in this batch."""
    exclude_self: bool = False
    """Never draw the anchor's own video as a negative (IIC and CMC draw from all videos)."""
    directions: Literal["both", "1to2"] = "both"
    """Both views as anchors, summed (IIC, CMC), or only RGB against the residual bank (Eq. 2 read literally)."""

    def __post_init__(self) -> None:
        at_least("method.contrast.negatives", self.negatives, 1)
        positive("method.contrast.temperature", self.temperature)
        within("method.contrast.bank-momentum", 0, 1, self.bank_momentum)
        if self.z_momentum is not None:
            within("method.contrast.z-momentum", 0, 1, self.z_momentum)
        if self.source == "batch" and self.form == "nce":
            raise UsageError(
                "--method.contrast.form nce estimates over a bank, but --method.contrast.source is batch: use softmax"
            )


@dataclass(frozen=True)
class Views:
    """The two views of a clip and how they become vectors in the shared space."""

    second: Literal["residual", "flow"] = "residual"
    """The view beside RGB: residuals (paper, Eq. 1), or vertical optical flow (section 4.4), which --flow brings."""
    last_residual: Literal["repeat", "wrap", "zero", "extra_frame"] = "repeat"
    """The last frame has no successor for Eq. 1: repeat the last difference (ours), wrap to the first frame (IIC),
    zero, or read one frame more."""
    independent_augment: bool = False
    """Augment the clip anew for the second view; otherwise both views share crop, flip and colour (IIC)."""
    normalise: Literal["unit", "imagenet"] = "unit"
    """Pixels in [0, 1] (IIC), or RGB with ImageNet's mean and deviation removed (CoCLR)."""
    projection: Literal["linear", "linear_bn", "mlp", "none"] = "linear"
    """The "fc layer in the feature extraction module" of Fig. 2: one linear layer (CMC), two, or none (IIC).
    `linear_bn` (ours) normalises its output over the batch, so that features differ between videos from the start;
    a fresh network gives all videos nearly one direction, and small runs would end before the contrast undoes it."""
    shared_projection: bool = True
    """One projection for both views, as in Fig. 2, or one for each (CMC, whose encoders are apart altogether)."""
    dim: int = 128
    """Length of a projected feature (CMC)."""
    unit_length: bool = True
    """Divide features by their length, since Eq. 3 is a cosine; IIC does not."""
    statistics: Literal["each", "mixed"] = "each"
    """Batch norm's running statistics, which evaluation uses: each view's own (ours), or one set that the passes of
    both views move in turn (IIC), which fits neither."""
    joint_batch_norm: bool = False
    """Pass both views through the backbone in one call, so that batch norm sees their joint statistics."""

    def __post_init__(self) -> None:
        at_least("method.views.dim", self.dim, 1)


@dataclass(frozen=True)
class TwoViews(MethodSettings):
    """A method that sees RGB and residuals or flow of a clip."""

    views: Views = field(default_factory=Views)

    @property
    def pixels(self) -> Pixels:
        """As the views are."""
        return Pixels(self.views.normalise, self.views.last_residual, second=self.views.second)

    def with_flow(self) -> Self:
        """The same method with optical flow for its second view."""
        return replace(self, views=replace(self.views, second="flow"))


@dataclass(frozen=True)
class CMC(TwoViews):
    """Contrastive multiview coding of RGB and residual clips: MCN's baseline ("CL", Table 5)."""

    name: Literal["cmc"] = "cmc"
    contrast: Contrast = field(default_factory=Contrast)
