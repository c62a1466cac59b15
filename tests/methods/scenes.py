"""Moving shapes where each quarter of the picture can be told, mirrored or not, and early from late."""

import torch
from learning import moving_shapes


def quartered_scenes(motions, looks):
    """`learning.moving_shapes` half blended with slanting stripes, and growing twice as bright from start to end.

    The stripes of the left half rise, those of the right half fall, and those above are twice as wide as those below.
    """
    side = 36
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    slant = rows + torch.where(columns < side // 2, columns, side - 1 - columns)
    stripes = slant // torch.where(rows < side // 2, 4, 2) % 2 * 255.0
    scenes = []
    for video in moving_shapes(motions, looks):
        light = torch.linspace(0.5, 1, len(video)).view(-1, 1, 1, 1)
        scenes.append((light * (video + stripes[:, :, None]) / 2).to(torch.uint8))
    return scenes
