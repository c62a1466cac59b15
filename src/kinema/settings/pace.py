"""Methods that tell at what pace a clip is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kinema.errors import UsageError
from kinema.ranges import at_least, positive, within
from kinema.settings.method import MethodSettings


@dataclass(frozen=True)
class Pace(MethodSettings):
    """Pace prediction (Wang et al., ECCV 2020); `--clip.frames` and `--clip.stride` are those of evaluation alone."""

    name: Literal["pace"] = "pace"
    frames: int = 16
    """Frames of a clip, whatever its pace (the released code)."""
    paces: tuple[int, ...] = (1, 2, 3, 4)
    """The strides that are told apart, in frames of the video, not in seconds: where frame rates are mixed, equal
    strides are unequal paces. 0 is one frame throughout and a negative stride goes backwards; -4 -2 -1 0 1 2 4 is the
    speed task of CtP (Wang et al., CVPR 2021), in its code."""
    wrap: bool = True
    """Start at any frame and go on with the first one after the last; the released code then begins anew at the first
    frame, whatever the stride, and ours keeps to the stride. The cut that this leaves is the more frequent the longer
    the stride, which gives it away in short videos; without, a clip is the middle of a stretch in which the longest
    fits (ours: where its middle lies then does not tell its pace), and a video too short for one repeats its first
    frame."""
    jitter: Literal["frame", "clip"] = "frame"
    """Draw colour jitter for each frame, so that steady colours do not give the pace away (the released code), or for
    each clip, as for every other method here."""
    contrast: float = 0.0
    """Weight of the contrast between two clips of a video at different paces, against clips of other videos of the
    batch ("same context"); 0 leaves it out, and its clip. It was not released, and we could not check its weight."""
    temperature: float = 0.07
    """Of the contrast (ours, the field's usual one)."""
    dim: int = 512
    """Length of the contrast's features, two layers behind the backbone (paper)."""

    def __post_init__(self) -> None:
        at_least("method.frames", self.frames, 2)
        if len(set(self.paces)) != len(self.paces) or len(self.paces) < 2:
            given = " ".join(str(pace) for pace in self.paces)
            raise UsageError(f"--method.paces is {given}: give two or more strides, each once")
        within("method.contrast", 0, 1000, self.contrast)
        positive("method.temperature", self.temperature)
        at_least("method.dim", self.dim, 1)

    @property
    def clips(self) -> int:
        """Clips that are read of a video."""
        return 2 if self.contrast else 1


@dataclass(frozen=True)
class SpeedNet(MethodSettings):
    """SpeedNet (Benaim et al., CVPR 2020); `--clip.frames` and `--clip.stride` are those of evaluation alone."""

    name: Literal["speednet"] = "speednet"
    frames: int = 64
    """Frames of a clip (paper)."""
    stride: int = 1
    """Frames of the video that count as one at normal speed (the paper takes each)."""
    normal: tuple[float, float] = (1.0, 1.2)
    """Range of the rate of a clip at normal speed (paper)."""
    fast: tuple[float, float] = (1.7, 2.2)
    """Range of the rate of a clip that is sped up (paper)."""

    def __post_init__(self) -> None:
        at_least("method.frames", self.frames, 2)
        at_least("method.stride", self.stride, 1)
        within("method.normal", 1, 100, *self.normal)
        within("method.fast", 1, 100, *self.fast)
        if self.normal[1] >= self.fast[0]:
            raise UsageError(
                f"--method.normal goes up to {self.normal[1]:g} and --method.fast begins at {self.fast[0]:g}: "
                "give rates that do not overlap"
            )
