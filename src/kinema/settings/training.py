"""The network, and how it is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from kinema.errors import UsageError
from kinema.ranges import at_least, positive, within
from kinema.settings.added import LATER


@dataclass(frozen=True)
class Backbone:
    """The network that turns a clip into a feature."""

    name: str = "r3d_18"
    """One of those that `kinema list backbones` describes."""
    width: float = 1.0
    """Multiplies every channel count; 0.25 is the size for a laptop without a GPU."""

    def __post_init__(self) -> None:
        positive("backbone.width", self.width)


@dataclass(frozen=True)
class Optim:
    """How parameters move; the numbers of section 4.1 where it gives one."""

    name: Literal["sgd", "lars", "adam", "adamw"] = "sgd"
    """SGD with momentum (paper), the same with a step scaled to each weight's length (BYOL, SwAV), Adam, whose weight
    decay is a part of the gradient (CoCLR), or AdamW."""
    lr: float = 0.01
    """Learning rate at its highest (paper)."""
    momentum: float = 0.9
    """SGD's momentum, or the first beta of the others (IIC; the paper names none)."""
    weight_decay: float = 1e-3
    """Paper, section 4.1."""
    schedule: Literal["multistep", "cosine", "constant"] = "multistep"
    """Not in the paper; `multistep` is IIC's, scaled to the number of epochs."""
    milestones: tuple[float, ...] = (0.1875, 0.375, 0.521, 0.667)
    """For `multistep`: fractions of training at which the rate falls (IIC's 45, 90, 125, 160 of 240)."""
    gamma: float = 0.2
    """For `multistep`: the factor of each fall (IIC)."""
    warmup: float = 0.0
    """Fraction of training over which the rate climbs linearly from nothing."""
    clip_grad: float | None = None
    """Largest allowed gradient norm; `None` never clips (paper)."""

    def __post_init__(self) -> None:
        positive("optim.lr", self.lr)
        within("optim.momentum", 0, 0.9999, self.momentum)
        within("optim.weight-decay", 0, 1000, self.weight_decay)
        within("optim.warmup", 0, 1, self.warmup)
        within("optim.milestones", 0, 1, *self.milestones)
        if self.clip_grad is not None:
            positive("optim.clip-grad", self.clip_grad)


@dataclass(frozen=True)
class Train:
    """How long, how many at once, and what is kept."""

    epochs: int = 500
    """Passes over the videos (paper: about 500). For MCN a pass shows each video once, to one of the two stages."""
    batch_size: int = 28
    """Videos a stage reads at once, over all devices. MCN reads two such batches a step, support and query."""
    batches: Literal["shuffled", "look_alikes"] = "shuffled"
    """Which videos make a batch: any, or those whose frames are nearly the same in colour and layout (ours), so that
    telling them apart takes their motion. MCN's support and query halves are then of two different looks."""
    seed: int = 0
    """Decides every random choice of the run."""
    workers: int | None = None
    """Processes that read video; `None` means one a core, up to 8."""
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    """`auto` is bf16 autocast on a GPU that has it, and fp32 on a CPU; one with AVX-512 BF16 or AMX
    is quicker in bf16."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:N`."""
    checkpoint_activations: bool = False
    """Keep only what passes between the backbone's blocks, and run each block once more for its gradient: less memory,
    more time, the same numbers; at every order."""
    probe_every: int = 5
    """Epochs between online kNN and collapse figures; 0 never."""
    keep_every: int = 0
    """Epochs between checkpoints that are kept besides the last; 0 keeps only the last."""

    retreats: int = field(default=0, metadata=LATER)
    """How often training may go back to its last checkpoint, at half the learning rate, from a loss that is no number;
    0 ends it there."""

    compile: bool = field(default=False, metadata=LATER)
    """Have torch compile the network in the first steps, which takes a minute or more: shorter steps, other rounding.
    Not at order 2, with `checkpoint_activations` or over several processes."""

    def __post_init__(self) -> None:
        at_least("train.epochs", self.epochs, 1)
        at_least("train.batch-size", self.batch_size, 2)  # batch norm has nothing to compare one video with
        at_least("train.workers", self.workers or 0, 0)
        at_least("train.probe-every", self.probe_every, 0)
        at_least("train.keep-every", self.keep_every, 0)
        within("train.retreats", 0, 100, self.retreats)
        within("train.seed", 0, 2**63 - 1, self.seed)
        if self.compile and self.checkpoint_activations:
            raise UsageError("--train.compile and --train.checkpoint-activations exclude each other: leave one out")
