"""TCLR: contrasts between videos, between the parts of a video, and between parts of features and of the video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kinema.ranges import at_least, positive
from kinema.settings.meta_contrast import MetaContrast


@dataclass(frozen=True)
class TCLR(MetaContrast):
    """Dave, Gupta, Rizve, Shah, "TCLR: Temporal Contrastive Learning for Video Representation", CVIU 2022.

    The numbers are those of the authors' code. Its clips are not `clip`'s, which evaluation alone reads.
    """

    name: Literal["tclr"] = "tclr"
    frames: int = 16
    """Frames of each training clip, sparse or dense."""
    parts: int = 4
    """Dense clips that cover a window of the video without gaps, and time steps of the sparse clip's feature map. The
    sparse clip covers the whole window, so its stride is this many times the dense clips'."""
    dense_stride: int = 1
    """Distance between neighbouring frames of a dense clip, in frames of the video; the window's length is `parts` *
    `frames` * this."""
    dim: int = 128
    """Length of a projected feature."""
    temperature: float = 0.1
    """Of every term."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("method.frames", self.frames, 1)
        at_least("method.parts", self.parts, 2)  # one part has no other to be told from
        at_least("method.dense-stride", self.dense_stride, 1)
        at_least("method.dim", self.dim, 1)
        positive("method.temperature", self.temperature)
