"""R(2+1)D-18: R3D-18 with each convolution split into space (1x3x3) and time (3x1x1), batch norm and ReLU between.

See `kinema.backbones.resnet18` for the rest. The channels between the halves follow the rule of the paper's section
3.5, worked out anew for each width, except where torchvision differs and so do we: both convolutions of a block use
the number found for its first, and the stem has 45 (times the width).
"""

from __future__ import annotations

from torch import nn

from kinema.backbones.backbone import channels, factorised_channels
from kinema.backbones.convolution import Conv3d
from kinema.backbones.resnet18 import ResidualBlock, VideoResNet18


def r2plus1d_18(width: float = 1.0) -> VideoResNet18:
    """R(2+1)D-18 with torchvision's module names: 31,300,125 parameters and a 512-d feature at width 1."""
    return VideoResNet18(stem(channels(45, width), channels(64, width)), block, width)


def stem(between: int, outputs: int) -> nn.Sequential:
    """1x7x7 with stride 1x2x2, then 3x1x1."""
    return nn.Sequential(
        Conv3d(3, between, (1, 7, 7), (1, 2, 2), padding=(0, 3, 3), bias=False),
        nn.BatchNorm3d(between),
        nn.ReLU(inplace=True),
        Conv3d(between, outputs, (3, 1, 1), padding=(1, 0, 0), bias=False),
        nn.BatchNorm3d(outputs),
        nn.ReLU(inplace=True),
    )


def block(inputs: int, outputs: int, stride: int) -> ResidualBlock:
    """Two split convolutions."""
    between = factorised_channels(inputs, outputs, (3, 3, 3))
    first = split_conv(inputs, between, outputs, stride)
    second = split_conv(outputs, between, outputs, 1)
    return ResidualBlock(first, second, inputs=inputs, outputs=outputs, stride=stride)


def split_conv(inputs: int, between: int, outputs: int, stride: int) -> nn.Sequential:
    """1x3x3 over space, then 3x1x1 over time; the stride applies to all three axes."""
    return nn.Sequential(
        Conv3d(inputs, between, (1, 3, 3), (1, stride, stride), padding=(0, 1, 1), bias=False),
        nn.BatchNorm3d(between),
        nn.ReLU(inplace=True),
        Conv3d(between, outputs, (3, 1, 1), (stride, 1, 1), padding=(1, 0, 0), bias=False),
    )
