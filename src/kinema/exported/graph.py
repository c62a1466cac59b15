"""Clips to features as one module that holds no code but torch's, so that it can be traced.

Letters: M clips, T frames, S pixels a side, D length of a feature.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from kinema.encoder import SIDE_BY_SIDE, Encoder


class Graph(nn.Module):
    """An encoder in evaluation mode: uint8 [M, T, S, S, 3] -> float32 [M, D], the view computed inside.

    Where two views are one feature, the second has a network of its own, with the same weights and its own statistics:
    tracing does not follow `functional_call`.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        own = copy.deepcopy(encoder).cpu().eval()
        self.views = SIDE_BY_SIDE.get(own.view, (own.view,))
        self.networks = nn.ModuleList(network_for(own, view) for view in self.views)
        self.show = own.show

    def forward(self, clips: Tensor) -> Tensor:
        """float32 [M, D]."""
        pixels = clips.permute(0, 4, 1, 2, 3).float() / 255  # [M, 3, T, S, S]
        shown = zip(self.networks, self.views, strict=True)
        features: list[Tensor] = [network(self.show(pixels, view)) for network, view in shown]
        if len(features) == 1:
            return features[0]
        return torch.cat([nn.functional.normalize(feature, dim=1) for feature in features], dim=1)


def network_for(encoder: Encoder, view: str) -> nn.Module:
    """The backbone as it looks at one of the encoder's views."""
    network: nn.Module = encoder.backbone
    if view == encoder.view or view == "rgb" or view != encoder.second:
        return network
    shared = {id(each): each for each in network.parameters()}
    other: nn.Module = copy.deepcopy(network, shared)
    other.load_state_dict(encoder.residual_statistics.state(), strict=False)
    return other
