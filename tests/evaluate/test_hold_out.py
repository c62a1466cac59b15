import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinema.batch import generator
from kinema.errors import DataError, UsageError
from kinema.evaluate.split import hold_out, keeps_groups


def per_class(labels, rows):
    return torch.bincount(labels[rows], minlength=int(labels.max()) + 1).tolist()


def test_every_class_gives_its_share():
    labels = torch.tensor([0] * 50 + [1] * 30 + [2] * 3 + [3])
    fit, held = hold_out(labels, None, 0.2, generator(0))
    assert per_class(labels, held) == [10, 6, 1, 0]
    assert per_class(labels, fit) == [40, 24, 2, 1]


@settings(max_examples=60, deadline=None)
@given(
    videos=st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["", "a", "b", "c", "d"])), min_size=2, max_size=40),
    seed=st.integers(0, 5),
)
def test_split_is_a_partition_in_which_no_class_loses_everything(videos, seed):
    labels = torch.tensor([label for label, _ in videos])
    groups = [group for _, group in videos]
    if int(torch.bincount(labels).max()) < 2:
        return
    fit, held = hold_out(labels, groups, 0.3, generator(seed))
    assert sorted(fit.tolist() + held.tolist()) == list(range(len(videos)))
    assert len(held) > 0
    assert set(labels[held].tolist()) <= set(labels[fit].tolist()) == set(labels.tolist())


def test_groups_within_a_class_stay_whole_and_classes_keep_their_share():
    labels = torch.arange(6).repeat_interleave(50)
    groups = [f"{int(label)}_g{row % 10}" for row, label in enumerate(labels)]
    fit, held = hold_out(labels, groups, 0.2, generator(1))
    assert per_class(labels, held) == [10] * 6
    assert keeps_groups(groups, fit, held)


def test_people_who_show_every_class_stay_whole():
    labels = torch.arange(9).repeat(6)
    groups = [f"person{row // 9}" for row in range(54)]
    fit, held = hold_out(labels, groups, 0.2, generator(2))
    assert len({groups[row] for row in held.tolist()}) == 1
    assert keeps_groups(groups, fit, held)


def test_of_two_people_the_smaller_is_held_out_though_it_is_too_large():
    labels = torch.tensor(list(range(5)) * 60 + list(range(5)) * 40)
    groups = ["jack"] * 300 + ["kag"] * 200
    fit, held = hold_out(labels, groups, 0.2, generator(3))
    assert {groups[row] for row in held.tolist()} == {"kag"}
    assert keeps_groups(groups, fit, held)


@pytest.mark.parametrize("groups", [["all"] * 40, [f"class{row // 10}" for row in range(40)]])
def test_groups_that_cannot_be_held_out_are_ignored_and_that_can_be_seen(groups):
    labels = torch.arange(4).repeat_interleave(10)
    fit, held = hold_out(labels, groups, 0.2, generator(4))
    assert per_class(labels, held) == [2] * 4
    assert not keeps_groups(groups, fit, held)


def test_choice_follows_the_generator_alone():
    labels = torch.arange(4).repeat(25)
    first, again, other = (hold_out(labels, None, 0.2, generator(seed))[1].tolist() for seed in (7, 7, 8))
    assert first == again != other


def test_videos_without_groups_are_never_said_to_be_in_whole_groups():
    labels = torch.arange(2).repeat(10)
    fit, held = hold_out(labels, None, 0.2, generator(0))
    assert not keeps_groups(None, fit, held)
    assert not keeps_groups([""] * 20, fit, held)


def test_impossible_requests_are_refused():
    with pytest.raises(DataError, match="no class has two"):
        hold_out(torch.arange(5), None, 0.2, generator(0))
    with pytest.raises(UsageError, match=r"hold_out=1\.5"):
        hold_out(torch.zeros(5, dtype=torch.int64), None, 1.5, generator(0))
    with pytest.raises(UsageError, match="2 groups for 5 videos"):
        hold_out(torch.zeros(5, dtype=torch.int64), ["a", "b"], 0.2, generator(0))
