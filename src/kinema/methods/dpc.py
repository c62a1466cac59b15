"""DPC: Dense Predictive Coding (Han, Xie, Zisserman, ICCVW 2019, arXiv 1909.04656).

A video is cut into blocks of frames. A recurrent cell sums up the feature maps of the first ones, and a small network
predicts from it the maps of those that follow, one after the other. Each cell of a prediction has to be told from all
cells of all maps to come: of other places, other times and other videos. Maps are taken before the network's last
ReLU; the recurrent cell sees what a ReLU leaves of them.

Top-1 after fine-tuning, from the paper: pre-trained on UCF101, R2D3D-18, UCF101 60.6; on Kinetics-400, R2D3D-18 at 128
px, UCF101 / HMDB51 68.2 / 34.5; R2D3D-34 at 224 px 75.7 / 35.7, which MCN's Table 8 lists at 128 px. From scratch 46.5.

The paper's classifier sees backbone and recurrent cell; here every method is evaluated by its backbone's pooled
feature. Batch norm keeps running statistics, as everywhere, where the paper's has none. A video too short for its
blocks repeats its first frame, where the paper leaves it out.
"""

from __future__ import annotations

from torch import nn

from kinema import sampler, settings
from kinema.backbones.backbone import Backbone
from kinema.batch import Batch, Outcome, Step
from kinema.methods.base import Method
from kinema.methods.blocks import block_maps, dense_chance, dense_contrast, predictions
from kinema.recurrent import ConvGRU, begin_orthogonal


class DPC(Method):
    """The dense contrast of predicted and actual maps."""

    backbone: Backbone

    def __init__(self, recipe: settings.Recipe, backbone: Backbone, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone)
        assert isinstance(recipe.method, settings.DPC)
        self.config = recipe.method
        backbone.leave_out_last_relu()
        self.draw = sampler.Blocks(self.config.blocks, self.config.block_frames, self.config.block_stride)
        self.aggregate = ConvGRU(feature_dim)
        self.predict = nn.Sequential(
            nn.Conv2d(feature_dim, feature_dim, 1), nn.ReLU(), nn.Conv2d(feature_dim, feature_dim, 1)
        )
        begin_orthogonal(self.predict, gain=1.0)

    def forward(self, batch: Batch, step: Step) -> Outcome:
        """The loss of the batch's predictions."""
        rng = step.rng()
        maps = block_maps(self.backbone, batch, self.recipe, self.config, rng)  # [B, N, F, h, w]
        predicted = predictions(
            self.aggregate, self.predict, maps, self.config, lambda shape: batch.uniform(rng, *shape)
        )  # [B, P, F, h, w]
        loss, correct = dense_contrast(batch.gathered(predicted), batch.gathered(maps))
        return Outcome(loss, {"contrast": loss.detach(), "contrast_acc": correct})

    def chance(self) -> dict[str, float]:
        """ln(B P h w)."""
        return {"contrast": dense_chance(self.backbone, self.recipe, self.config)}
