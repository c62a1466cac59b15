"""R3D-18: the 18-layer ResNet with full 3x3x3 convolutions. See `kinema.backbones.resnet18` for the rest."""

from __future__ import annotations

from torch import nn

from kinema.backbones.backbone import channels
from kinema.backbones.convolution import Conv3d
from kinema.backbones.resnet18 import ResidualBlock, VideoResNet18


def r3d_18(width: float = 1.0) -> VideoResNet18:
    """R3D-18 with torchvision's module names: 33,166,272 parameters and a 512-d feature at width 1."""
    return VideoResNet18(stem(channels(64, width)), block, width)


def r3d_18_tclr(width: float = 1.0) -> VideoResNet18:
    """R3D-18 with TCLR's last stage: its first block dilates time by 2 instead of halving it, so maps are T/4 long.

    The weights have the names and sizes of R3D-18's (Dave et al., "TCLR", CVIU 2022, section 3.5 and its code).
    """
    net = r3d_18(width)
    first = net.layer4[0]
    assert isinstance(first, ResidualBlock)
    assert isinstance(first.downsample, nn.Sequential)
    inputs, outputs = channels(256, width), channels(512, width)
    first.conv1[0] = Conv3d(inputs, outputs, 3, (1, 2, 2), padding=(2, 1, 1), dilation=(2, 1, 1), bias=False)
    first.downsample[0] = Conv3d(inputs, outputs, 1, (1, 2, 2), bias=False)
    net.stride = (4, 16, 16)
    return net


def stem(outputs: int) -> nn.Sequential:
    """3x7x7, stride 1x2x2."""
    conv = Conv3d(3, outputs, (3, 7, 7), (1, 2, 2), padding=(1, 3, 3), bias=False)
    return nn.Sequential(conv, nn.BatchNorm3d(outputs), nn.ReLU(inplace=True))


def block(inputs: int, outputs: int, stride: int) -> ResidualBlock:
    """Two 3x3x3 convolutions."""
    first = Conv3d(inputs, outputs, 3, stride, padding=1, bias=False)
    second = Conv3d(outputs, outputs, 3, padding=1, bias=False)
    return ResidualBlock(first, second, inputs=inputs, outputs=outputs, stride=stride)
