import copy

import torch
from torch import nn

from kinema.frozen import FrozenCopy, slashed


def network(seed=0):
    torch.manual_seed(seed)
    made = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU())
    made(torch.randn(8, 3) + 1)  # so that its running statistics are its own
    return made


def test_a_copy_gives_what_the_network_gave_in_evaluation_whatever_became_of_it():
    made, x = network(), torch.randn(5, 3)
    frozen, expected = FrozenCopy(made), copy.deepcopy(made).eval()(x)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += 1
    before = copy.deepcopy(made.state_dict())
    assert torch.equal(frozen(made, x), expected)
    assert torch.equal(frozen(made, x[:1]), expected[:1])  # whatever else is in the batch
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())
    assert not frozen(made, x).requires_grad


def test_the_network_is_in_the_mode_it_was_in_afterwards():
    made = network().train()
    made[1].eval()
    FrozenCopy(made)(made, torch.randn(5, 3))
    assert [part.training for part in made] == [True, False, True]
    assert made.training


def test_a_copy_takes_another_networks_state():
    made, other, x = network(), network(1), torch.randn(5, 3)
    frozen = FrozenCopy(made)
    frozen.load_state_dict({slashed(name): value for name, value in other.state_dict().items()})
    assert torch.equal(frozen(made, x), copy.deepcopy(other).eval()(x))
    assert set(frozen.state()) == set(made.state_dict())


def test_a_copy_has_no_parameters_and_does_not_hold_the_network():
    made = network()
    frozen = FrozenCopy(made)
    assert list(frozen.parameters()) == []
    assert all(part is not made for part in frozen.modules())
