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
