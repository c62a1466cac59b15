"""More time steps in a backbone's last map, by dilation in place of temporal strides.

Taking a stride out and dilating all that comes behind it ("a trous") changes no weight, and every other time step of
the longer map is the plain network's map.
"""

from __future__ import annotations

import math

from torch import nn

from kinema.backbones.backbone import Backbone
from kinema.errors import UsageError


def lengthen(backbone: Backbone, *, frames: int, steps: int) -> None:
    """Change a backbone, so that clips of `frames` frames have a last map of `steps` time steps.

    Temporal strides are taken out of as few stages as that needs, from the last stage backwards.

    Raises:
        UsageError: no number of stages gives as many steps; names those that there are.
    """
    strided = [stage for stage in backbone.children() if any(_strided(conv) for conv in _convolutions(stage))]
    time = backbone.stride[0]
    lengths = [math.ceil(frames * 2**taken / time) for taken in range(len(strided) + 1)]
    if any(isinstance(each, nn.MaxPool3d) for each in backbone.modules()):  # as in S3D: its strides are the poolings'
        lengths = lengths[:1]
    if steps not in lengths:
        choice = ", ".join(str(length) for length in sorted(set(lengths)))
        raise UsageError(
            f"clips of {frames} frames cannot have {steps} time steps in this backbone: it offers {choice}; change "
            "--method.parts, --method.frames or --backbone.name"
        )
    taken = lengths.index(steps)
    dilation = 1
    for stage in strided[len(strided) - taken :]:
        for conv in _convolutions(stage):
            here = dilation if _strided(conv) else 2 * dilation  # a stride's own convolution still sees its neighbours
            conv.stride = (1, *conv.stride[1:])
            conv.dilation = (here, *conv.dilation[1:])
            conv.padding = (here * (conv.kernel_size[0] // 2), *map(int, conv.padding[1:]))
        dilation *= 2
    backbone.stride = (time // 2**taken, *backbone.stride[1:])


def _convolutions(stage: nn.Module) -> list[nn.Conv3d]:
    return [each for each in stage.modules() if isinstance(each, nn.Conv3d)]


def _strided(conv: nn.Conv3d) -> bool:
    return conv.stride[0] == 2
