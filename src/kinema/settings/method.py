"""What the settings of every method answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

from kinema.settings.inputs import Clip


@dataclass(frozen=True)
class Pixels:
    """How clips are shown to a trained encoder, which follows how its method was shown them."""

    normalise: Literal["unit", "imagenet", "kinetics", "slowfast"] = "unit"
    """Pixels in [0, 1], or with a mean and a deviation removed: ImageNet's, Kinetics', or SlowFast's of all colours."""
    last_residual: Literal["repeat", "wrap", "zero", "extra_frame"] = "repeat"
    """What stands for the last frame's residual, which Eq. 1 does not define."""
    residual: Literal["absolute", "signed"] = "absolute"
    """Eq. 1 as it stands, or IIC's form of it (see `kinema.views.residual`)."""
    first: Literal["rgb", "flow"] = "rgb"
    """The view that it was trained on, or the first of two; a network that was trained on flow alone is shown that."""
    second: Literal["residual", "flow"] = "residual"
    """The view beside RGB that it was trained on; any one if it was trained on RGB alone."""


@dataclass(frozen=True)
class MethodSettings:
    """The settings of one method; a subclass has the method's name and its numbers."""

    name: str = ""
    """The method."""

    @property
    def pixels(self) -> Pixels:
        """How evaluation shows clips to the encoder."""
        return Pixels()

    @property
    def flow_components(self) -> str:
        """The components of optical flow that training reads beside each frame: "", "v" (vertical) or "uv" (both)."""
        return "v" if "flow" in (self.pixels.first, self.pixels.second) else ""

    @property
    def flow(self) -> bool:
        """Whether training reads optical flow."""
        return bool(self.flow_components)

    def training_clip(self, clip: Clip) -> Clip:
        """The clip as training reads it; a method that cuts frames up may want larger ones than evaluation does."""
        return clip

    def with_flow(self) -> Self:
        """The same method with optical flow for its second view.

        Raises:
            TypeError: the method has no second view that flow could be.
        """
        raise TypeError(f"{self.name} has no second view")
