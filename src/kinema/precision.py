"""Whether a run computes in bf16, and whether a CPU can."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from kinema.backbones.convolution import Conv3d
from kinema.errors import UsageError

TOLERANCE = 0.05
"""Of a gradient's length: bf16 itself leaves 0.003, what is wrong on a CPU 0.8 and more."""


def mixed(precision: str, device: torch.device, flag: str = "--train.precision") -> bool:
    """Whether to run in bf16 autocast; `auto` does on a GPU that multiplies in it.

    Raises:
        UsageError: it was asked for on a CPU or GPU that has no instructions for it, where it would take longer, or on
            a CPU whose gradients are wrong.
    """
    imitated = device.type == "cuda" and imitates_bf16(device)
    if precision == "bf16-mixed" and imitated:
        raise UsageError(f"{flag} bf16-mixed needs a GPU of compute capability 8.0: {device} has less; leave it out")
    if precision == "bf16-mixed" and device.type == "cpu":
        if not has_bf16():
            raise UsageError(f"{flag} bf16-mixed needs a GPU, or a CPU with AVX-512 BF16 or AMX: leave it out")
        if not gradients_are_right():
            raise UsageError(f"{flag} bf16-mixed: torch {torch.__version__} gets gradients wrong here: leave it out")
    return precision == "bf16-mixed" or (precision == "auto" and device.type == "cuda" and not imitated)


def imitates_bf16(device: torch.device) -> bool:
    """Whether a GPU is NVIDIA's from before Ampere: torch lets those compute in bf16, by way of float32."""
    if not torch.cuda.is_available() or torch.version.hip is not None:
        return False
    return torch.cuda.get_device_capability(device) < (8, 0)


def has_bf16() -> bool:
    """Whether this CPU multiplies in bf16 by itself; Arm's, of which nothing is known, count as if they did not."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


@cache
def gradients_are_right() -> bool:
    """Whether bf16 gives this CPU nearly the gradients of float32, over maps so small that torch's own are wrong."""
    cells = [(2, 4, 4), (1, 4, 4), (2, 1, 1), (1, 2, 2), (4, 7, 7)]
    return all(error <= TOLERANCE for size in cells for stride in (1, 2) for error in errors(size, stride))


def errors(size: tuple[int, int, int], stride: int) -> list[float]:
    """How far off bf16 puts a convolution's gradients to its input and weights, in their lengths; may be nan."""
    with torch.random.fork_rng(devices=[]):  # nothing of the run's own chance is used up
        torch.manual_seed(0)
        conv = Conv3d(32, 32, 3, stride, padding=1, bias=False)
        x, seed = torch.randn(4, 32, *size), torch.randn(4, 32, *(-(-side // stride) for side in size))
    plain = gradients(conv, x, seed)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = gradients(conv, x, seed)
    return [float((one - other).norm() / other.norm()) for one, other in zip(rounded, plain, strict=True)]


def gradients(conv: Conv3d, x: Tensor, seed: Tensor) -> tuple[Tensor, ...]:
    """Of the sum over the outputs times `seed`, to the input and the weights."""
    with torch.enable_grad():
        y = conv(x.requires_grad_())
    return torch.autograd.grad(y, (x, conv.weight), seed.to(y.dtype))
