"""A trained backbone with what it needs to be used: the clip it was trained on and the view it is shown.

Letters: M clips, T frames, S pixels a side, D length of a feature.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kinema import views
from kinema.meta import OtherStatistics, State, call_at
from kinema.settings import Clip


class Encoder(nn.Module):
    """Clips to features: `encoder(uint8 [M, T, S, S, 3]) -> float32 [M, D]`.

    The feature is the backbone's pooled output; the projection that pre-training adds is not part of it.

    Args:
        backbone: float [M, 3, T, S, S] to [M, D].
        clip: frames, stride and size of the clips it was trained on.
        view: `rgb`, `residual` (Eq. 1), or `both`: the two features, each of unit length, side by side.
        normalise: as in `kinema.views.normalise`.
        last_residual: as in `kinema.views.residual`.
        residual_statistics: batch norm's running statistics for the residual view, by their names in the backbone;
            without them it has only the backbone's own.
    """

    def __init__(
        self,
        backbone: nn.Module,
        clip: Clip,
        *,
        view: str = "rgb",
        normalise: str = "unit",
        last_residual: str = "repeat",
        residual_statistics: State | None = None,
    ) -> None:
        super().__init__()
        if residual_statistics and view == "residual":
            backbone.load_state_dict(residual_statistics, strict=False)
        self.residual_statistics = OtherStatistics(backbone)
        if residual_statistics:
            self.residual_statistics.move(residual_statistics)
        self.backbone = backbone
        self.clip = clip
        self.view = view
        self.normalise = normalise
        # An extra frame is only read in training; at test time the last difference is repeated in its place.
        self.last_residual = "repeat" if last_residual == "extra_frame" else last_residual

    def show(self, pixels: Tensor, view: str | None = None) -> Tensor:
        """The view of float [M, 3, T, S, S] in [0, 1] that the backbone is shown, of the same shape."""
        if (view or self.view) == "residual":
            return views.residual(pixels, self.last_residual)  # type: ignore[arg-type]
        return views.normalise(pixels, self.normalise)  # type: ignore[arg-type]

    def to_input(self, clips: Tensor) -> Tensor:
        """What the backbone is shown: float [M, 3, T, S, S] of uint8 [M, T, S, S, 3]."""
        return self.show(clips.permute(0, 4, 1, 2, 3).float() / 255)

    def forward(self, clips: Tensor) -> Tensor:
        """float32 [M, D]."""
        pixels = clips.permute(0, 4, 1, 2, 3).float() / 255
        if self.view == "both":
            # In evaluation mode nothing moves; the copies that `call_at` makes are a few numbers a channel.
            second, _ = call_at(self.backbone, {}, self.residual_statistics.state(), self.show(pixels, "residual"))
            features = [self.backbone(self.show(pixels, "rgb")), second]
            return torch.cat([nn.functional.normalize(feature.float(), dim=1) for feature in features], dim=1)
        feature: Tensor = self.backbone(self.show(pixels))
        return feature.float()
