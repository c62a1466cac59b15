import torch

from kinema.visualise.choice import spread_over_classes
from kinema.visualise.pictures import spread, strip


def test_many_classes_give_one_video_each_of_evenly_spaced_classes() -> None:
    labels = torch.arange(101).repeat_interleave(3)
    chosen = spread_over_classes(labels, 5)
    assert labels[chosen].tolist() == [0, 25, 50, 75, 100]
    assert [row % 3 for row in chosen] == [0, 0, 1, 1, 2]  # a little later in each class


def test_few_classes_share_the_rows() -> None:
    labels = torch.tensor([1] * 10 + [0] * 10)
    chosen = spread_over_classes(labels, 4)
    assert chosen == [10, 15, 2, 7]


def test_no_video_is_chosen_twice() -> None:
    chosen = spread_over_classes(torch.tensor([0, 0, 1]), 8)
    assert sorted(chosen) == [0, 1, 2]


def test_videos_without_labels_are_evenly_spaced() -> None:
    assert spread_over_classes(torch.full((100,), -1), 4) == [0, 25, 50, 75]


def test_no_videos_give_no_choice() -> None:
    assert spread_over_classes(torch.tensor([], dtype=torch.int64), 4) == []


def test_choice_among_some_rows_stays_there() -> None:
    assert set(spread_over_classes(torch.arange(20) % 5, 3, among=[4, 6, 8, 10])) <= {4, 6, 8, 10}


def test_spread_has_both_ends_and_no_repeats() -> None:
    assert spread(4, 32) == [0, 10, 21, 31]
    assert spread(4, 3) == [0, 1, 2]
    assert spread(1, 9) == [0]


def test_strip_shows_first_and_last_frame() -> None:
    frames = torch.arange(8, dtype=torch.uint8).view(8, 1, 1, 1).expand(8, 6, 6, 3)
    pixels = strip(frames, count=3, side=100)
    assert pixels.shape == (6, 3 * 6 + 2 * 2, 3)
    assert [int(pixels[0, place, 0]) for place in (0, 8, 21)] == [0, 4, 7]


def test_strip_reduces_large_frames() -> None:
    frames = torch.full((2, 128, 128, 3), 200, dtype=torch.uint8)
    assert strip(frames, count=2, side=64).shape == (64, 130, 3)
