"""The 3-D convolution of every backbone: torch's, with a right gradient in bf16 on a CPU too."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Conv3d(nn.Conv3d):
    """`nn.Conv3d` that writes its zeros around small maps where torch would get the gradient wrong without them.

    In bf16 on a CPU with AVX-512, torch 2.13 (oneDNN 3.12) gives a wrong gradient of the weights, off by as much as its
    whole length and in part never computed, where a kernel reaches over more cells than the map has along an axis: 3
    over the 2 time steps that R3D-18's last stage has of 16 frames. With the padding written out every kernel has its
    cells. The sums are the same ones.
    """

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        reaches = (d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel_size, strict=True))
        fits = all(reach <= size for reach, size in zip(reaches, input.shape[2:], strict=True))
        if fits or not in_bf16_on_a_cpu(input):
            y: Tensor = super()._conv_forward(input, weight, bias)
            return y
        t, h, w = map(int, self.padding)
        around = (w, w, h, h, t, t)
        return F.conv3d(F.pad(input, around), weight, bias, self.stride, 0, self.dilation, self.groups)


def in_bf16_on_a_cpu(x: Tensor) -> bool:
    """Whether a convolution of x computes in bf16 on a CPU, by x's own kind or by autocast."""
    if x.device.type != "cpu":
        return False
    if torch.is_autocast_enabled("cpu"):
        return torch.get_autocast_dtype("cpu") == torch.bfloat16
    return x.dtype == torch.bfloat16
