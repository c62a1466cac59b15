"""S3D: Inception-v1 inflated to video, each spatial 3-D convolution split into space and then time.

Source: Xie et al., "Rethinking Spatiotemporal Feature Learning", ECCV 2018, without gating; the layer sizes of
torchvision and CoCLR. Module names are torchvision's, so that its weights load (drop `classifier.*`). Convolutions
have no bias and PyTorch's default initialisation, as in torchvision.

Two things differ from torchvision. The head averages over whatever cells there are and the last pooling leaves an
axis of one cell alone, so that clips from 1 frame and 1 pixel up pass (torchvision refuses less than 14 frames or
224 pixels). Batch norm has torchvision's eps of 1e-3, which its weights need, but CoCLR's momentum of 0.1: at
torchvision's 1e-3 the running statistics would be more than a third initial values after a thousand steps.

CoCLR's own S3D, `s3d_coclr`, has PyTorch's eps of 1e-5 and weights drawn with a deviation of 0.01, which leaves
variances so small that the eps matters: weights trained with one do not fit the other. `s3dg` is CoCLR's S3D-G, the
same with a gate after each branch of a block.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from kinema.backbones.backbone import Backbone, Halve, channels
from kinema.backbones.convolution import Conv3d


def s3d(width: float = 1.0) -> S3D:
    """S3D with torchvision's module names: 7,910,048 parameters and a 1024-d feature at width 1."""
    return S3D(width)


def s3d_coclr(width: float = 1.0) -> S3D:
    """S3D as CoCLR trained it: 7,910,048 parameters and a 1024-d feature at width 1."""
    return as_in_coclr(S3D(width))


def s3dg(width: float = 1.0) -> S3D:
    """S3D-G as in CoCLR's code: 9,098,000 parameters and a 1024-d feature at width 1."""
    return as_in_coclr(S3D(width, gates=True))


def as_in_coclr(net: S3D) -> S3D:
    """The network with CoCLR's batch-norm eps and initial weights."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.eps = 1e-5
        elif isinstance(module, nn.Conv3d):
            nn.init.normal_(module.weight, std=0.01)
    return net


class S3D(Backbone):
    """Stem, then nine Inception blocks in three groups with pooling between."""

    stride = (8, 32, 32)

    def __init__(self, width: float = 1.0, *, gates: bool = False) -> None:
        """Build it.

        Args:
            width: multiplies the channels of every convolution, each rounded by `channels`; a block's output is the
                sum of its branches.
            gates: a gate after each branch of a block (S3D-G).
        """
        super().__init__()
        w64, w192 = channels(64, width), channels(192, width)
        inception = Inceptions(w192, width, gates)
        self.features = nn.Sequential(  # the shapes at width 1
            separable(3, w64, kernel=7, stride=2),  # [B, 64, T/2, H/2, W/2]
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), padding=(0, 1, 1)),
            conv_bn_relu(w64, w64, (1, 1, 1)),
            separable(w64, w192, kernel=3),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), padding=(0, 1, 1)),  # [B, 192, T/2, H/8, W/8]
            inception.following(64, (96, 128), (16, 32), 32),
            inception.following(128, (128, 192), (32, 96), 64),
            nn.MaxPool3d(3, 2, padding=1),  # [B, 480, T/4, H/16, W/16]
            inception.following(192, (96, 208), (16, 48), 64),
            inception.following(160, (112, 224), (24, 64), 64),
            inception.following(128, (128, 256), (24, 64), 64),
            inception.following(112, (144, 288), (32, 64), 64),
            inception.following(256, (160, 320), (32, 128), 128),
            Halve(),  # [B, 832, T/8, H/32, W/32]
            inception.following(256, (160, 320), (32, 128), 128),
            inception.following(384, (192, 384), (48, 128), 128),
        )
        self.feature_dim = inception.outputs

    def stages(self, x: Tensor) -> Tensor:
        """[B, 3, T, H, W] -> [B, C, T/8, H/32, W/32]: halved in 3 and 5 steps, rounded up, in the last step down."""
        return self.through(self.features, x)

    def last_relus(self) -> Iterable[tuple[nn.Module, str]]:
        """Of each branch of the last block."""
        last = self.features[-1]
        assert isinstance(last, Inception)
        return last.last_relus()


class Inceptions:
    """Makes the blocks in order, each taking the channels that the one before gave."""

    def __init__(self, inputs: int, width: float, gates: bool) -> None:
        """Start from a map of `inputs` channels."""
        self.outputs = inputs
        self.width = width
        self.gates = gates

    def following(self, point: int, middle: tuple[int, int], small: tuple[int, int], pooled: int) -> Inception:
        """The next block; the arguments are `Inception`'s at width 1."""
        w = self.width
        block = (GatedInception if self.gates else Inception)(
            self.outputs,
            channels(point, w),
            (channels(middle[0], w), channels(middle[1], w)),
            (channels(small[0], w), channels(small[1], w)),
            channels(pooled, w),
        )
        self.outputs = block.outputs
        return block


class Inception(nn.Module):
    """Four branches side by side, concatenated; time, height and width stay."""

    def __init__(self, inputs: int, point: int, middle: tuple[int, int], small: tuple[int, int], pooled: int) -> None:
        """Build the branches.

        Args:
            inputs: channels in.
            point: channels of the 1x1x1 branch.
            middle: channels of the second branch: its 1x1x1 reduction, its separable 3x3x3 convolution.
            small: the same for the third.
            pooled: channels of the branch that max-pools first.
        """
        super().__init__()
        self.branch0 = conv_bn_relu(inputs, point, (1, 1, 1))
        self.branch1 = nn.Sequential(conv_bn_relu(inputs, middle[0], (1, 1, 1)), separable(*middle, kernel=3))
        self.branch2 = nn.Sequential(conv_bn_relu(inputs, small[0], (1, 1, 1)), separable(*small, kernel=3))
        self.branch3 = nn.Sequential(nn.MaxPool3d(3, 1, padding=1), conv_bn_relu(inputs, pooled, (1, 1, 1)))
        self.outputs = point + middle[1] + small[1] + pooled

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, t, h, w] -> [B, outputs, t, h, w]."""
        return torch.cat(self.branches(x), dim=1)

    def branches(self, x: Tensor) -> list[Tensor]:
        """What each branch makes of x."""
        return [self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)]

    def last_relus(self) -> list[tuple[nn.Module, str]]:
        """Those that the branches end with, each behind a convolution and its batch norm."""
        branches = (self.branch0, self.branch1, self.branch2, self.branch3)
        ends = [[part for part in branch.modules() if isinstance(part, nn.Sequential)][-1] for branch in branches]
        return [(end, "2") for end in ends]


class GatedInception(Inception):
    """An Inception block with a gate after each branch."""

    def __init__(self, inputs: int, point: int, middle: tuple[int, int], small: tuple[int, int], pooled: int) -> None:
        super().__init__(inputs, point, middle, small, pooled)
        self.gating_b0 = Gate(point)
        self.gating_b1 = Gate(middle[1])
        self.gating_b2 = Gate(small[1])
        self.gating_b3 = Gate(pooled)

    def branches(self, x: Tensor) -> list[Tensor]:
        """What each branch makes of x, behind its gate."""
        b0, b1, b2, b3 = super().branches(x)
        return [self.gating_b0(b0), self.gating_b1(b1), self.gating_b2(b2), self.gating_b3(b3)]


class Gate(nn.Module):
    """Each channel times a number from 0 to 1 that depends on the means of all: x * sigmoid(W mean(x) + b).

    The means are of what a ReLU leaves of x, which is x itself behind one; so leaving that out changes no gate.
    """

    def __init__(self, size: int) -> None:
        """A gate for `size` channels."""
        super().__init__()
        self.fc = nn.Linear(size, size)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, t, h, w] -> the same."""
        weights: Tensor = self.fc(x.relu().mean(dim=(2, 3, 4))).sigmoid()  # [B, C]
        return x * weights[:, :, None, None, None]


def separable(inputs: int, outputs: int, *, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution over space, then one over time, each with batch norm and ReLU."""
    return nn.Sequential(
        conv_bn_relu(inputs, outputs, (1, kernel, kernel), (1, stride, stride)),
        conv_bn_relu(outputs, outputs, (kernel, 1, 1), (stride, 1, 1)),
    )


def conv_bn_relu(
    inputs: int, outputs: int, kernel: tuple[int, int, int], stride: tuple[int, int, int] = (1, 1, 1)
) -> nn.Sequential:
    """Convolution with padding that keeps the size at stride 1, batch norm, ReLU."""
    t, h, w = kernel
    return nn.Sequential(
        Conv3d(inputs, outputs, kernel, stride, padding=(t // 2, h // 2, w // 2), bias=False),
        nn.BatchNorm3d(outputs, eps=1e-3),
        nn.ReLU(inplace=True),
    )
