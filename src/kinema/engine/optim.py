"""The optimiser and the learning rate's course."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from kinema.settings import Optim


class LARS(torch.optim.SGD):
    """SGD with momentum, each weight's step in proportion to its length (You et al., arXiv 1708.03888).

    The gradient g of a weight w, with weight decay, is scaled by `TRUST` |w| / (|g| + decay |w|). Vectors, which are
    biases and what belongs to batch norm, are neither scaled nor decayed, as in BYOL and SwAV.
    """

    TRUST = 0.001  # BYOL, SwAV

    def __init__(self, parameters: Iterable[nn.Parameter], *, lr: float, momentum: float, weight_decay: float) -> None:
        super().__init__(parameters, lr=lr, momentum=momentum)
        self.decay = weight_decay

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Scale the gradients in place, then take SGD's step."""
        for weight in (weight for group in self.param_groups for weight in group["params"]):
            if weight.grad is None or weight.dim() == 1:
                continue
            length, slope = weight.norm(), weight.grad.norm()
            scale = self.TRUST * length / (slope + self.decay * length)
            weight.grad.add_(weight, alpha=self.decay)
            weight.grad.mul_(torch.where((length > 0) & (slope > 0), scale, 1.0))
        return super().step(closure)


def optimizer(parameters: Iterable[nn.Parameter], config: Optim) -> torch.optim.Optimizer:
    """The optimiser that the settings name; the rate is set anew at each step by the loop."""
    if config.name == "sgd":
        return torch.optim.SGD(parameters, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)
    if config.name == "lars":
        return LARS(parameters, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)
    cls = torch.optim.Adam if config.name == "adam" else torch.optim.AdamW
    return cls(parameters, lr=config.lr, betas=(config.momentum, 0.999), weight_decay=config.weight_decay)


def learning_rate(config: Optim, step: int, steps: int) -> float:
    """The rate of step `step` (from 0) out of `steps`."""
    done = step / steps
    if done < config.warmup:
        return config.lr * min((step + 1) / (config.warmup * steps), 1.0)
    if config.schedule == "multistep":
        return config.lr * config.gamma ** sum(done >= milestone for milestone in config.milestones)
    if config.schedule == "cosine":
        course = (done - config.warmup) / (1 - config.warmup)
        return config.lr * (1 + math.cos(math.pi * course)) / 2
    return config.lr
