import numpy as np
import pytest
import torch

from kinema.clip_statistics import APPEARANCE, MOTION, SMALLEST, appearance_labels, motion_labels, partitions
from reference import statistics


def flow_of(*fields):
    """A clip's flow [1, 2, L, 16, 16] of u fields, v being none."""
    u = torch.stack(fields)
    return torch.stack([u, torch.zeros_like(u)])[None]


def square(top, left, height=2, width=2, value=1.0):
    field = torch.zeros(16, 16)
    field[top : top + height, left : left + width] = value
    return field


@pytest.mark.parametrize("size", [8, 16, 24])
def test_partitions_are_those_of_the_paper(size):
    masks = [mask for own in statistics.blocks(size) for mask in own]
    numbers = partitions(size).view(3, size, size).numpy()
    for number, mask in enumerate(masks):
        assert np.array_equal((numbers == number).any(axis=0), mask), number


@pytest.mark.parametrize("size", [SMALLEST, 9, 14, 56, 112])
def test_no_block_is_empty(size):
    assert partitions(size).flatten().bincount().min() > 0


@pytest.mark.parametrize("fields", [1, 4])
def test_labels_of_motion_are_those_found_pixel_by_pixel(fields):
    flow = torch.randn(3, 2, fields, 16, 16)
    for found, own in zip(motion_labels(flow), flow.numpy(), strict=True):
        assert found.tolist() == statistics.motion_labels(own)


def test_labels_of_appearance_are_those_found_pixel_by_pixel():
    levels = torch.randint(0, 6, (3, 3, 4, 16, 16)) * 50
    for found, own in zip(appearance_labels(levels / 255), levels.numpy(), strict=True):
        assert found.tolist() == statistics.appearance_labels(own.transpose(1, 2, 3, 0))


def test_labels_are_within_their_largest():
    motion, appearance = motion_labels(torch.randn(40, 2, 5, 16, 16)), appearance_labels(torch.rand(40, 3, 2, 16, 16))
    assert motion.shape == (40, 14) and appearance.shape == (40, 13)
    assert motion.min() >= 1 and appearance.min() >= 1
    assert (motion.amax(dim=0) <= torch.tensor([*MOTION, 5, 5])).all()
    assert (appearance.amax(dim=0) <= torch.tensor(APPEARANCE)).all()


@pytest.mark.parametrize(("row", "column"), [(0, 0), (1, 2), (3, 3)])
def test_square_that_moves_alone_is_in_its_cell_of_the_grid(row, column):
    label = motion_labels(flow_of(square(4 * row + 1, 4 * column + 1)))[0]
    assert label[0] == 4 * row + column + 1
    assert label[[2, 3, 6, 7, 10, 11, 13]].tolist() == [0] * 7  # v is none


@pytest.mark.parametrize(
    ("fields", "eighth"),
    [
        (square(0, 8, 16, 8), 1),  # u grows to the right
        (square(8, 0, 8, 16), 3),  # it grows downwards, a quarter of a turn on
        (square(0, 0, 16, 8), 5),
        (square(0, 0, 8, 16), 7),
    ],
)
def test_direction_is_where_the_flow_grows(fields, eighth):
    assert motion_labels(flow_of(fields))[0, [1, 5, 9]].tolist() == [eighth] * 3


def test_field_with_most_motion_is_found():
    label = motion_labels(flow_of(square(1, 1), square(1, 1, value=3.0), square(1, 1, value=-2.0)))[0]
    assert label[12:].tolist() == [2, 0]


def test_where_nothing_moves_or_all_moves_alike_labels_of_motion_are_0():
    for flow in (torch.zeros(2, 2, 3, 16, 16), torch.full((2, 2, 3, 16, 16), 0.3), 1e-5 * torch.randn(2, 2, 3, 16, 16)):
        assert motion_labels(flow).tolist() == [[0] * 14] * 2


def test_block_that_changes_its_colour_changes_most_and_a_still_one_least():
    clip = 0.6 + 0.1 * torch.randint(0, 2, (1, 3, 4, 16, 16))
    clip[:, :, :, 4:8, 8:12] = 0.0  # the seventh cell: black, and still
    clip[:, 1:, :, 12:, :4] = torch.tensor([0.0, 0.1, 0.2, 0.3]).view(1, 1, 4, 1, 1)  # the thirteenth: another red
    clip[:, 0, :, 12:, :4] = torch.tensor([0.8, 0.85, 0.9, 0.95]).view(1, 4, 1, 1)  # in each frame
    assert appearance_labels(clip)[0, :4].tolist() == [13, 7, 7, 5]


def test_colour_is_that_of_most_pixels_and_not_of_the_most_frequent_shade():
    levels = torch.zeros(1, 3, 2, 16, 16, dtype=torch.long)
    levels[:, :, :, 6:] = 200 + torch.arange(10).view(10, 1)  # ten light shades, of 32 pixels each, to 192 black ones
    pixels = levels[0].permute(1, 2, 3, 0).reshape(-1, 3).numpy()
    assert appearance_labels(levels / 255)[0, -1] == statistics.colour(pixels) == 4
    assert statistics.colour_of_the_most_frequent(pixels) == 5
