"""The page's section on attention: a few clips, random init and the trained network below each."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from kinema.encoder import Encoder
from kinema.evaluate.features import Features
from kinema.visualise.attention import TOP, attention_energy, cells, motion_energy_share, overlay, scaled
from kinema.visualise.choice import class_name, spread_over_classes
from kinema.visualise.page import paragraph, text
from kinema.visualise.pictures import img, strip

SHOWN = 4
"""Clips in the picture."""
MEASURED = 16
"""Clips that the number is taken over."""
_FRAMES, _SIDE = 5, 112


def attention_grid(
    encoder: Encoder, random_encoder: Encoder | None, videos: Features, frames_of: Callable[[str], Tensor]
) -> str:
    """HTML: of clips spread over the classes the input, and where random init and this run respond most.

    Args:
        encoder: the trained one.
        random_encoder: the same before training, if there is one to compare with.
        videos: those to choose from; only labels and paths are used.
        frames_of: a clip, uint8 [T, S, S, 3], of the video at a path.
    """
    chosen = spread_over_classes(videos.labels, MEASURED)
    clips = torch.stack([frames_of(videos.paths[number]) for number in chosen])
    energy = {"this run": attention_energy(encoder, clips)}
    if random_encoder is not None:
        energy = {"random init": attention_energy(random_encoder, clips), **energy}
    maps = {name: scaled(each) for name, each in energy.items()}
    shown = [chosen.index(number) for number in spread_over_classes(videos.labels, SHOWN, among=chosen)]
    figures = "".join(
        _clip(clips[row], {name: each[row] for name, each in maps.items()}, class_name(videos, chosen[row]))
        for row in shown
    )
    return _words(energy, clips, cells(encoder, encoder.clip)) + f'<div class="clips">\n{figures}</div>\n'


def _clip(frames: Tensor, maps: dict[str, Tensor], name: str) -> str:
    rows = [_row("input", strip(frames, count=_FRAMES, side=_SIDE), f"Frames of a clip of {name}")]
    for who, each in maps.items():
        rows.append(_row(who, strip(overlay(frames, each), count=_FRAMES, side=_SIDE), f"Response of {who} to {name}"))
    return f"<figure>\n{''.join(rows)}<figcaption><b>{text(name)}</b></figcaption>\n</figure>\n"


def _row(name: str, pixels: Tensor, alt: str) -> str:
    return f"<div><span>{text(name)}</span>{img(pixels, alt)}</div>\n"


def _words(energy: dict[str, Tensor], clips: Tensor, grid: tuple[int, int, int]) -> str:
    shares = {who: 100 * float(motion_energy_share(each, clips).mean()) for who, each in energy.items()}
    said = ", ".join(f"{who} {share:.1f} %" for who, share in shares.items())
    return paragraph(
        "Strength of the last convolutional layer: mean of squared activations over its channels, upsampled to the "
        "clip, drawn from each clip's least (dark blue) to its most (yellow). No label is used. The layer "
        f"has {grid[0]} x {grid[1]} x {grid[2]} cells a clip (time x height x width), and the picture is no finer."
    ) + paragraph(
        f"Share of this strength on the tenth of the pixels that change most from frame to frame, mean over "
        f"{len(clips)} clips: <b>{text(said)}</b>. A map that is the same everywhere has {100 * TOP:g} %."
    )
