"""The R3D and R(2+1)D of VCOP with one residual block a stage; IIC, PCL, PRP, Pace Prediction and DualVar used them.

Source: Xu et al., "Self-Supervised Spatiotemporal Learning via Video Clip Order Prediction", CVPR 2019, and its code.
Module names are those of VCOP's and IIC's code, so that their published weights load (drop `linear.*`). Batch norm
and initialisation are PyTorch's defaults (eps 1e-5, momentum 0.1; Kaiming-uniform weights, a = sqrt 5); convolutions
have no bias.

The R(2+1)D differs from torchvision's: the rule for the channels between space and time is applied to each
convolution by itself, to the stem (83 channels, where torchvision has 45) and to the 1x1x1 shortcut, which is split
as well.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

from torch import Tensor, nn

from kinema.backbones.backbone import Backbone, channels, factorised_channels
from kinema.backbones.convolution import Conv3d

Size = tuple[int, int, int]
Conv = Callable[[int, int, Size, Size], nn.Module]
"""Makes a convolution from its input channels, output channels, kernel and stride; padding keeps the size."""

ONE_BLOCK = (1, 1, 1, 1)


def r3d_vcop(width: float = 1.0, blocks: tuple[int, int, int, int] = ONE_BLOCK) -> VCOPNet:
    """VCOP's R3D: 14,361,792 parameters at width 1; 33,166,272 with two blocks a stage ("Res18-3D" in IIC)."""
    return VCOPNet(full_conv, width, blocks)


def r2plus1d_vcop(width: float = 1.0, blocks: tuple[int, int, int, int] = ONE_BLOCK) -> VCOPNet:
    """VCOP's R(2+1)D: 14,365,303 parameters at width 1; 33,178,423 with two blocks a stage."""
    return VCOPNet(split_conv, width, blocks)


class VCOPNet(Backbone):
    """A stem (conv1) and four stages (conv2 to conv5); all but the first stage halve every axis."""

    stride = (8, 16, 16)

    def __init__(self, conv: Conv, width: float, blocks: tuple[int, int, int, int]) -> None:
        """Build the stages.

        Args:
            conv: makes a convolution, full or split.
            width: multiplies the channels of the stages, each rounded by `channels`.
            blocks: residual blocks in each stage.
        """
        super().__init__()
        w1, w2, w3, w4 = (channels(count, width) for count in (64, 128, 256, 512))
        self.conv1 = conv(3, w1, (3, 7, 7), (1, 2, 2))
        self.bn1 = nn.BatchNorm3d(w1)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = stage(conv, w1, w1, blocks[0], halve=False)
        self.conv3 = stage(conv, w1, w2, blocks[1], halve=True)
        self.conv4 = stage(conv, w2, w3, blocks[2], halve=True)
        self.conv5 = stage(conv, w3, w4, blocks[3], halve=True)
        self.feature_dim = w4

    def stages(self, x: Tensor) -> Tensor:
        """[B, 3, T, H, W] -> [B, C, T/8, H/16, W/16], rounded up."""
        stem = nn.Sequential(self.conv1, self.bn1, self.relu1)
        x = self.through(nn.Sequential(stem), x)  # [B, 64, T, H/2, W/2]
        x = self.through(self.conv2, x)  # [B, 64, T, H/2, W/2]
        x = self.through(self.conv3, x)  # [B, 128, T/2, H/4, W/4]
        x = self.through(self.conv4, x)  # [B, 256, T/4, H/8, W/8]
        return self.through(self.conv5, x)  # [B, 512, T/8, H/16, W/16]

    def last_relus(self) -> Iterable[tuple[nn.Module, str]]:
        """Of the last block, behind the sum."""
        last = [each for each in self.conv5.modules() if isinstance(each, VCOPBlock)][-1]
        return [(last, "outrelu")]


def stage(conv: Conv, inputs: int, outputs: int, count: int, *, halve: bool) -> nn.Sequential:
    """`count` residual blocks, the first of which changes the channels and may halve every axis."""
    first = VCOPBlock(conv, inputs, outputs, halve=halve)
    rest = [VCOPBlock(conv, outputs, outputs, halve=False) for _ in range(count - 1)]
    return nn.Sequential(OrderedDict(block1=first, blocks=nn.Sequential(*rest)))


class VCOPBlock(nn.Module):
    """Two 3x3x3 convolutions beside a shortcut, which is a strided 1x1x1 convolution where the block halves."""

    def __init__(self, conv: Conv, inputs: int, outputs: int, *, halve: bool) -> None:
        """Build a block; `halve` gives its first convolution and its shortcut stride 2 on every axis."""
        super().__init__()
        stride = (2, 2, 2) if halve else (1, 1, 1)
        self.halve = halve
        self.conv1 = conv(inputs, outputs, (3, 3, 3), stride)
        self.bn1 = nn.BatchNorm3d(outputs)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = conv(outputs, outputs, (3, 3, 3), (1, 1, 1))
        self.bn2 = nn.BatchNorm3d(outputs)
        self.outrelu = nn.ReLU(inplace=True)
        if halve:
            self.downsampleconv = conv(inputs, outputs, (1, 1, 1), stride)
            self.downsamplebn = nn.BatchNorm3d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, t, h, w] -> [B, outputs, t, h, w], or half of t, h and w rounded up."""
        residual = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        short = self.downsamplebn(self.downsampleconv(x)) if self.halve else x
        y: Tensor = self.outrelu(residual + short)
        return y


def full_conv(inputs: int, outputs: int, kernel: Size, stride: Size) -> nn.Sequential:
    """One 3-D convolution."""
    t, h, w = kernel
    conv = Conv3d(inputs, outputs, kernel, stride, padding=(t // 2, h // 2, w // 2), bias=False)
    return nn.Sequential(OrderedDict(temporal_spatial_conv=conv))


def split_conv(inputs: int, outputs: int, kernel: Size, stride: Size) -> nn.Sequential:
    """A convolution over space, batch norm and ReLU, then a convolution over time."""
    t, h, w = kernel
    between = factorised_channels(inputs, outputs, kernel)
    space = Conv3d(inputs, between, (1, h, w), (1, *stride[1:]), padding=(0, h // 2, w // 2), bias=False)
    time = Conv3d(between, outputs, (t, 1, 1), (stride[0], 1, 1), padding=(t // 2, 0, 0), bias=False)
    return nn.Sequential(
        OrderedDict(spatial_conv=space, bn=nn.BatchNorm3d(between), relu=nn.ReLU(inplace=True), temporal_conv=time)
    )
