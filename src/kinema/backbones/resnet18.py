"""The 18-layer video ResNet that R3D-18 and R(2+1)D-18 share: a stem and four stages of two residual blocks.

Source: Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition", CVPR 2018, as torchvision
built it. Module names are torchvision's, so that its weights load (drop `fc.weight` and `fc.bias`). Batch norm has
PyTorch's defaults (eps 1e-5, momentum 0.1); convolutions have no bias and Kaiming-normal weights by fan-out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import Tensor, nn

from kinema.backbones.backbone import Backbone, channels
from kinema.backbones.convolution import Conv3d

MakeBlock = Callable[[int, int, int], "ResidualBlock"]
"""Makes a block from its input channels, output channels and stride."""


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut: relu(bn(second(relu(bn(first(x))))) + shortcut(x))."""

    def __init__(self, first: nn.Module, second: nn.Module, *, inputs: int, outputs: int, stride: int) -> None:
        """Put a block together.

        Args:
            first: the convolution that changes the channels and the stride.
            second: the convolution that keeps both.
            inputs: channels in.
            outputs: channels out.
            stride: of time, height and width alike; where it is not 1 the shortcut is a strided 1x1x1 convolution.
        """
        super().__init__()
        self.conv1 = nn.Sequential(first, nn.BatchNorm3d(outputs), nn.ReLU(inplace=True))
        self.conv2 = nn.Sequential(second, nn.BatchNorm3d(outputs))
        self.downsample = nn.Identity() if stride == 1 else shortcut(inputs, outputs, stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, t, h, w] -> [B, outputs, t/stride, h/stride, w/stride], rounded up."""
        y: Tensor = self.relu(self.conv2(self.conv1(x)) + self.downsample(x))
        return y


def shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """The projection beside a block that changes the shape."""
    return nn.Sequential(Conv3d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm3d(outputs))


class VideoResNet18(Backbone):
    """Stem, then 64, 128, 256 and 512 channels (times the width); all but the first stage halve every axis."""

    stride = (8, 16, 16)

    def __init__(self, stem: nn.Module, block: MakeBlock, width: float) -> None:
        """Build the stages and draw the weights.

        Args:
            stem: from 3 channels to `channels(64, width)`, halving height and width.
            block: makes a residual block.
            width: the width multiplier.
        """
        super().__init__()
        w1, w2, w3, w4 = (channels(count, width) for count in (64, 128, 256, 512))
        self.stem = stem
        self.layer1 = nn.Sequential(block(w1, w1, 1), block(w1, w1, 1))
        self.layer2 = nn.Sequential(block(w1, w2, 2), block(w2, w2, 1))
        self.layer3 = nn.Sequential(block(w2, w3, 2), block(w3, w3, 1))
        self.layer4 = nn.Sequential(block(w3, w4, 2), block(w4, w4, 1))
        self.feature_dim = w4
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def stages(self, x: Tensor) -> Tensor:
        """[B, 3, T, H, W] -> [B, C, T/8, H/16, W/16], rounded up."""
        x = self.through(nn.Sequential(self.stem), x)  # [B, 64, T, H/2, W/2]
        x = self.through(self.layer1, x)  # [B, 64, T, H/2, W/2]
        x = self.through(self.layer2, x)  # [B, 128, T/2, H/4, W/4]
        x = self.through(self.layer3, x)  # [B, 256, T/4, H/8, W/8]
        return self.through(self.layer4, x)  # [B, 512, T/8, H/16, W/16]

    def last_relus(self) -> Iterable[tuple[nn.Module, str]]:
        """Of the last block, behind the sum."""
        return [(self.layer4[-1], "relu")]
