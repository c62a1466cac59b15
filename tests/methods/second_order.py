"""MCN's exact meta gradient, of any method that has it, beside central finite differences."""

import copy
from dataclasses import replace

import torch
from cases import batch, step


def slope_and_differences(method, directions=2, eps=1e-8):
    """(second-order slope, first-order slope, difference quotient) along random directions in weight space.

    `method` is of order 2; everything is in float64, where the test has made `Tensor.float` keep it. `eps` is small,
    since ReLU bends the loss every 1e-7 or so.
    """
    given = batch(method.double())
    given = replace(given, dice=given.dice.double())
    slopes = [gradient(with_order(method, order), given) for order in (2, 1)]
    rng = torch.Generator().manual_seed(0)
    for _ in range(directions):
        way = {name: torch.randn(p.shape, generator=rng, dtype=p.dtype) for name, p in method.named_parameters()}
        ahead, behind = (loss_at(method, way, sign * eps, given) for sign in (1, -1))
        yield (
            *(sum(float((each[name] * way[name]).sum()) for name in each) for each in slopes),
            (ahead - behind) / (2 * eps),
        )


def with_order(method, order):
    """A copy of the method that takes its inner step at another order."""
    other = copy.deepcopy(method)
    other.config = replace(method.config, meta=replace(method.config.meta, order=order))
    return other


def gradient(method, given):
    """The gradient of the two-stage loss by parameter."""
    method.loss(given, step()).total.backward()
    return {name: p.grad for name, p in method.named_parameters() if p.grad is not None}


def loss_at(method, way, far, given):
    """The two-stage loss some way off the method's weights."""
    there = copy.deepcopy(method)
    with torch.no_grad():
        for name, parameter in there.named_parameters():
            parameter += far * way[name]
    return there.loss(given, step()).total.item()
