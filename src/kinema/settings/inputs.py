"""What a network is shown of a video: which frames, at what size, changed how."""

from __future__ import annotations

from dataclasses import dataclass

from kinema.ranges import at_least, within


@dataclass(frozen=True)
class Clip:
    """Which frames of a video make one clip, and at what size a network sees them."""

    frames: int = 32
    """Frames in a clip (paper, section 4.1; its Table 4 tries 16, 32, 64)."""
    stride: int = 1
    """Distance between neighbouring frames of a clip, in frames of the video (paper: consecutive frames)."""
    size: int = 128
    """Height and width of the square that the network sees, in pixels (paper, section 4.1)."""
    short_side: int | None = None
    """Shorter side of a frame before cropping, in pixels; at least `size`; `None` means 8/7 of it, as 256 is to 224."""

    def __post_init__(self) -> None:
        at_least("clip.frames", self.frames, 1)
        at_least("clip.stride", self.stride, 1)
        at_least("clip.size", self.size, 1)
        if self.short_side is not None:
            at_least("clip.short-side", self.short_side, self.size)

    @property
    def loaded_side(self) -> int:
        """Shorter side of a frame as the loader delivers it, in pixels."""
        return round(self.size * 8 / 7) if self.short_side is None else self.short_side

    @property
    def span(self) -> int:
        """Frames of the video from a clip's first frame to its last, both counted."""
        return (self.frames - 1) * self.stride + 1


@dataclass(frozen=True)
class Augment:
    """Random changes to a clip; each is drawn once and is the same for all its frames.

    The operations are named in the paper (section 4.1); the numbers are CoCLR's, whose pipeline it follows.
    """

    crop_area: tuple[float, float] = (0.2, 1.0)
    """Range of the crop's area, as a fraction of the frame."""
    crop_aspect: tuple[float, float] = (3 / 4, 4 / 3)
    """Range of the crop's width : height before it is resized to a square."""
    flip: float = 0.5
    """Probability of a horizontal flip."""
    jitter: float = 0.8
    """Probability of colour jitter."""
    brightness: float = 0.4
    """Brightness is multiplied by a factor from [1 - b, 1 + b]."""
    contrast: float = 0.4
    """Contrast about the clip's mean grey is multiplied by a factor from [1 - c, 1 + c]."""
    saturation: float = 0.4
    """Saturation is multiplied by a factor from [1 - s, 1 + s]."""
    hue: float = 0.1
    """Hue is turned by up to this fraction of the colour circle, either way."""
    grey: float = 0.0
    """Probability of greyscale (not named in the paper; CoCLR uses 0.2)."""
    blur: float = 0.5
    """Probability of a Gaussian blur."""
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    """Range of the blur's standard deviation, in pixels of the network's input at 128 px; scaled with the size."""

    def __post_init__(self) -> None:
        for name in ("flip", "jitter", "brightness", "contrast", "saturation", "grey", "blur"):
            within(f"augment.{name}", 0, 1, getattr(self, name))
        within("augment.hue", 0, 0.5, self.hue)
        within("augment.crop-area", 0.01, 1, *self.crop_area)
        within("augment.crop-aspect", 0.1, 10, *self.crop_aspect)
        within("augment.blur-sigma", 0.01, 100, *self.blur_sigma)
