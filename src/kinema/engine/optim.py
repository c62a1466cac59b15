"""The optimiser and the learning rate's course."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from kinema.settings import Optim


def optimizer(parameters: Iterable[nn.Parameter], config: Optim) -> torch.optim.Optimizer:
    """The optimiser that the settings name; the rate is set anew at each step by the loop."""
    if config.name == "sgd":
        return torch.optim.SGD(parameters, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)
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
