"""Training through a backbone: gradients, second order through functional_call, memory formats.

In float64, since batch norm over the few cells of a small last map magnifies float32's rounding.
"""

import pytest
import torch
from torch.func import functional_call

from kinema.backbones import BACKBONES, build

INNER_LR = 1e-3


def small(name):
    torch.manual_seed(0)
    return build(name, 1 / 16).double()


def clips(seed):
    """Four clips of noise that differ in brightness, so that their features do."""
    noise = torch.rand(4, 3, 8, 64, 64, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return noise * torch.linspace(0.2, 2, 4).view(4, 1, 1, 1, 1)


@pytest.mark.parametrize("name", BACKBONES)
def test_gradient_reaches_every_parameter(name):
    net = small(name)
    net(clips(1)).square().sum().backward()
    silent = [key for key, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


@pytest.mark.parametrize("name", BACKBONES)
def test_meta_gradient_through_an_inner_step_agrees_with_finite_differences(name):
    net = small(name)
    weights = {key: p.detach() for key, p in net.named_parameters()}
    buffers = {key: b.clone() for key, b in net.named_buffers()}

    def loss(theta, x):
        copies = {key: b.clone() for key, b in buffers.items()}  # batch norm writes to what it is given
        return functional_call(net, (theta, copies), (x,)).square().mean()

    def meta_loss(theta, order=2):
        grads = torch.autograd.grad(loss(theta, clips(1)), tuple(theta.values()), create_graph=order == 2)
        fast = {key: p - INNER_LR * g for (key, p), g in zip(theta.items(), grads, strict=True)}
        return loss(fast, clips(2))

    rng = torch.Generator().manual_seed(4)
    along = {key: torch.randn(p.shape, generator=rng, dtype=p.dtype) * p.abs().mean() for key, p in weights.items()}

    def at(step):
        return {key: (p + step * along[key]).requires_grad_() for key, p in weights.items()}

    def slope(order):
        theta = at(0.0)
        grads = torch.autograd.grad(meta_loss(theta, order), tuple(theta.values()))
        return sum((g * d).sum().item() for g, d in zip(grads, along.values(), strict=True))

    # Larger steps cross the kinks of ReLU and max pooling, where the inner gradient jumps. CoCLR's small weights leave
    # batch norm small variances to divide by, and so steep a loss that its kinks are nearer.
    step = 1e-10 if name == "s3d_coclr" else 1e-9
    difference = (meta_loss(at(step)) - meta_loss(at(-step))).item() / (2 * step)
    assert slope(order=2) == pytest.approx(difference, rel=1e-3)
    assert slope(order=1) != pytest.approx(difference, rel=2e-3)
    assert all(torch.equal(buffers[key], b) for key, b in net.named_buffers())


@pytest.mark.parametrize("name", BACKBONES)
def test_channels_last_gives_the_same_feature_and_gradient(name):
    plain, last = small(name), small(name).to(memory_format=torch.channels_last_3d)
    x = clips(1)
    expected = plain(x)
    feature = last(x.to(memory_format=torch.channels_last_3d))
    torch.testing.assert_close(feature, expected)
    expected.square().sum().backward()
    feature.square().sum().backward()
    for p, q in zip(last.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", BACKBONES)
def test_recomputed_activations_change_no_feature_gradient_or_running_statistic(name):
    plain, again = small(name), small(name)
    again.recompute = True
    for net in (plain, again):
        for seed in (1, 2):
            net(clips(seed)).square().sum().backward()
    assert torch.equal(plain(clips(3)), again(clips(3)))
    for (key, p), q in zip(plain.named_parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(q.grad, p.grad, rtol=1e-10, atol=1e-12 * float(p.grad.abs().max()), msg=key)
    assert all(torch.equal(b, c) for b, c in zip(plain.buffers(), again.buffers(), strict=True))


@pytest.mark.parametrize("name", BACKBONES)
def test_input_is_not_changed_by_the_forward_pass(name):
    x = clips(1)
    copy = x.clone()
    small(name)(x)
    assert torch.equal(x, copy)
