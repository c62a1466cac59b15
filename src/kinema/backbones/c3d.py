"""C3D with batch norm, as VCOP's code has it; IIC, PCL, Pace Prediction, PRP, RSPNet and DualVar used it too.

Source: Tran et al., "Learning Spatiotemporal Features with 3D Convolutional Networks", ICCV 2015, with batch norm after
each convolution and a mean in place of the fully connected layers (VCOP, CVPR 2019, and its code). Module names are
VCOP's. Batch norm and initialisation are PyTorch's defaults; convolutions have a bias, which batch norm takes away
again in training.

A pooling leaves an axis of one cell as it is, so that clips from 1 frame and 1 pixel up pass.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from kinema.backbones.backbone import Backbone, Halve, channels
from kinema.backbones.convolution import Conv3d


def c3d(width: float = 1.0) -> C3D:
    """C3D with batch norm: 27,661,440 parameters and a 512-d feature at width 1."""
    return C3D(width)


class C3D(Backbone):
    """Eight 3x3x3 convolutions; pooling after the first, second, fourth and sixth."""

    stride = (8, 16, 16)

    def __init__(self, width: float = 1.0) -> None:
        """Build it; `width` multiplies every channel count, each rounded by `channels`."""
        super().__init__()
        w1, w2, w3, w4 = (channels(count, width) for count in (64, 128, 256, 512))
        self.conv1, self.bn1 = conv_bn(3, w1)
        self.conv2, self.bn2 = conv_bn(w1, w2)
        self.conv3a, self.bn3a = conv_bn(w2, w3)
        self.conv3b, self.bn3b = conv_bn(w3, w3)
        self.conv4a, self.bn4a = conv_bn(w3, w4)
        self.conv4b, self.bn4b = conv_bn(w4, w4)
        self.conv5a, self.bn5a = conv_bn(w4, w4)
        self.conv5b, self.bn5b = conv_bn(w4, w4)
        self.relu5b = nn.ReLU(inplace=True)
        self.feature_dim = w4

    def stages(self, x: Tensor) -> Tensor:
        """[B, 3, T, H, W] -> [B, C, T/8, H/16, W/16], rounded down but at least 1."""
        stages = (
            (self.conv1, self.bn1, nn.ReLU(inplace=True), HalveSpace()),  # [B, 64, T, H/2, W/2]
            (self.conv2, self.bn2, nn.ReLU(inplace=True), Halve()),  # [B, 128, T/2, H/4, W/4]
            (self.conv3a, self.bn3a, nn.ReLU(inplace=True)),
            (self.conv3b, self.bn3b, nn.ReLU(inplace=True), Halve()),  # [B, 256, T/4, H/8, W/8]
            (self.conv4a, self.bn4a, nn.ReLU(inplace=True)),
            (self.conv4b, self.bn4b, nn.ReLU(inplace=True), Halve()),  # [B, 512, T/8, H/16, W/16]
            (self.conv5a, self.bn5a, nn.ReLU(inplace=True)),
            (self.conv5b, self.bn5b, self.relu5b),
        )
        return self.through(nn.Sequential(*(nn.Sequential(*stage) for stage in stages)), x)

    def last_relus(self) -> Iterable[tuple[nn.Module, str]]:
        """Behind the eighth convolution."""
        return [(self, "relu5b")]


class HalveSpace(nn.Module):
    """1x2x2 max pooling that leaves an axis of one cell as it is."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, t, h, w] -> [B, C, t, h/2, w/2], rounded down but at least 1."""
        return nn.functional.max_pool3d(x, [1, *(min(2, size) for size in x.shape[3:])])


def conv_bn(inputs: int, outputs: int) -> tuple[nn.Conv3d, nn.BatchNorm3d]:
    """A 3x3x3 convolution that keeps the size, and its batch norm."""
    return Conv3d(inputs, outputs, 3, padding=1), nn.BatchNorm3d(outputs)
