from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kinema.batch import generator
from kinema.errors import UsageError
from kinema.sampler.rows import REMOTE, SHUFFLED, ClozeClips, ShuffledClips, orders, row_at, swapped_quarters
from kinema.settings import ClipRow, Cloze, Order

VCOP = Order()


def test_vcops_row_is_three_clips_of_16_frames_with_gaps_of_8():
    assert VCOP.reach == 64
    row = row_at(5, 100, VCOP)
    assert row.shape == (3, 16)
    assert [clip.tolist() for clip in row] == [list(range(start, start + 16)) for start in (5, 29, 53)]


def test_row_of_longer_strides_keeps_the_gap_between_last_and_first_frame():
    row = row_at(0, 20, ClipRow(clips=2, frames=3, stride=2, gap=1))
    assert row.tolist() == [[0, 2, 4], [6, 8, 10]]


def test_stride_0_shows_one_frame_throughout():
    stills = ClipRow(clips=3, frames=4, stride=0, gap=2)
    assert stills.reach == 7
    assert row_at(5, 20, stills).tolist() == [[5] * 4, [8] * 4, [11] * 4]
    assert row_at(5, 5, stills).tolist() == [[0] * 4, [2] * 4, [4] * 4]


def test_negative_gap_is_the_number_of_shared_frames():
    row = row_at(0, 100, ClipRow(gap=-5))
    assert row[:, 0].tolist() == [0, 11, 22]  # as in the released code of PCL
    assert len(set(row[0].tolist()) & set(row[1].tolist())) == 5


@given(num_frames=st.integers(1, 63), start=st.integers(0, 20))
def test_clips_of_a_short_video_lie_evenly_whatever_start_is_asked_for(num_frames, start):
    row = row_at(start, num_frames, VCOP)
    assert row.shape == (3, 16)
    assert row.min() == 0
    assert row.max() == num_frames - 1
    if num_frames > 17:
        assert len(set(row[:, 0].tolist())) == 3  # an order can still be told


def test_orders_of_one_row_are_labelled_without_gap_or_repetition():
    for count, number in ((2, 2), (3, 6), (4, 24)):
        listed = orders(count, symmetric=False)
        assert len(set(listed)) == len(listed) == number
        assert listed == sorted(listed)
        assert all(sorted(order) == list(range(count)) for order in listed)


def test_symmetric_orders_are_one_of_each_order_and_its_reverse():
    for count, number in ((2, 1), (3, 3), (4, 12)):
        listed = set(orders(count, symmetric=True))
        assert len(listed) == number
        assert listed | {order[::-1] for order in listed} == set(orders(count, symmetric=False))


@pytest.mark.parametrize("count", [2, 3, 4])
@given(seed=st.integers(0, 999))
def test_target_names_the_order_in_which_the_clips_are_shown(count, seed):
    order = Order(clips=count, frames=2, gap=1)
    drawn = ShuffledClips(order)(40, generator(seed))
    in_time = drawn.indices[drawn.indices[:, 0].argsort()]
    assert (in_time[1:, 0] - in_time[:-1, -1] == 2).all()  # one frame lies between
    shown = orders(count, symmetric=False)[drawn.target]
    assert torch.equal(in_time[list(shown)], drawn.indices)


@given(seed=st.integers(0, 999))
def test_symmetric_target_is_the_same_for_a_row_and_its_reverse(seed):
    order = Order(clips=4, frames=1, gap=2, symmetric=True)
    drawn = ShuffledClips(order)(40, generator(seed))
    shown = tuple(drawn.indices[:, 0].argsort().argsort().tolist())
    assert orders(4, symmetric=True)[drawn.target] in (shown, shown[::-1])


def test_all_orders_and_starts_are_drawn_about_equally_often():
    rng, draw = generator(0), ShuffledClips(Order(frames=2, gap=1))
    drawn = [draw(12, rng) for _ in range(3000)]
    labels, starts = Counter(d.target for d in drawn), Counter(int(d.indices.min()) for d in drawn)
    assert sorted(labels) == list(range(6))
    assert sorted(starts) == list(range(5))  # 3 clips of 2 frames and 2 gaps of 1 are 8 of 12 frames
    assert max(abs(count / 3000 - 1 / 6) for count in labels.values()) < 0.03
    assert max(abs(count / 3000 - 1 / 5) for count in starts.values()) < 0.03


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"clips": 1}, "--method.order.clips is 1: give a number from 2 to 6"),
        ({"frames": 0}, "--method.order.frames is 0: give 1 or more"),
        ({"stride": -1}, "--method.order.stride is -1: give 0 or more"),
        ({"gap": -16}, "--method.order.gap is -16: give -15 or more"),
        ({"pair_dim": 0}, "--method.order.pair-dim is 0"),
        ({"dropout": 1.0}, "--method.order.dropout is 1"),
    ],
)
def test_rows_that_cannot_be_are_refused_by_flag_and_value(changes, flag):
    with pytest.raises(UsageError, match=flag):
        Order(**changes)


CLOZE = Cloze(frames=4, gap=2, distance=3)  # a row of 16 frames; with room for a remote clip, 23


def whole_row(drawn):
    """The row as it would be unchanged, which the first clip tells."""
    return row_at(int(drawn.indices[0, 0]), 1000, CLOZE)


@given(num_frames=st.integers(16, 120), seed=st.integers(0, 999))
def test_cloze_changes_the_middle_clip_alone_and_only_where_the_label_says_so(num_frames, seed):
    drawn = ClozeClips(CLOZE)(num_frames, generator(seed))
    whole = whole_row(drawn)
    assert drawn.indices.max() < num_frames
    assert torch.equal(drawn.indices[[0, 2]], whole[[0, 2]])
    assert torch.equal(drawn.indices[1], whole[1]) == (drawn.target < SHUFFLED)
    if drawn.target == SHUFFLED:
        assert torch.equal(drawn.indices[1].sort().values, whole[1])


@given(num_frames=st.integers(23, 120), seed=st.integers(0, 999))
def test_remote_clip_shares_no_frame_with_the_row_and_keeps_its_distance(num_frames, seed):
    drawn = ClozeClips(CLOZE)(num_frames, generator(seed))
    if drawn.target == REMOTE:
        remote, whole = drawn.indices[1], whole_row(drawn)
        assert (remote.diff() == 1).all()
        assert remote[-1] + CLOZE.distance < whole[0, 0] or remote[0] > whole[2, -1] + CLOZE.distance


def test_remote_clips_come_from_before_and_behind_the_row():
    draw = ClozeClips(CLOZE)
    drawn = [each for each in (draw(60, generator(seed)) for seed in range(300)) if each.target == REMOTE]
    assert {bool(each.indices[1, 0] < each.indices[0, 0]) for each in drawn} == {True, False}


@pytest.mark.parametrize(("num_frames", "starts", "roomy"), [(22, 7, []), (23, 8, [0, 7]), (60, 45, range(45))])
def test_row_starts_anywhere_and_all_labels_it_has_room_for_are_equally_likely(num_frames, starts, roomy):
    rng, draw = generator(0), ClozeClips(CLOZE)
    drawn = [draw(num_frames, rng) for _ in range(9000)]
    found = {start: Counter(each.target for each in drawn if each.indices[0, 0] == start) for start in range(starts)}
    assert sum(counts.total() for counts in found.values()) == 9000
    assert all(abs(counts.total() / 9000 - 1 / starts) < 0.02 for counts in found.values())
    for start, counts in found.items():
        labels = 5 if start in roomy else 4
        assert sorted(counts) == list(range(labels))
        assert all(abs(count / counts.total() - 1 / labels) < 0.1 for count in counts.values())


@given(frames=st.integers(4, 20), seed=st.integers(0, 99))
def test_swapped_quarters_are_never_as_they_were(frames, seed):
    clip = torch.arange(frames)
    swapped = swapped_quarters(clip, generator(seed))
    assert not torch.equal(swapped, clip)
    assert torch.equal(swapped.sort().values, clip)


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"frames": 3}, "--method.cloze.frames is 3: give 4 or more"),
        ({"clips": 2}, "--method.cloze.clips is 2: give 3 or more"),
        ({"stride": 0}, "--method.cloze.stride is 0: give 1 or more"),
        ({"distance": -1}, "--method.cloze.distance is -1: give 0 or more"),
        ({"hidden": 0}, "--method.cloze.hidden is 0: give 1 or more"),
        ({"clips": 7}, "--method.cloze.clips is 7: give a number from 2 to 6"),
    ],
)
def test_clozes_that_cannot_be_are_refused_by_flag_and_value(changes, flag):
    with pytest.raises(UsageError, match=flag):
        Cloze(**changes)
