"""Optical flow by TV-L1, for a batch of frame pairs at once (Zach, Pock, Bischof, DAGM 2007).

The flow u minimises |grad u| + lambda |I1(x + u) - I0(x)|. It is found coarse to fine: at each scale the second frame
is warped by the flow so far and linearised there, and dual iterations solve what is convex then. The numbers and the
discretisation are those of OpenCV's DualTVL1OpticalFlow at its defaults, with which the result agrees as well as
OpenCV does with itself after its frames have changed by a hundredth of a grey level (docs/flow.md has the figures).

Letters: B pairs of frames, H x W pixels. Flow is [2, B, H, W]: how far to the right (u) and down (v) in pixels a point
of the first frame has moved in the second. Components come first, so that each is one block of memory.
"""

from __future__ import annotations

import importlib
from functools import cache
from types import ModuleType
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kinema.data.flow_compiled import Kernels, kernels, median_networks
from kinema.data.median import median

TAU = 0.25
"""Step of the dual iterations."""
LAMBDA = 0.15
"""Weight of equal brightness against smoothness, for grey levels from 0 to 255."""
THETA = 0.3
"""Tightness of the relaxation that lets brightness and smoothness be treated in turn."""
SCALES = 5
SCALE_STEP = 0.8
SMALLEST = 16
"""No scale is smaller than this many pixels, in height or width."""
WARPS = 5
"""Linearisations at each scale."""
EPSILON = 0.01
"""A pair is finished with a linearisation when an iteration moves its flow by less, root mean square, in pixels."""
INNER, OUTER = 30, 10
"""At most INNER x OUTER iterations a linearisation; the flow is median-filtered before every INNER of them."""
ALGORITHM = {
    "name": "tvl1",
    "tau": TAU,
    "lambda": LAMBDA,
    "theta": THETA,
    "scales": SCALES,
    "scale_step": SCALE_STEP,
    "warps": WARPS,
    "epsilon": EPSILON,
    "inner": INNER,
    "outer": OUTER,
}
"""What decides the flow of two frames, for the record."""

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as OpenCV's conversion to grey


def grey(frames: Tensor) -> Tensor:
    """uint8 [..., H, W] grey levels of uint8 [..., H, W, 3]."""
    return (frames.float() @ frames.new_tensor(LUMA, dtype=torch.float32)).round().to(torch.uint8)


@torch.no_grad()
def tvl1(first: Tensor, second: Tensor) -> Tensor:
    """The flow from each first frame to its second, float32 [B, 2, H, W] in pixels: u to the right, v down.

    Frames are grey levels from 0 to 255 of any number type, [B, H, W], of 2 x 2 pixels or more. Each pair stops when it
    has converged, so its flow does not depend on the pairs beside it.
    """
    pyramid = [torch.stack([first, second]).float()]  # [2, B, H, W]
    while len(pyramid) < SCALES:
        height, width = (round(edge * SCALE_STEP) for edge in pyramid[-1].shape[2:])
        if min(height, width) < SMALLEST:
            break
        pyramid.append(resize(pyramid[-1], height, width, 1 / SCALE_STEP, 1 / SCALE_STEP))
    flow = torch.zeros_like(pyramid[-1])
    for frames in reversed(pyramid):
        height, width = frames.shape[2:]
        if flow.shape != frames.shape:
            flow = resize(flow, height, width, flow.shape[2] / height, flow.shape[3] / width) / SCALE_STEP
        flow = refine(frames[0], frames[1], flow)
    return flow.transpose(0, 1).contiguous()


def resize(planes: Tensor, height: int, width: int, step_y: float, step_x: float) -> Tensor:
    """Linear interpolation of [..., H, W] at every `step` source pixels, pixel centres at halves."""
    rows, columns = lines(planes, planes.shape[-2], height, step_y), lines(planes, planes.shape[-1], width, step_x)
    return rows @ planes @ columns.T


def lines(like: Tensor, source: int, size: int, step: float) -> Tensor:
    """[size, source]: the weights of linear interpolation along one axis."""
    centre = ((torch.arange(size, dtype=torch.float64) + 0.5) * step - 0.5).clamp(0, source - 1)
    return (1 - (centre[:, None] - torch.arange(source)).abs()).clamp(min=0).to(like)


def refine(first: Tensor, second: Tensor, flow: Tensor) -> Tensor:
    """The flow [2, B, H, W] of frames [B, H, W] at one scale, from a rough one."""
    B, H, W = first.shape
    planes = torch.stack([second, *gradient(second)], dim=1)  # [B, 3, H, W]
    state = State(flow.clone(), first.new_zeros(2, B, H, W + 1), first.new_zeros(2, B, H + 1, W))
    for _ in range(WARPS):
        warped, dx, dy = warp(planes, state.flow).unbind(1)
        rest = warped - dx * state.flow[0] - dy * state.flow[1] - first  # the brightness difference at no flow
        scale = 1 / (dx * dx + dy * dy).clamp(min=1e-7)
        slopes = torch.stack([dx, dy])
        iterate(Linearised(slopes, slopes * scale, rest * scale), state)
    return state.flow


def gradient(planes: Tensor) -> tuple[Tensor, Tensor]:
    """Half the difference of a pixel's right and left, and of its lower and upper neighbours, borders repeated."""
    padded = F.pad(planes[None], (1, 1, 1, 1), mode="replicate")[0]
    dx = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / 2
    return dx, (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / 2


def warp(planes: Tensor, flow: Tensor) -> Tensor:
    """[B, 3, H, W] where the flow leads, by cubic interpolation; zero outside the frame.

    In double precision, since `grid_sample` takes places as fractions of the frame: no flow must lead to the very
    pixel, or a picture that stands still would seem to move.
    """
    H, W = planes.shape[2:]
    x = torch.arange(W, device=flow.device) + flow[0]
    y = torch.arange(H, device=flow.device)[:, None] + flow[1]
    place = torch.stack([(2 * x.double() + 1) / W - 1, (2 * y.double() + 1) / H - 1], dim=-1)
    return F.grid_sample(planes.double(), place, mode="bicubic", padding_mode="zeros", align_corners=False).float()


class Linearised(NamedTuple):
    """The brightness difference as a linear function of the flow u at each pixel: slope . u + rest."""

    slope: Tensor
    """[2, B, H, W]: the gradient of the warped second frame."""
    unit_slope: Tensor
    """[2, B, H, W]: `slope` by its squared length, so that a step of that length along `slope` is one of 1."""
    unit_rest: Tensor
    """[B, H, W]: the rest by the same."""

    def rows(self, kept: Tensor) -> Linearised:
        """The problem of some of the pairs."""
        return Linearised(self.slope[:, kept], self.unit_slope[:, kept], self.unit_rest[kept])


class State(NamedTuple):
    """What iterations move: the flow and its dual variables, between a pixel and its neighbours."""

    flow: Tensor
    """[2, B, H, W]."""
    across: Tensor
    """[2, B, H, W + 1]: of the difference to the right; nothing passes the frame's edges, so both ends are zero."""
    along: Tensor
    """[2, B, H + 1, W]: of the difference down."""

    def rows(self, kept: Tensor) -> State:
        """The state of some of the pairs, a copy."""
        return State(*(value[:, kept] for value in self))

    def put(self, rows: Tensor, other: State) -> None:
        """Write the state of some of the pairs."""
        for value, new in zip(self, other, strict=True):
            value[:, rows] = new


def iterate(problem: Linearised, state: State) -> None:
    """Move the state until each pair has converged.

    A pair that has is taken out of the batch: its flow is what it would be alone, and the work gets less.
    """
    device = state.flow.device.type
    if device == "cuda" and (fused := fused_kernels()) is not None:
        iterate_fused(fused, problem, state)
        return
    if device == "cpu" and (compiled := kernels()) is not None:
        for pair in range(state.flow.shape[1]):
            iterate_pair(compiled, problem.rows(torch.tensor([pair])), state, pair)
        return
    going = torch.arange(state.flow.shape[1], device=state.flow.device)
    current = state.rows(going)
    for number in range(INNER * OUTER):
        if number % INNER == 0:
            current = current._replace(flow=median(current.flow))
        flow, moved = iteration(problem, current)
        current = current._replace(flow=flow)
        still = moved > EPSILON**2
        if not still.all():
            state.put(going, current)
            going, current, problem = going[still], current.rows(still), problem.rows(still)
            if not len(going):
                return
    state.put(going, current)


def iterate_pair(compiled: Kernels, problem: Linearised, state: State, pair: int) -> None:
    """The same by compiled loops, for one pair and the problem of that pair alone."""
    own = State(*(value[:, pair].clone(memory_format=torch.contiguous_format) for value in state))
    moving = [value.numpy() for value in own]
    fixed = problem.slope[:, 0].numpy(), problem.unit_slope[:, 0].numpy(), problem.unit_rest[0].numpy()
    numbers = np.float32(LAMBDA * THETA), np.float32(THETA), np.float32(TAU / THETA)
    for _ in range(OUTER):
        padded = F.pad(own.flow, (2, 2, 2, 2), mode="replicate").numpy()
        for component in range(2):
            compiled.median_plane(padded[component], moving[0][component], *median_networks())
        if compiled.relax(*moving, *fixed, *numbers, EPSILON**2 * own.flow[0].numel(), INNER):
            break
    state.put(torch.tensor([pair]), State(*(value[:, None] for value in own)))


@cache
def fused_kernels() -> ModuleType | None:
    """`kinema.data.flow_fused`; None without Triton, where a GPU computes by torch."""
    try:
        return importlib.import_module("kinema.data.flow_fused")
    except ImportError:
        return None


def iterate_fused(fused: ModuleType, problem: Linearised, state: State) -> None:
    """The same by kernels for a GPU, which is asked once in `INNER` iterations whether a pair goes on."""
    going = torch.ones(state.flow.shape[1], dtype=torch.int32, device=state.flow.device)
    still = EPSILON**2 * state.flow[0, 0].numel()
    with torch.cuda.device_of(state.flow):  # type: ignore[no-untyped-call]  # where Triton starts kernels
        for _ in range(OUTER):
            fused.median(state.flow, going)
            going = fused.relax(*state, *problem, going, LAMBDA * THETA, THETA, TAU / THETA, still=still, times=INNER)
            if not going.any():
                break


def iteration(problem: Linearised, state: State) -> tuple[Tensor, Tensor]:
    """The moved flow [2, B, H, W], and how far it moved [B], mean square; the dual variables are moved in place."""
    before, across, along = state
    pull = torch.addcmul(problem.unit_rest, problem.unit_slope[0], before[0])
    pull.addcmul_(problem.unit_slope[1], before[1]).clamp_(-LAMBDA * THETA, LAMBDA * THETA)
    flow = torch.addcmul(before, problem.slope, pull, value=-1)
    flow.add_(across[..., 1:], alpha=THETA).sub_(across[..., :-1], alpha=THETA)
    flow.add_(along[..., 1:, :], alpha=THETA).sub_(along[..., :-1, :], alpha=THETA)
    moved = (flow - before).square_().sum(dim=(0, 2, 3)) / before[0, 0].numel()

    dx, dy = torch.zeros_like(flow), torch.zeros_like(flow)
    torch.sub(flow[..., 1:], flow[..., :-1], out=dx[..., :-1])
    torch.sub(flow[..., 1:, :], flow[..., :-1, :], out=dy[..., :-1, :])
    growth = (dx * dx).addcmul_(dy, dy).sqrt_().mul_(TAU / THETA).add_(1)
    across[..., 1:].add_(dx, alpha=TAU / THETA).div_(growth)
    along[..., 1:, :].add_(dy, alpha=TAU / THETA).div_(growth)
    return flow, moved
