"""The share of a machine's matrix peak that a step reaches, and how small a share of a step its views are."""

import math

import pytest
import torch
from torch import nn

from kinema import backbones
from kinema.bench import peak
from kinema.bench.augment import beside_a_step
from kinema.bench.measure import Row
from kinema.bench.size import Size

SMALL = Size("r3d_vcop", 0.0625, frames=4, size=16, batch=4, device="cpu")


def multiplications(size: Size) -> tuple[int, int]:
    """Of all convolutions of one view's forward pass, and of the first one alone, counted by what each gives out."""
    counted: list[int] = []

    def count(layer: nn.Module, _: object, out: torch.Tensor) -> None:
        assert isinstance(layer, nn.Conv3d)
        counted.append(out.numel() * math.prod(layer.weight.shape[1:]))

    network = backbones.build(size.backbone, size.width)
    for layer in network.modules():
        if isinstance(layer, nn.Conv3d):
            layer.register_forward_hook(count)
    network(torch.rand(size.batch, 3, size.frames, size.size, size.size))
    return sum(counted), counted[0]


def test_work_is_a_forward_and_a_backward_pass_of_two_views_a_stage():
    """A backward pass is two of the forward one, less the slope of the pixels, which nobody asks for."""
    every, first = multiplications(SMALL)
    assert peak.work(SMALL, 0) == 2 * 2 * (3 * every - first)
    assert peak.work(SMALL, 1) == 2 * peak.work(SMALL, 0)
    assert peak.work(SMALL, 2) > 2 * peak.work(SMALL, 1)  # the product with the Hessian beside them


def test_the_share_of_the_peak_is_work_times_steps_a_second(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(peak, "matrix_peak", lambda device, dtype: 2e12)
    rows = [Row(f"MCN, order {order}", [1.0, rate, 99.0]) for order, rate in enumerate((5.0, 3.0, 2.0))]
    found = peak.shares_of_peak(SMALL, rows)
    assert found["matrix peak, float32, TFLOP/s"] == 2
    for order, rate in enumerate((5.0, 3.0, 2.0)):
        assert found[f"share of the peak, MCN, order {order}"] == rate * peak.work(SMALL, order) / 2e12


def test_the_matrix_peak_is_above_what_slow_multiplication_gives():
    assert peak.matrix_peak(torch.device("cpu"), torch.float32) > 1e9  # a core that multiplies once a nanosecond


def test_views_are_held_against_the_step_that_they_are_part_of():
    whole, views = beside_a_step(SMALL, rounds=1, repeats=1)
    assert views.rate > whole.rate
    assert [(each.other, each.target) for each in views.comparisons] == [(whole.name, 20)]
