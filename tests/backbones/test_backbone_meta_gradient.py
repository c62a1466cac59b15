"""The gradient of a two-stage loss through each backbone, in both forms, with and without recomputed activations.

The truth is a central difference of the loss in float64. Its step is so small that no ReLU and no max pooling changes
sides between the two points: there the inner gradient jumps, and with it the loss.
"""

import functools
import itertools

import pytest
import torch

from kinema import backbones
from kinema.meta import adapt, adapt_anew, call_at, running_statistics

NETS = ("r3d_18", "r2plus1d_18", "s3d")
FORMS = list(itertools.product((2, "hvp"), (False, True)))
LR, STEP = 1e-3, 1e-9


@functools.cache
def case(name):
    """A tiny network in training mode, its clips of both stages, and a direction to move its weights in."""
    torch.manual_seed(0)
    net = backbones.build(name, 1 / 16).double().train()
    rng = torch.Generator().manual_seed(1)
    stages = torch.rand(2, 4, 3, 4, 32, 32, generator=rng, dtype=torch.float64)
    stages = stages * torch.linspace(0.2, 2, 4, dtype=torch.float64).view(4, 1, 1, 1, 1)  # so that features differ
    along = [torch.randn(p.shape, generator=rng, dtype=p.dtype) * p.detach().abs().mean() for p in net.parameters()]
    return net, stages, along


def two_stage_loss(net, stages, order):
    theta, statistics = dict(net.named_parameters()), running_statistics(net)

    def support(parameters):
        return call_at(net, parameters, statistics, stages[0])[0].square().mean()

    if order == "hvp":
        _, adapted = adapt_anew(support(theta), support, theta, LR)
    else:
        adapted = adapt(support(theta), theta, LR, order=order)
    return call_at(net, adapted, statistics, stages[1])[0].square().mean()


@functools.cache
def meta_gradient(name, order, recompute=False):
    net, stages, _ = case(name)
    net.recompute = recompute
    try:
        return torch.autograd.grad(two_stage_loss(net, stages, order), list(net.parameters()))
    finally:
        net.recompute = False


@functools.cache
def true_slope(name):
    """The slope of the loss along the direction, from the loss alone."""
    net, stages, along = case(name)
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            kept = [p.clone() for p in net.parameters()]
            for parameter, direction in zip(net.parameters(), along, strict=True):
                parameter += sign * STEP * direction
        values.append(two_stage_loss(net, stages, 1).item())
        with torch.no_grad():
            for parameter, value in zip(net.parameters(), kept, strict=True):
                parameter.copy_(value)
    return (values[0] - values[1]) / (2 * STEP)


def distance(found, expected):
    a, b = (torch.cat([g.flatten() for g in each]) for each in (found, expected))
    return float((a - b).norm() / b.norm())


def slope(name, gradient):
    return sum(float((g * d).sum()) for g, d in zip(gradient, case(name)[2], strict=True))


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize(("order", "recompute"), FORMS)
def test_second_order_agrees_with_finite_differences(name, order, recompute):
    assert slope(name, meta_gradient(name, order, recompute)) == pytest.approx(true_slope(name), rel=1e-5)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("recompute", [False, True])
def test_first_order_does_not_agree_with_finite_differences(name, recompute):
    assert slope(name, meta_gradient(name, 1, recompute)) != pytest.approx(true_slope(name), rel=0.1)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize(("order", "recompute"), [*FORMS, (1, True)])
def test_forms_agree_in_every_weight(name, order, recompute):
    expected = meta_gradient(name, 1 if order == 1 else 2)
    assert distance(meta_gradient(name, order, recompute), expected) < 1e-10


@pytest.mark.parametrize("name", NETS)
def test_second_order_agrees_with_torchopt(name):
    torchopt = pytest.importorskip("torchopt", reason="torchopt is not installed")
    net, stages, _ = case(name)
    state = torchopt.extract_state_dict(net, by="copy")
    parameters = list(net.parameters())
    torchopt.MetaSGD(net, lr=LR).step(net(stages[0]).square().mean())  # puts weights with a past into the network
    truth = torch.autograd.grad(net(stages[1]).square().mean(), parameters)
    torchopt.recover_state_dict(net, state)
    for order, recompute in FORMS:
        assert distance(meta_gradient(name, order, recompute), truth) < 1e-10
