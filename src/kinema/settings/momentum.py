"""Methods that compare two clips of a video, one of them or both through a copy of the network that follows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kinema.ranges import at_least, positive, within
from kinema.settings.meta_contrast import MetaContrast
from kinema.settings.method import Pixels


@dataclass(frozen=True)
class Queued(MetaContrast):
    """A method with a momentum copy of the network, whose keys of past batches are the negatives."""

    dim: int = 128
    """Length of a key."""
    queue: int = 2048
    """Keys of past batches that are the negatives."""
    temperature: float = 0.07
    """tau."""
    momentum: float = 0.999
    """Share of the copy's weights that each step keeps."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("method.dim", self.dim, 1)
        at_least("method.queue", self.queue, 1)
        positive("method.temperature", self.temperature)
        within("method.momentum", 0, 1, self.momentum)

    @property
    def remembers(self) -> bool:
        """The queue."""
        return True


@dataclass(frozen=True)
class MoCo(Queued):
    """MoCo on video. The defaults are those of CoCLR's first stage, which it calls InfoNCE (Han, Xie, Zisserman,
    NeurIPS 2020); Feichtenhofer et al. (CVPR 2021), whose numbers the recipe `moco_kinetics` has, differ where said."""

    name: Literal["moco"] = "moco"
    clips: Literal["one_or_two", "two"] = "one_or_two"
    """Half of the time both views are of one window, half of the time of two, and most views keep their colours (CoCLR;
    `kinema.sampler.OneOrTwoClips`), or always of two windows, both augmented alike (Feichtenhofer et al.)."""
    symmetric: bool = False
    """Let each clip be the query of the other's key, and keep both keys (Feichtenhofer et al.)."""
    projection: Literal["mlp", "mlp3", "linear_bn"] = "mlp"
    """F-F-ReLU-D (CoCLR), three layers of 2048 (Feichtenhofer et al.), or a linear layer and batch norm (ours, for runs
    of a few thousand steps: see `Views.projection`)."""
    dim: int = 128
    """Length of a key (both)."""
    queue: int = 2048
    """Keys of past batches that are the negatives (CoCLR on UCF101; 16384 on Kinetics; Feichtenhofer et al. 65536)."""
    fill_first: bool = False
    """Let no weight move until the queue is full (Feichtenhofer et al.); otherwise its first rows are random directions
    (CoCLR's code, and MoCo)."""
    exclude_self: bool = False
    """Leave rows of the query's own video out of its negatives; none of the papers does, and a video meets its row of
    the last epoch where two epochs meet."""
    temperature: float = 0.07
    """tau (CoCLR; Feichtenhofer et al. 0.1)."""
    momentum: float = 0.999
    """Share of the copy's weights that each step keeps (CoCLR; Feichtenhofer et al. 0.994)."""
    rising: bool = False
    """Let the momentum rise to 1 by half a cosine over training (Feichtenhofer et al.)."""

    @property
    def pixels(self) -> Pixels:
        """ImageNet's mean removed (CoCLR)."""
        return Pixels(normalise="imagenet")


@dataclass(frozen=True)
class BYOL(MetaContrast):
    """BYOL on video. The defaults are those of Feichtenhofer et al. (CVPR 2021), which follow Grill et al. (2020)."""

    name: Literal["byol"] = "byol"
    hidden: int = 4096
    """Width of the hidden layer of projection and predictor (both)."""
    dim: int = 256
    """Length of a projected feature (both)."""
    momentum: float = 0.996
    """Share of the copy's weights that a step keeps at first; it rises to 1 by half a cosine over training (both)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("method.hidden", self.hidden, 1)
        at_least("method.dim", self.dim, 1)
        within("method.momentum", 0, 1, self.momentum)

    @property
    def pixels(self) -> Pixels:
        """ImageNet's mean removed; Feichtenhofer et al. take 0.45 and 0.225 for all three colours, which is near it."""
        return Pixels(normalise="imagenet")


@dataclass(frozen=True)
class SwAV(MetaContrast):
    """SwAV on video. The defaults are those of Feichtenhofer et al. (CVPR 2021), which follow Caron et al. (2020)."""

    name: Literal["swav"] = "swav"
    prototypes: int = 1000
    """Directions that features are assigned to (Feichtenhofer et al.); a batch spreads evenly over them."""
    hidden: int = 2048
    """Width of the projection's hidden layer (SwAV's code)."""
    dim: int = 128
    """Length of a projected feature (both)."""
    temperature: float = 0.1
    """tau of the predicted assignment (both)."""
    epsilon: float = 0.05
    """Of the assignment that is predicted: the smaller, the nearer to one prototype a video (both)."""
    iterations: int = 3
    """Rounds of Sinkhorn's scaling (both)."""
    frozen_epochs: int = 1
    """Epochs at the start in which no prototype moves (both)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("method.prototypes", self.prototypes, 2)
        at_least("method.hidden", self.hidden, 1)
        at_least("method.dim", self.dim, 1)
        positive("method.temperature", self.temperature)
        positive("method.epsilon", self.epsilon)
        at_least("method.iterations", self.iterations, 1)
        at_least("method.frozen-epochs", self.frozen_epochs, 0)

    @property
    def pixels(self) -> Pixels:
        """ImageNet's mean removed, as for BYOL."""
        return Pixels(normalise="imagenet")


@dataclass(frozen=True)
class RSPNet(Queued):
    """Relative speed perception. The defaults are those of its code's pre-training (Chen et al., AAAI 2021)."""

    name: Literal["rspnet"] = "rspnet"
    stride: int | None = None
    """Distance between neighbouring frames of a slow clip, in frames of the video; a fast one's is twice that. `None`
    takes `clip.stride` for it (RSPNet: 1)."""
    margin: float = 2.0
    """By how much a query has to be nearer to a key of its own speed than to one of the other, in cosines over the
    temperature (the code's pre-training; 1 in its class)."""
    projection: Literal["linear", "linear_bn"] = "linear"
    """Of each of the two heads: one layer, or with batch norm after it (ours, for small runs; see `MoCo`)."""
    queue: int = 16384

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stride is not None:
            at_least("method.stride", self.stride, 1)
        within("method.margin", 0, 1000, self.margin)

    @property
    def pixels(self) -> Pixels:
        """ImageNet's mean removed (RSPNet)."""
        return Pixels(normalise="imagenet")
