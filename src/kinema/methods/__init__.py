"""The methods, one file each, and the one table that lists them.

To add a method: write its file, add an entry here, add a line to `tests/methods/cases.py`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from kinema.methods.listed import Listed
from kinema.settings import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable

    from kinema.backbones.backbone import Backbone
    from kinema.methods.base import Method


METHODS = {
    "mcn": Listed(
        "mcn",
        "MCN",
        "two views against memory banks, pair classification, MAML",
        "Meta-Contrastive Network, ICCV 2021",
        memory="bank",
        printed="MCN",
    ),
    "cmc": Listed(
        "cmc",
        "CMC",
        "RGB and residual clips against memory banks: MCN's baseline",
        "Contrastive Multiview Coding, ECCV 2020",
        memory="bank",
        printed="CMC (RGB + residual)",
    ),
    "simclr": Listed(
        "simclr",
        "SimCLR",
        "two clips of a video, near in time, against the other clips of the batch",
        "SimCLR, ICML 2020, with the clips of CVRL, CVPR 2021",
        clips=2,
        printed="CVRL",
    ),
    "iic": Listed(
        "iic",
        "IIC",
        "CMC with intra-negatives, clips whose motion was destroyed, in a third memory bank",
        "Inter-Intra Contrastive learning, ACM MM 2020",
        memory="bank",
        printed="IIC",
    ),
    "dualvar": Listed(
        "dualvar",
        "DualVar",
        "two clips against others, whole and in segments, and the segments' order",
        "Inter-intra variant dual representations, BMVC 2021",
        clips=3,
    ),
    "dpc": Listed(
        "dpc",
        "DPC",
        "feature maps of blocks of frames, predicted from those before",
        "Dense Predictive Coding, ICCVW 2019",
        clips=8,
        printed="DPC",
    ),
    "memdpc": Listed(
        "memdpc",
        "MemDPC",
        "as DPC, both ways in time, by way of a learned memory",
        "Memory-augmented Dense Predictive Coding, ECCV 2020",
        clips=8,
        printed="MemDPC",
    ),
    "moco": Listed(
        "moco",
        "MoCo",
        "two clips, keys by a copy that follows, against a queue; CoCLR's first stage, InfoNCE",
        "Momentum Contrast, CVPR 2020",
        clips=2,
        memory="queue",
    ),
    "tclr": Listed(
        "tclr",
        "TCLR",
        "tells apart videos, parts of a video, and time steps of a feature map",
        "Temporal Contrastive Learning, CVIU 2022",
        clips=10,
    ),
    "byol": Listed(
        "byol",
        "BYOL",
        "one clip predicts another as a copy that follows projects it; no negatives",
        "Bootstrap Your Own Latent, NeurIPS 2020",
        clips=2,
    ),
    "swav": Listed(
        "swav",
        "SwAV",
        "one clip's assignment to prototypes, predicted from another clip",
        "Swapping Assignments between Views, NeurIPS 2020",
        clips=2,
    ),
    "rotnet": Listed(
        "rotnet",
        "RotNet",
        "by how many right angles a clip has been turned",
        "3D-RotNet, arXiv 2018",
        printed="3D-RotNet",
    ),
    "stpuzzle": Listed(
        "stpuzzle",
        "STPuzzle",
        "the order of four pieces from four places or four times",
        "Space-Time Cubic Puzzles, AAAI 2019",
        clips=4,
        printed="ST-Puzzle",
    ),
    "jigsaw": Listed(
        "jigsaw",
        "Jigsaw",
        "the order of 3 x 3 pieces of a clip",
        "Jigsaw Puzzles, ECCV 2016",
        printed="Jigsaw",
    ),
    "prp": Listed(
        "prp",
        "PRP",
        "how fast a clip is played, and the frames between its frames",
        "Playback Rate Perception, CVPR 2020",
        printed="PRP",
    ),
    "vcop": Listed(
        "vcop",
        "VCOP",
        "the order in which clips of a video are shown",
        "Video Clip Order Prediction, CVPR 2019",
        clips=3,
        printed="VCOP",
    ),
    "opn": Listed(
        "vcop",
        "VCOP",
        "the order, up to reversal, in which frames of a video are shown",
        "Order Prediction Network, ICCV 2017",
        clips=4,
        printed="OPN",
    ),
    "pace": Listed(
        "pace",
        "Pace",
        "the stride of a clip, and if wanted the contrast of two of a video's clips",
        "Pace Prediction, ECCV 2020",
        printed="PP",
    ),
    "speednet": Listed(
        "speednet",
        "SpeedNet",
        "whether a clip is sped up, both versions of a segment in each batch",
        "SpeedNet, CVPR 2020",
        clips=2,
        printed="SpeedNet",
    ),
    "vcp": Listed(
        "vcp",
        "VCP",
        "what was done to the middle one of a video's clips",
        "Video Cloze Procedure, AAAI 2020",
        clips=3,
        printed="VCP",
    ),
    "pcl": Listed(
        "pcl",
        "PCL",
        "VCP or VCOP, and the first clip against the last by memory banks",
        "Pretext-Contrastive Learning, arXiv 2020",
        clips=3,
        memory="bank",
    ),
    "coclr": Listed(
        "coclr",
        "CoCLR",
        "InfoNCE on RGB or flow, then positives by a frozen network of the other stream",
        "Self-supervised Co-Training, NeurIPS 2020",
        clips=2,
        flow=True,
        memory="queue",
        printed="CoCLR",
    ),
    "rspnet": Listed(
        "rspnet",
        "RSPNet",
        "a clip's video among a queue's, and which of two clips has its speed",
        "Relative Speed Perception Network, AAAI 2021",
        clips=3,
        memory="queue",
    ),
    "mars": Listed(
        "mars",
        "Mars",
        "where a clip moves most and where which colours are",
        "Motion and Appearance Statistics, CVPR 2019",
        printed="motion statistics",
    ),
}
"""Every method, by the name that its settings have."""


def build(recipe: Recipe, num_videos: int, begin: Callable[[Backbone], None] | None = None) -> Method:
    """The recipe's method on a fresh backbone, for a training list of `num_videos` videos.

    Weights depend on `recipe.train.seed` alone. `begin` may give the backbone others, before the method is made around
    it and takes copies of it.
    """
    import torch

    from kinema import backbones

    listed = METHODS[recipe.method.name]
    cls = getattr(importlib.import_module(f"kinema.methods.{listed.module}"), listed.cls)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.train.seed)
        backbone = backbones.build(recipe.backbone.name, recipe.backbone.width)
        # The layout in which augmented clips arrive and convolutions run fastest, on CPU and GPU.
        backbone.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # missing in torch's stubs
        if begin is not None:
            begin(backbone)
        backbone.recompute, backbone.compiled = recipe.train.checkpoint_activations, recipe.train.compile
        method: Method = cls(recipe, backbone, backbone.feature_dim, num_videos)
    return method
