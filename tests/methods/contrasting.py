"""The contrast of a method over videos in memory, normalised by each batch as in training.

Running statistics would tell a trained network from a fresh one by themselves, or, where two views share a projection,
fit neither.
"""

import torch
from cases import step
from learning import batch_of


@torch.no_grad()
def contrast_over(method, videos, rounds=2):
    """The mean of the loss term "contrast", each video drawn anew in every round."""
    batches = torch.arange(len(videos)).split(method.recipe.train.batch_size)
    found = [
        method.loss(batch_of(method, videos, numbers.tolist(), 1000 + number), step()).terms["contrast"]
        for number in range(rounds)
        for numbers in batches
    ]
    return torch.stack(found).mean().item()
