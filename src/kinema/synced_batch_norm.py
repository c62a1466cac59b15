"""Batch norm over the videos of all ranks: what one process with the whole batch would compute.

Letters: N ranks, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from kinema import distributed


class _Synced(_BatchNorm):
    """In training, normalise by the mean and variance over all ranks; each must have as many values.

    Ioffe and Szegedy's formula on a mean of the ranks' means and variances, in float32. Unlike torch's own layer of
    this purpose it also runs on a CPU, and its gradient can be differentiated, as exact second order needs.
    """

    def forward(self, x: Tensor) -> Tensor:
        """As `torch.nn.BatchNorm`."""
        if not self.training or distributed.size() == 1:
            return super().forward(x)
        var, mean = torch.var_mean(x.float(), [axis for axis in range(x.dim()) if axis != 1], correction=0)
        means, variances = distributed.gather(torch.stack([mean, var])[None]).unbind(1)  # [N, C] each
        mean = means.mean(dim=0)
        var = (variances + (means - mean).square()).mean(dim=0)
        self.move(mean.detach(), var.detach(), x.numel() // x.shape[1] * distributed.size())
        shape = [1, -1] + [1] * (x.dim() - 2)
        scale = self.weight * torch.rsqrt(var + self.eps)
        return ((x - mean.view(shape)) * scale.view(shape) + self.bias.view(shape)).to(x.dtype)

    @torch.no_grad()
    def move(self, mean: Tensor, var: Tensor, count: int) -> None:
        """Running statistics towards those of a batch with `count` values a channel, as torch does it."""
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_((var * (count / (count - 1))).to(self.running_var.dtype), self.momentum)


class _Synced1d(_Synced, nn.BatchNorm1d): ...


class _Synced2d(_Synced, nn.BatchNorm2d): ...


class _Synced3d(_Synced, nn.BatchNorm3d): ...


SYNCED: dict[type[nn.Module], type[_Synced]] = {
    nn.BatchNorm1d: _Synced1d,
    nn.BatchNorm2d: _Synced2d,
    nn.BatchNorm3d: _Synced3d,
}


def sync_batch_norm(module: nn.Module) -> None:
    """Let every batch norm in it work over all ranks, with its weights and statistics, and under its names."""
    for child in module.modules():
        if type(child) in SYNCED:
            child.__class__ = SYNCED[type(child)]  # in its place, as others may hold it: parts that are run again
