"""Tasks over a few clips of one video: in which order they come, or what was done to one of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from kinema.ranges import at_least, within
from kinema.settings.meta_contrast import MetaContrast
from kinema.settings.method import MethodSettings, Pixels
from kinema.settings.two_views import Contrast


@dataclass(frozen=True)
class ClipRow:
    """Clips of one video, one after the other; `--clip.frames` and `--clip.stride` are then those of evaluation alone.

    The numbers are those of VCOP, which VCP and PCL took over.
    """

    FLAG: ClassVar[str] = "method"
    """What its flags begin with, for refusals."""

    clips: int = 3
    """Clips in the row."""
    frames: int = 16
    """Frames of each."""
    stride: int = 1
    """Distance between neighbouring frames of a clip, in frames of the video; 0 is one frame throughout."""
    gap: int = 8
    """Frames of the video between one clip and the next. Negative: that many are in both; PCL's code, and an unofficial
    one of VCP before it, has -5 where its option says 8."""

    def __post_init__(self) -> None:
        within(f"{self.FLAG}.clips", 2, 6, self.clips)  # six have 720 orders
        at_least(f"{self.FLAG}.frames", self.frames, 1)
        at_least(f"{self.FLAG}.stride", self.stride, 0)
        at_least(f"{self.FLAG}.gap", self.gap, 1 - self.span)

    @property
    def span(self) -> int:
        """Frames of the video from the first of a clip to its last, both counted."""
        return (self.frames - 1) * self.stride + 1

    @property
    def reach(self) -> int:
        """Frames of the video from the first of the row to its last, both counted."""
        return (self.clips - 1) * (self.span + self.gap) + self.span


@dataclass(frozen=True)
class Order(ClipRow):
    """In which order the clips of a row are shown, and what tells it."""

    FLAG: ClassVar[str] = "method.order"

    symmetric: bool = False
    """An order and its reverse are one answer (OPN), for where nothing shows which way time runs."""
    pair_dim: int = 512
    """Length of the feature of each pair of clips (VCOP, and OPN's fc7)."""
    dropout: float = 0.5
    """Share of the pairs' features that is left out before the answer (VCOP's code)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("method.order.pair-dim", self.pair_dim, 1)
        within("method.order.dropout", 0, 0.99, self.dropout)


@dataclass(frozen=True)
class ClipOrder(MethodSettings):
    """A method that learns from the order of clips of a video."""

    order: Order = field(default_factory=Order)


@dataclass(frozen=True)
class VCOP(ClipOrder):
    """Video clip order prediction (Xu et al., CVPR 2019)."""

    name: Literal["vcop"] = "vcop"


@dataclass(frozen=True)
class OPN(ClipOrder):
    """The order of single frames (Lee et al., "Unsupervised Representation Learning by Sorting Sequences", ICCV 2017).

    Four frames, up to reversal. OPN's network is 2-D; a 3-D one that had only seen single frames would meet
    weights that it never used as soon as evaluation shows it a clip, so each frame is made a still clip.
    """

    name: Literal["opn"] = "opn"
    order: Order = field(default_factory=lambda: Order(clips=4, stride=0, gap=15, symmetric=True))
    """The gap is ours: OPN chooses frames by their motion, which takes optical flow."""


@dataclass(frozen=True)
class Cloze(ClipRow):
    """What may have been done to the middle clip of a row."""

    FLAG: ClassVar[str] = "method.cloze"

    distance: int = 16
    """Frames of the video between the row and a remote clip that takes the middle one's place, at the least (an
    unofficial code)."""
    head: Literal["mlp", "linear"] = "mlp"
    """What reads the answer off the clips' features: two layers (paper), or one (an unofficial code, and PCL's). One
    layer adds up what each clip says for itself, and cannot see that the middle one does not belong to the others."""
    hidden: int = 512
    """Width between the two layers (ours)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("method.cloze.clips", self.clips, 3)
        at_least("method.cloze.frames", self.frames, 4)  # the shuffle cuts a clip into four
        at_least("method.cloze.stride", self.stride, 1)
        at_least("method.cloze.distance", self.distance, 0)
        at_least("method.cloze.hidden", self.hidden, 1)


@dataclass(frozen=True)
class VCP(MethodSettings):
    """Video cloze procedure (Luo et al., AAAI 2020)."""

    name: Literal["vcp"] = "vcp"
    cloze: Cloze = field(default_factory=Cloze)


@dataclass(frozen=True)
class PCL(MetaContrast):
    """Pretext-contrastive learning (Tao et al., 2020): the loss of a task over clips, and of their contrast."""

    name: Literal["pcl"] = "pcl"
    task: Literal["vcp", "vcop"] = "vcp"
    """What is asked of the clips: what was done to one (VCP), as `cloze` says, or their order (VCOP), as `order`
    says. The paper's third, 3D-RotNet, is about one clip and not here."""
    cloze: Cloze = field(default_factory=Cloze)
    order: Order = field(default_factory=Order)
    weight: float = 0.5
    """Of the contrast, beside the task's 1 (released code)."""
    contrast: Contrast = field(default_factory=Contrast)
    """Between the first and the last clip, each with a bank of its own; the released code's numbers are those of IIC,
    which are the defaults here."""
    projection: Literal["linear", "linear_bn", "mlp", "none"] = "mlp"
    """Between the backbone and the contrast (released code: two layers); see `method.views.projection` of CMC."""
    dim: int = 128
    """Length of a projected feature (released code)."""
    input: Literal["rgb", "residual"] = "rgb"
    """What the network is shown: pixels, or residuals (Eq. 1), which the released code takes unless told otherwise,
    with their sign. A network that is shown residuals is evaluated with `--view residual`."""
    normalise: Literal["unit", "imagenet"] = "imagenet"
    """Pixels with ImageNet's mean and deviation removed (released code), or in [0, 1]; residuals are of the latter."""

    def __post_init__(self) -> None:
        super().__post_init__()
        within("method.weight", 0, 1000, self.weight)
        at_least("method.dim", self.dim, 1)

    @property
    def pixels(self) -> Pixels:
        """As the network is shown them."""
        return Pixels(self.normalise)

    @property
    def has_bank(self) -> bool:
        """Unless the contrast is within the batch."""
        return self.contrast.source == "bank"
