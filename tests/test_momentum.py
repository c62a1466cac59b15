import copy

import pytest
import torch
from torch import nn

from kinema.momentum import MomentumCopy, rising


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU())


def test_a_copy_gives_what_the_module_gave_when_it_was_made(network):
    x = torch.randn(5, 3)
    copied = MomentumCopy(network)
    expected = copy.deepcopy(network)(x)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 1
    found = copied(network, x)
    assert torch.equal(found, expected)
    assert not found.requires_grad


def test_a_copy_follows_by_its_momentum(network):
    copied = MomentumCopy(network)
    before = {name: value.clone() for name, value in copied.weights().items()}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 1
    copied.follow(network, 0.9)
    for name, value in copied.weights().items():
        torch.testing.assert_close(value, before[name] + 0.1)


def test_a_copys_batch_norm_has_statistics_of_its_own(network):
    copied = MomentumCopy(network)
    own = copy.deepcopy(network.state_dict())
    copied(network, torch.randn(5, 3) + 3)
    assert all(torch.equal(network.state_dict()[name], value) for name, value in own.items())
    assert not torch.equal(copied.statistics.state()["1.running_mean"], own["1.running_mean"])


def test_a_copy_has_no_parameters_and_does_not_hold_the_module(network):
    copied = MomentumCopy(network)
    assert list(copied.parameters()) == []
    assert all(module is not network for module in copied.modules())


def test_momentum_rises_to_one():
    assert rising(0.99, 0.0) == pytest.approx(0.99)
    assert rising(0.99, 0.5) == pytest.approx(0.995)
    assert rising(0.99, 1.0) == pytest.approx(1.0)
