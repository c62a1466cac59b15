import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kinema.batch import generator
from kinema.sampler import random_clip
from kinema.sampler.pieces import CubicPieces, LabelledClip, distant_orders, orders
from reference.puzzles import distant_orders as one_by_one
from reference.puzzles import hamming


def draws(drawing, num_frames, count=40):
    rng = generator("pieces")
    return [drawing(num_frames, rng) for _ in range(count)]


def in_time(drawn):
    """A draw's pieces back in the order of time."""
    shown = orders(4)[drawn.target % 24]
    return drawn.indices[shown.argsort()]


def test_labels_and_orders_belong_together_one_to_one():
    rows = [tuple(row) for row in orders(4).tolist()]
    assert len(set(rows)) == len(rows) == 24
    assert all(sorted(row) == [0, 1, 2, 3] for row in rows)
    assert rows[:3] == [(0, 1, 2, 3), (0, 1, 3, 2), (0, 2, 1, 3)]


@pytest.mark.parametrize(("pieces", "count"), [(3, 6), (4, 10), (5, 12)])
def test_distant_orders_are_those_found_one_by_one(pieces, count):
    found = [tuple(row) for row in distant_orders(pieces, count).tolist()]
    assert found == one_by_one(pieces, count)
    assert len(set(found)) == count


def test_distant_orders_of_nine_differ_nearly_everywhere():
    rows = distant_orders(9, 40).tolist()
    distances = [hamming(one, other) for number, one in enumerate(rows) for other in rows[:number]]
    assert sum(distances) / len(distances) > 8  # of orders at random: 8.0


def test_half_of_the_puzzles_are_of_four_times_and_every_order_occurs():
    labels = torch.tensor([drawn.target for drawn in draws(CubicPieces(2, 1, 3), 40, count=1000)])
    assert (labels >= 24).float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert labels.unique().tolist() == list(range(48))


def test_pieces_of_one_time_are_the_same_frames():
    for drawn in draws(CubicPieces(3, 2, 6), 50):
        same = (drawn.indices == drawn.indices[0]).all()
        assert bool(same) == (drawn.target < 24)


@given(num_frames=st.integers(24, 300), seed=st.integers(0, 200))
def test_pieces_of_four_times_lie_each_in_its_segment_and_do_not_overlap(num_frames, seed):
    drawn = CubicPieces(3, 2, 6)(num_frames, generator(seed))
    if drawn.target < 24:
        return
    found = in_time(drawn)
    assert (found.diff(dim=1) == 2).all()
    assert (found[1:, 0] > found[:-1, -1]).all()
    lowest, highest = (found[:, 0] - 6 * torch.arange(4)).aminmax()
    assert highest - lowest <= 1  # a piece of 5 frames has 2 places in a segment of 6


def test_label_says_which_piece_is_shown_where():
    drawn = next(d for d in draws(CubicPieces(1, 1, 1), 4) if d.target == 24 + 1)
    assert drawn.indices[:, 0].tolist() == [0, 1, 3, 2]


def test_in_a_short_video_pieces_lie_evenly_and_in_a_shorter_one_the_first_frame_is_repeated():
    drawing = CubicPieces(frames=4, stride=2, segment=8)
    rng = generator("short")
    assert drawing.four_times(12, rng).tolist() == [[0, 2, 4, 6], [2, 4, 6, 8], [3, 5, 7, 9], [5, 7, 9, 11]]
    assert drawing.four_times(3, rng).tolist() == [[0, 0, 0, 2]] * 4
    assert drawing.four_times(32, rng)[:, 0].tolist() == pytest.approx([0, 8, 16, 24], abs=1)


def test_labelled_clip_is_a_random_clip_and_its_labels_are_equally_likely():
    found = draws(LabelledClip(4, 3, 5), 60, count=500)
    counts = torch.tensor([drawn.target for drawn in found]).bincount()
    assert len(counts) == 5
    assert counts.min() > 70
    assert torch.equal(
        LabelledClip(4, 3, 5)(60, generator(1)).indices[0], random_clip(60, frames=4, stride=3, rng=generator(1))
    )
