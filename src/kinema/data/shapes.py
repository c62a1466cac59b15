"""Frames of a textured shape that moves over a textured ground; `kinema.data.synthetic` makes data sets of them.

Two factors are drawn independently. The *motion* is the label. The *look* (outline, fill, ground, all colours) is
shared by one clip of every motion, so that "same motion, other look" and "same look, other motion" exist by
construction. Train and test have no look in common: whoever retrieves by look is at chance.

The picture is a torus: what leaves on one side enters on the other, and a growing shape that has reached the largest
size starts again from the smallest. With a start that is uniform in place, angle and size, each single frame has the
same distribution in every class, and only the order of frames tells the motion. No class changes under a left-right
flip.

    motion   place (x right, y down)   angle    size          direction
    slide    x moves on                .        .             left or right
    rise     y moves up                .        .
    fall     y moves down              .        .
    grow     .                         .        rises
    shrink   .                         .        falls
    spin     .                         turns    .             either
    swing    x to and fro              .        .
    bounce   y to and fro              .        .
    orbit    round a circle            .        .             either
    pulse    .                         .        to and fro

Letters: T frames, H = W = S pixels, P pixels of a look's pictures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

MOTIONS = ("slide", "rise", "fall", "grow", "shrink", "spin", "swing", "bounce", "orbit", "pulse")
"""All motion classes; a data set takes the first few."""
OUTLINES = ("polygon", "blob", "wedge", "star", "drop")
FILLS = ("stripes", "checks", "dots", "clouds", "rings")
GROUNDS = ("gradient", "clouds", "stripes", "checks")

_P = 128  # pixels of a look's pictures
_SMALL, _LARGE = 0.22, 0.46  # radius of the shape, as a fraction of the picture's side
_SWAY = 0.17  # how far `swing`, `bounce` and `orbit` go from the middle, as a fraction of the side
_OVERSAMPLING = 2  # samples a pixel and axis: edges move smoothly below one pixel


@dataclass(frozen=True, eq=False)
class Look:
    """One appearance: names of its parts, and its two pictures."""

    outline: str
    fill: str
    ground: str
    sprite: Tensor
    """float32 [4, P, P]: the shape's colours times its coverage, and its coverage, in [0, 1]."""
    background: Tensor
    """float32 [3, P, P] in [0, 1]; its opposite edges fit."""


@dataclass(frozen=True)
class Nuisance:
    """What makes two clips of one motion and one look differ."""

    x: float
    """Place at the start of the path, as a fraction of the side; so is `y`."""
    y: float
    angle: float
    """In turns, [0, 1)."""
    size: float
    """In [0, 1): from the smallest to the largest shape on a logarithmic scale."""
    phase: float
    """Where in its cycle the motion starts, [0, 1)."""
    rate: float
    """Cycles a frame; a cycle is one crossing of the picture, one turn, one swing or one growth."""
    direction: int
    """-1 or 1: left or right, and the sense of turning, where the motion leaves it open."""
    drift_x: float
    """Movement of the ground in sides a frame; so is `drift_y`."""
    drift_y: float
    brightness: float
    """Factor on all colours."""
    noise: float
    """Standard deviation of the pixel noise, of 255 levels."""
    noise_seed: int


def draw_look(rng: torch.Generator) -> Look:
    """A random look, whose shape differs clearly in luminance from its ground."""
    outline, fill, ground = _pick(OUTLINES, rng), _pick(FILLS, rng), _pick(GROUNDS, rng)
    colours = _colours(rng)
    axis = (torch.arange(_P) + 0.5) / _P
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    coverage = _coverage(outline, 2 * x - 1, 2 * y - 1, rng)
    inside = _blend(_texture(fill, x, y, 2, rng), colours[0], colours[1])
    below = _blend(_texture(ground, x, y, 1, rng), colours[2], colours[3])
    return Look(outline, fill, ground, torch.cat([inside * coverage, coverage[None]]), below)


def draw_nuisance(rng: torch.Generator) -> Nuisance:
    """Random start, pace and conditions of one clip."""
    u = torch.rand(12, generator=rng, dtype=torch.float64).tolist()
    heading, drift = 2 * math.pi * u[7], 0.0015 * u[8]
    return Nuisance(
        x=u[0],
        y=u[1],
        angle=u[2],
        size=u[3],
        phase=u[4],
        rate=1 / (18 + 8 * u[5]),
        direction=1 if u[6] < 0.5 else -1,
        drift_x=drift * math.cos(heading),
        drift_y=drift * math.sin(heading),
        brightness=0.85 + 0.3 * u[9],
        noise=4 * u[10],
        noise_seed=int(u[11] * 2**31),
    )


def render(motion: str, look: Look, nuisance: Nuisance, *, frames: int = 32, size: int = 80) -> Tensor:
    """The frames of one clip: uint8 [T, S, S, 3], a pure function of its arguments."""
    x, y, turns, radius = _path(motion, nuisance, frames)
    side = size * _OVERSAMPLING
    axis = (torch.arange(side) + 0.5) / side
    dx = _wrap(axis[None, :] - x[:, None])[:, None, :] / radius[:, None, None]  # [T, 1, side]
    dy = _wrap(axis[None, :] - y[:, None])[:, :, None] / radius[:, None, None]  # [T, side, 1]
    cos, sin = torch.cos(2 * math.pi * turns)[:, None, None], torch.sin(2 * math.pi * turns)[:, None, None]
    grid = torch.stack([cos * dx + sin * dy, cos * dy - sin * dx], dim=-1)  # [T, side, side, 2]
    shape = F.grid_sample(look.sprite.expand(frames, -1, -1, -1), grid, align_corners=False)
    shape = F.avg_pool2d(shape, _OVERSAMPLING)  # [T, 4, S, S]
    picture = shape[:, :3] + (1 - shape[:, 3:]) * _ground(look.background, nuisance, frames, size)
    rng = torch.Generator().manual_seed(nuisance.noise_seed)
    noise = nuisance.noise * torch.randn(frames, 1, size, size, generator=rng)
    levels = 255 * nuisance.brightness * picture + noise
    return levels.round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _path(motion: str, nuisance: Nuisance, frames: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Centre x and y (sides), angle (turns) and radius (sides) of the shape, each [T]."""
    cycle = nuisance.phase + nuisance.rate * torch.arange(frames)  # [T]
    onward = nuisance.direction * cycle
    cos, sin = torch.cos(2 * math.pi * onward), torch.sin(2 * math.pi * onward)
    wave = torch.sin(2 * math.pi * cycle)
    still = torch.zeros(frames)
    x, y, turns, size = {
        "slide": (onward, still, still, still),
        "rise": (still, -cycle, still, still),
        "fall": (still, cycle, still, still),
        "grow": (still, still, still, cycle),
        "shrink": (still, still, still, -cycle),
        "spin": (still, still, onward, still),
        "swing": (_SWAY * wave, still, still, still),
        "bounce": (still, _SWAY * wave, still, still),
        "orbit": (_SWAY * cos, _SWAY * sin, still, still),
        "pulse": (still, still, still, _to_and_fro(cycle) - nuisance.size),
    }[motion]
    share = (nuisance.size + size) % 1
    return nuisance.x + x, nuisance.y + y, nuisance.angle + turns, _SMALL * (_LARGE / _SMALL) ** share


def _to_and_fro(cycle: Tensor) -> Tensor:
    """A triangle wave in [0, 1): uniform over a random phase, as the sizes of all other classes are."""
    return (2 * (cycle % 1) - 1).abs() * 0.999


def _wrap(offset: Tensor) -> Tensor:
    """The shortest way to the same place on the torus, in [-0.5, 0.5) sides."""
    return (offset + 0.5) % 1 - 0.5


def _ground(background: Tensor, nuisance: Nuisance, frames: int, size: int) -> Tensor:
    """The drifting ground, float32 [T, 3, S, S]."""
    axis, time = (torch.arange(size) + 0.5) / size, torch.arange(frames)
    scale = _P / (_P + 2)  # the picture within its border of one repeated pixel
    x = (2 * ((axis[None] - nuisance.drift_x * time[:, None]) % 1) - 1) * scale  # [T, S]
    y = (2 * ((axis[None] - nuisance.drift_y * time[:, None]) % 1) - 1) * scale
    grid = torch.stack([x[:, None, :].expand(-1, size, -1), y[:, :, None].expand(-1, -1, size)], dim=-1)
    bordered = F.pad(background[None], (1, 1, 1, 1), mode="circular")
    return F.grid_sample(bordered.expand(frames, -1, -1, -1), grid, align_corners=False)


def _coverage(outline: str, x: Tensor, y: Tensor, rng: torch.Generator) -> Tensor:
    """How far each pixel of [P, P] belongs to the shape, in [0, 1]. No outline has a rotational symmetry."""
    u = torch.rand(16, generator=rng)
    theta = torch.atan2(y, x)
    if outline == "polygon":
        corners = 3 + int(u[0] * 3)
        at = 2 * math.pi * (torch.arange(corners) + 0.4 * u[1 : corners + 1]) / corners
        edge = _between_corners(theta, at, 0.55 + 0.4 * u[8 : corners + 8])
    elif outline == "blob":
        waves = [0.16 * torch.cos(k * theta + 2 * math.pi * u[k]) for k in (1, 2, 3)]
        edge = 0.55 + torch.stack(waves).sum(0)
    elif outline == "wedge":
        edge = 0.1 + 0.8 * torch.sigmoid((theta.abs() - (0.5 + 0.8 * u[0])) * 25)
    elif outline == "star":
        points = 3 + int(u[0] * 3)
        edge = 0.55 + 0.22 * torch.cos(points * theta) + 0.18 * torch.cos(theta + 2 * math.pi * u[1])
    else:  # a drop: round behind, pointed in front
        edge = 0.5 + 0.45 * torch.exp(-((theta / (0.35 + 0.25 * u[0])) ** 2))
    return torch.sigmoid((edge - torch.hypot(x, y)) * _P / 3)


def _between_corners(theta: Tensor, at: Tensor, reach: Tensor) -> Tensor:
    """The radius in direction `theta` of the closed polygon with corners at angles `at` and distances `reach`."""
    theta = at[0] + (theta - at[0]) % (2 * math.pi)
    edge = torch.zeros_like(theta)
    for i in range(len(at)):
        j = (i + 1) % len(at)
        end = at[j] + 2 * math.pi * (j == 0)
        part = (theta >= at[i]) & (theta < end)
        line = reach[i] * torch.sin(theta - at[i]) + reach[j] * torch.sin(end - theta)
        edge = torch.where(part, reach[i] * reach[j] * torch.sin(end - at[i]) / line, edge)
    return edge


def _texture(kind: str, x: Tensor, y: Tensor, pace: int, rng: torch.Generator) -> Tensor:
    """A pattern in [0, 1] on [P, P] whose opposite edges fit; `pace` 1 is coarse, 2 is finer."""
    u = torch.rand(16, generator=rng)
    a, b = pace + int(u[0] * 2 * pace), pace + int(u[1] * 2 * pace)
    X, Y = 2 * math.pi * (a * x + u[2]), 2 * math.pi * (b * y + u[3])
    if kind == "stripes":
        return torch.sigmoid(4 * torch.sin(X + Y if u[4] < 0.5 else X - Y))
    if kind == "checks":
        return torch.sigmoid(8 * torch.sin(X) * torch.sin(Y))
    if kind == "dots":
        return torch.sigmoid(6 * (torch.cos(X) + torch.cos(Y) - 0.6))
    if kind == "rings":
        return torch.sigmoid(4 * torch.sin(2 * math.pi * (a + 1) * torch.hypot(x - 0.4, y - 0.55)))
    if kind == "gradient":
        angle = 2 * math.pi * u[5]
        return 0.5 + 0.25 * (torch.cos(2 * math.pi * x + angle) + torch.cos(2 * math.pi * y + 2 * angle))
    waves = [torch.cos(2 * math.pi * (i * x + j * y + u[4 + 4 * i + j])) for i in (0, 1, 2) for j in (-1, 1, 2)]
    return torch.sigmoid(1.2 * torch.stack(waves).sum(0))


def _colours(rng: torch.Generator) -> Tensor:
    """RGB of fill, fill, ground and ground, [4, 3] in [0, 1], fill and ground at least 0.25 apart in luminance."""
    while True:
        colours = 0.05 + 0.9 * torch.rand(4, 3, generator=rng)
        colours[3] = 0.5 * (colours[2] + colours[3])  # a ground of low contrast
        light = colours @ torch.tensor([0.299, 0.587, 0.114])
        if (light[:2].mean() - light[2:].mean()).abs() > 0.25:
            return colours


def _blend(share: Tensor, first: Tensor, second: Tensor) -> Tensor:
    return first[:, None, None] * share + second[:, None, None] * (1 - share)  # [3, P, P]


def _pick(names: tuple[str, ...], rng: torch.Generator) -> str:
    return names[int(torch.randint(len(names), (), generator=rng))]
