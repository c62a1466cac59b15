"""What training leaves: a backbone's weights and how clips are shown to it, in a run or in an exported folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kinema import backbones
from kinema.backbones.backbone import Backbone
from kinema.engine import checkpoint
from kinema.meta import State
from kinema.settings import Clip, Pixels

View = Literal["rgb", "residual", "both", "flow", "rgb+flow"]
FLOW_VIEWS = ("flow", "rgb+flow")
"""Views of clips that have vertical flow for a fourth channel."""


@dataclass(frozen=True)
class Trained:
    """A backbone's weights, and all that decides what it is shown."""

    source: str
    """Where it was read, for refusals."""
    name: str
    """What it is called: its recipe, or the folder."""
    architecture: str
    """A key of `kinema.backbones.BACKBONES`."""
    width: float
    clip: Clip
    pixels: Pixels
    weights: State
    """The backbone's state dict, for RGB or the only view."""
    statistics: State | None
    """Batch norm's running statistics for the second view, if it keeps them apart, by their names in the backbone."""
    view: View
    """What it is shown if nobody says otherwise."""

    def backbone(self) -> Backbone:
        """The network with these weights.

        Raises:
            UsageError: a tensor is missing, superfluous or of another shape.
        """
        network = backbones.build(self.architecture, self.width)
        checkpoint.load_state(network, self.weights, self.source)
        return network
