"""The 2D-3D ResNets of DPC and MemDPC: 1x3x3 convolutions in the first two stages, 3x3x3 in the last two.

Source: Han, Xie and Zisserman, "Video Representation Learning by Dense Predictive Coding", ICCVW 2019, and its code;
MemDPC (ECCV 2020) has the same. The last stage has 256 channels instead of 512. Module names are theirs. Batch norm has
PyTorch's defaults; convolutions have no bias and Kaiming-normal weights by fan-out.

Both methods leave the ReLU out of the last block, since they predict what is before it, and apply one before anything
else is done with the map; here the block has it, and they call `leave_out_last_relu`.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from kinema.backbones.backbone import Backbone, channels
from kinema.backbones.convolution import Conv3d

Kernel = tuple[int, int, int]
FLAT, FULL = (1, 3, 3), (3, 3, 3)


def r2d3d_18(width: float = 1.0) -> R2D3D:
    """18 layers: 14,057,536 parameters and a 256-d feature at width 1."""
    return R2D3D((2, 2, 2, 2), width)


def r2d3d_34(width: float = 1.0) -> R2D3D:
    """34 layers: 32,422,208 parameters and a 256-d feature at width 1."""
    return R2D3D((3, 4, 6, 3), width)


class R2D3D(Backbone):
    """A flat stem with pooling, then two flat and two full stages; all but the first stage halve what they convolve."""

    stride = (4, 32, 32)

    def __init__(self, blocks: tuple[int, int, int, int], width: float) -> None:
        """Build the stages.

        Args:
            blocks: residual blocks in each stage.
            width: multiplies the channels of the stages, each rounded by `channels`.
        """
        super().__init__()
        w1, w2, w3 = (channels(count, width) for count in (64, 128, 256))
        self.conv1 = Conv3d(3, w1, (1, 7, 7), (1, 2, 2), padding=(0, 3, 3), bias=False)
        self.bn1 = nn.BatchNorm3d(w1)
        self.layer1 = stage(FLAT, w1, w1, blocks[0], halve=False)
        self.layer2 = stage(FLAT, w1, w2, blocks[1], halve=True)
        self.layer3 = stage(FULL, w2, w3, blocks[2], halve=True)
        self.layer4 = stage(FULL, w3, w3, blocks[3], halve=True)
        self.feature_dim = w3
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def stages(self, x: Tensor) -> Tensor:
        """[B, 3, T, H, W] -> [B, C, T/4, H/32, W/32], rounded up."""
        pooling = nn.MaxPool3d((1, 3, 3), (1, 2, 2), padding=(0, 1, 1))
        stem = nn.Sequential(self.conv1, self.bn1, nn.ReLU(inplace=True), pooling)
        x = self.through(nn.Sequential(stem), x)  # [B, 64, T, H/4, W/4]
        x = self.through(self.layer1, x)  # [B, 64, T, H/4, W/4]
        x = self.through(self.layer2, x)  # [B, 128, T, H/8, W/8]
        x = self.through(self.layer3, x)  # [B, 256, T/2, H/16, W/16]
        return self.through(self.layer4, x)  # [B, 256, T/4, H/32, W/32]

    def last_relus(self) -> Iterable[tuple[nn.Module, str]]:
        """Of the last block, behind the sum."""
        return [(self.layer4[-1], "relu")]


def stage(kernel: Kernel, inputs: int, outputs: int, count: int, *, halve: bool) -> nn.Sequential:
    """`count` residual blocks, the first of which changes the channels and may halve the axes of the kernel."""
    first = Block(kernel, inputs, outputs, halve=halve)
    return nn.Sequential(first, *(Block(kernel, outputs, outputs, halve=False) for _ in range(count - 1)))


class Block(nn.Module):
    """Two convolutions beside a shortcut, which is a strided 1x1x1 convolution where the block halves."""

    def __init__(self, kernel: Kernel, inputs: int, outputs: int, *, halve: bool) -> None:
        """Build a block; `halve` gives its first convolution stride 2 on the axes where the kernel is 3 long."""
        super().__init__()
        t, h, w = kernel
        stride = (min(2, t), 2, 2) if halve else (1, 1, 1)
        padding = (t // 2, h // 2, w // 2)
        self.conv1 = Conv3d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn1 = nn.BatchNorm3d(outputs)
        self.conv2 = Conv3d(outputs, outputs, kernel, padding=padding, bias=False)
        self.bn2 = nn.BatchNorm3d(outputs)
        self.downsample = (
            nn.Sequential(Conv3d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm3d(outputs))
            if halve
            else nn.Identity()
        )
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, t, h, w] -> [B, outputs, t, h, w], or half of the kernel's axes rounded up."""
        residual = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        y: Tensor = self.relu(residual + self.downsample(x))
        return y
