from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kinema.engine.optim import learning_rate, optimizer
from kinema.settings import Optim
from reference import schedule as reference


def course(config, steps):
    return [learning_rate(config, step, steps) for step in range(steps)]


@pytest.mark.parametrize("steps", [16, 100, 333])
def test_multistep_falls_at_iics_shares_of_training(steps):
    expected = reference.multistep(0.01, 0.2, (0.1875, 0.375, 0.521, 0.667), steps)
    np.testing.assert_allclose(course(Optim(), steps), expected)


def test_multistep_falls_at_iics_epochs_of_240():
    rates = course(Optim(milestones=(45 / 240, 90 / 240, 125 / 240, 160 / 240)), 240)
    falls = [epoch for epoch in range(1, 240) if rates[epoch] < rates[epoch - 1]]
    assert falls == [45, 90, 125, 160]
    assert rates[-1] == pytest.approx(0.01 * 0.2**4)


def test_cosine_goes_from_the_rate_towards_zero():
    rates = course(Optim(lr=0.3, schedule="cosine"), 50)
    np.testing.assert_allclose(rates, reference.cosine(0.3, 50))
    assert rates[0] == 0.3
    assert 0 < rates[-1] < 0.001


def test_constant_stays():
    assert set(course(Optim(lr=0.3, schedule="constant"), 50)) == {0.3}


def test_warmup_climbs_in_equal_steps_and_the_cosine_follows_it():
    rates = course(Optim(lr=0.4, schedule="cosine", warmup=0.2), 50)
    np.testing.assert_allclose(rates[:10], 0.04 * np.arange(1, 11))
    np.testing.assert_allclose(rates[10:], reference.cosine(0.4, 40))


@given(
    steps=st.integers(1, 400),
    warmup=st.floats(0, 1),
    schedule=st.sampled_from(["multistep", "cosine", "constant"]),
)
def test_rate_is_above_zero_and_never_above_the_highest(steps, warmup, schedule):
    rates = course(Optim(lr=0.1, warmup=warmup, schedule=schedule), steps)
    assert all(0 < rate <= 0.1 for rate in rates)


def test_optimizers_are_what_the_settings_say():
    weights = [torch.nn.Parameter(torch.zeros(1))]
    sgd = optimizer(weights, Optim()).param_groups[0]
    assert (sgd["lr"], sgd["momentum"], sgd["weight_decay"], sgd["nesterov"]) == (0.01, 0.9, 1e-3, False)
    adamw = optimizer(weights, replace(Optim(), name="adamw", momentum=0.8))
    assert isinstance(adamw, torch.optim.AdamW)
    assert adamw.param_groups[0]["betas"] == (0.8, 0.999)
    adam = optimizer(weights, replace(Optim(), name="adam", weight_decay=1e-5))
    assert type(adam) is torch.optim.Adam
    assert adam.param_groups[0]["weight_decay"] == 1e-5


def test_lars_moves_a_matrix_in_proportion_to_its_length_whatever_the_gradients():
    weight, bias, still = (
        torch.nn.Parameter(value) for value in (torch.full((2, 2), 3.0), torch.ones(2), torch.zeros(2, 2))
    )
    config = Optim(name="lars", lr=0.5, momentum=0.0, weight_decay=0.1)
    for slope in (1.0, 100.0):
        with torch.no_grad():
            weight.fill_(3.0), bias.fill_(1.0)
        weight.grad, bias.grad = torch.full((2, 2), slope), torch.full((2,), slope)
        still.grad = torch.zeros(2, 2)
        optimizer([weight, bias, still], config).step()
        # |w| = 6, |g| = 2 slope, and the gradient with weight decay is slope + 0.1 * 3 everywhere
        expected = 3 - 0.5 * 0.001 * 6 / (2 * slope + 0.1 * 6) * (slope + 0.3)
        torch.testing.assert_close(weight.detach(), torch.full((2, 2), expected))
        torch.testing.assert_close(bias.detach(), torch.full((2,), 1 - 0.5 * slope))  # no decay
    assert torch.equal(still, torch.zeros(2, 2))


def test_lars_has_momentum_that_survives_its_state():
    def steps(optim, weight, count):
        for _ in range(count):
            weight.grad = torch.ones(2, 2)
            optim.step()

    config = Optim(name="lars", lr=10.0, weight_decay=0.0)
    whole, first = (torch.nn.Parameter(torch.ones(2, 2)) for _ in range(2))
    steps(optimizer([whole], config), whole, 3)
    before = optimizer([first], config)
    steps(before, first, 2)
    after = optimizer([first], config)
    after.load_state_dict(before.state_dict())
    steps(after, first, 1)
    assert torch.equal(whole, first)
