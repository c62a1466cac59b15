"""Several processes take the step of one: losses, gradients, banks, queues, running statistics, for every method."""

import pytest
import torch
from launch import HERE, run
from ranks import APART, EVERY, TASKS

FEW = ["mcn-order2-graph", "mcn-order2-hvp", "iic", "moco", "tclr", "vcp"]
"""Enough to tell that nothing is made for two ranks."""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What a number of processes found, {case: {name: tensor}}, run once."""
    folder, kept = tmp_path_factory.mktemp("ranks"), {}

    def found_by(size, names):
        key = (size, *names)
        if key not in kept:
            run(size, HERE / "ranks.py", folder / f"{size}.pt", *names)
            kept[key] = torch.load(folder / f"{size}.pt")
        return kept[key]

    return found_by


def assert_same(one, many):
    assert one.keys() == many.keys()
    for name, value in one.items():
        allowed = 1e-8 * max(float(value.abs().max()), 1e-3)  # sums in another order, in float64
        assert float((many[name] - value).abs().max()) <= allowed, name


@pytest.mark.parametrize("name", EVERY)
def test_two_ranks_take_the_step_of_one(found, name):
    assert_same(found(1, tuple(EVERY))[name], found(2, tuple(EVERY))[name])


@pytest.mark.parametrize("name", FEW)
def test_four_ranks_with_a_video_each_take_the_step_of_one(found, name):
    assert_same(found(1, tuple(EVERY))[name], found(4, tuple(FEW))[name])


@pytest.mark.parametrize("name", APART)
def test_ranks_apart_average_tasks_that_one_process_could_take_in_turn(found, name):
    assert_same(found(1, tuple(APART))[name], found(TASKS, tuple(APART))[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in EVERY if name not in FEW])
def test_four_ranks_take_the_step_of_one_with_every_method(found, name):
    assert_same(found(1, tuple(EVERY))[name], found(4, tuple(EVERY))[name])
