"""A trained backbone with what it needs to be used: the clip it was trained on and the view it is shown.

Letters: M clips, T frames, S pixels a side, D length of a feature.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from kinema import views
from kinema.meta import OtherStatistics, State, call_at
from kinema.settings import Clip

SIDE_BY_SIDE = {"both": ("rgb", "residual"), "rgb+flow": ("rgb", "flow")}
"""Views that are two."""


def at_test_time(last_residual: str) -> str:
    """What stands for the last residual: an extra frame is only read in training, and then the last one is repeated."""
    return "repeat" if last_residual == "extra_frame" else last_residual


class Encoder(nn.Module):
    """Clips to features: `encoder(uint8 [M, T, S, S, C]) -> float32 [M, D]`; C is 3, or 4 with vertical flow.

    The feature is the backbone's pooled output; the projection that pre-training adds is not part of it.

    Args:
        backbone: float [M, 3, T, S, S] to [M, D].
        clip: frames, stride and size of the clips it was trained on.
        view: `rgb`, `residual` (Eq. 1), `flow` (vertical); or two features, each of unit length, side by side: `both`
            is RGB and residual, `rgb+flow` RGB and flow.
        normalise: as in `kinema.views.normalise`.
        last_residual: as in `kinema.views.residual`.
        residual: its form, as in `kinema.views.residual`.
        residual_statistics: batch norm's running statistics for the view `second`, by their names in the backbone;
            without them it has only the backbone's own.
        second: the view that it was trained on besides RGB. Another one has the backbone's own statistics.
    """

    def __init__(
        self,
        backbone: nn.Module,
        clip: Clip,
        *,
        view: str = "rgb",
        normalise: str = "unit",
        last_residual: str = "repeat",
        residual: str = "absolute",
        residual_statistics: State | None = None,
        second: str = "residual",
    ) -> None:
        super().__init__()
        if residual_statistics and view == second:
            backbone.load_state_dict(residual_statistics, strict=False)
        self.residual_statistics = OtherStatistics(backbone)
        if residual_statistics:
            self.residual_statistics.move(residual_statistics)
        self.backbone: Any = backbone
        self.clip = clip
        self.view = view
        self.second = second
        self.normalise = normalise
        self.residual = residual
        self.last_residual = at_test_time(last_residual)

    @property
    def length(self) -> int:
        """D: that of the backbone's feature, twice for views that are two."""
        dim: int = self.backbone.feature_dim
        return dim * (2 if self.view in SIDE_BY_SIDE else 1)

    def show(self, pixels: Tensor, view: str | None = None) -> Tensor:
        """The view float [M, 3, T, S, S] that the backbone is shown, of float [M, C, T, S, S] in [0, 1]."""
        view = view or self.view
        if view == "flow":
            return views.flow(pixels[:, 3:])
        if view == "residual":
            return views.residual(pixels[:, :3], self.last_residual, self.residual)  # type: ignore[arg-type]
        return views.normalise(pixels[:, :3], self.normalise)  # type: ignore[arg-type]

    def to_input(self, clips: Tensor) -> Tensor:
        """What the backbone is shown: float [M, 3, T, S, S] of uint8 [M, T, S, S, C]."""
        return self.show(clips.permute(0, 4, 1, 2, 3).float() / 255)

    def forward(self, clips: Tensor) -> Tensor:
        """float32 [M, D]."""
        pixels = clips.permute(0, 4, 1, 2, 3).float() / 255
        if self.view in SIDE_BY_SIDE:
            one, other = SIDE_BY_SIDE[self.view]
            # In evaluation mode nothing moves; the copies that `call_at` makes are a few numbers a channel.
            kept = self.residual_statistics.state() if other == self.second else {}
            second, _ = call_at(self.backbone, {}, kept, self.show(pixels, other))
            features = [self.backbone(self.show(pixels, one)), second]
            return torch.cat([nn.functional.normalize(feature.float(), dim=1) for feature in features], dim=1)
        feature: Tensor = self.backbone(self.show(pixels))
        return feature.float()
