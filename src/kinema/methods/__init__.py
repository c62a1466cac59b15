"""The methods, one file each, and the one table that lists them.

To add a method: write its file, add a line here, add a line to `tests/methods/cases.py`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from kinema.settings import Recipe

if TYPE_CHECKING:
    from kinema.methods.base import Method

# name: (module, class, one line for `kinema list methods`); modules are imported when one is built, since torch is slow
METHODS = {
    "mcn": ("mcn", "MCN", "Meta-Contrastive Network, ICCV 2021: two views, memory banks, pair classification, MAML"),
    "cmc": ("cmc", "CMC", "Contrastive Multiview Coding of RGB and residual clips, ECCV 2020: MCN's baseline"),
}


def build(recipe: Recipe, num_videos: int) -> Method:
    """The recipe's method on a fresh backbone, for a training list of `num_videos` videos.

    Weights depend on `recipe.train.seed` alone.
    """
    import torch

    from kinema import backbones

    module, name, _ = METHODS[recipe.method.name]
    cls = getattr(importlib.import_module(f"kinema.methods.{module}"), name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.train.seed)
        backbone = backbones.build(recipe.backbone.name, recipe.backbone.width)
        # The layout in which augmented clips arrive and convolutions run fastest, on CPU and GPU.
        backbone.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # missing in torch's stubs
        backbone.recompute = recipe.train.checkpoint_activations
        method: Method = cls(recipe, backbone, backbone.feature_dim, num_videos)
    return method
