"""CoCLR, and the InfoNCE that it begins with, on one of its two streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kinema.ranges import at_least, within
from kinema.settings.method import Pixels
from kinema.settings.momentum import Queued


@dataclass(frozen=True)
class CoCLR(Queued):
    """Self-supervised Co-Training (Han, Xie, Zisserman, NeurIPS 2020); its numbers on UCF101."""

    name: Literal["coclr"] = "coclr"
    stream: Literal["rgb", "flow"] = "rgb"
    """What the network sees: RGB, or optical flow alone, of which kinema has the vertical part."""
    oracle: str | None = None
    """A run of coclr on the other stream, or a checkpoint of one: its network, which is copied into this run and does
    not change, says which other videos are positives. `None` is InfoNCE, whose only positive is the video itself."""
    top: int = 5
    """Rows of the queue nearest by the oracle that are positives."""
    siblings: bool = False
    """Clips cut from one source (the group of a list, gXX in UCF101's names) are positives of one another, and not
    mined (its code on UCF101; on Kinetics every video is by itself). Leave it off where a group is a person."""
    skip_own: float = 0.9
    """Share of steps in which a video with other positives has not its own key among them (its code, since 2021: the
    key, which InfoNCE has made the nearest by far, would leave the others nothing to learn)."""
    projection: Literal["mlp", "linear_bn"] = "mlp"
    """F-F-ReLU-D, or a linear layer and batch norm (ours, for runs of a few thousand steps: see `Views.projection`)."""
    queue: int = 2048
    """Keys of past batches (16384 on Kinetics). With an oracle no weight moves until it is full."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("method.top", self.top, 0)
        within("method.skip-own", 0, 1, self.skip_own)

    @property
    def pixels(self) -> Pixels:
        """RGB with ImageNet's mean removed, or flow."""
        return Pixels(normalise="imagenet", first=self.stream)

    @property
    def flow_components(self) -> str:
        """Vertical flow, where it is the stream or the oracle's."""
        return "v" if self.stream == "flow" or self.oracle is not None else ""

    @property
    def other_stream(self) -> Literal["rgb", "flow"]:
        """What the oracle sees."""
        return "flow" if self.stream == "rgb" else "rgb"
