import numpy as np
import pytest
import torch

from kinema.views import corners, cut, normalise, pieces_in_order, reordered, residual
from reference.residual import residual as frame_by_frame
from reference.residual import signed_residual

LAST = ["repeat", "wrap", "zero", "extra_frame"]


def clips(frames=5):
    return torch.rand(2, 3, frames, 4, 6, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("last", LAST)
def test_residuals_are_those_of_the_paper_frame_by_frame(last):
    found = residual(clips(), last)
    for clip, own in zip(clips(), found, strict=True):
        np.testing.assert_allclose(own.transpose(0, 1), frame_by_frame(clip.transpose(0, 1), last), rtol=1e-6)


def test_residuals_of_three_grey_levels_by_hand():
    levels = torch.tensor([0.2, 0.7, 0.4]).view(1, 1, 3, 1, 1)
    expected = {"repeat": [0.5, 0.3, 0.3], "wrap": [0.5, 0.3, 0.2], "zero": [0.5, 0.3, 0.0], "extra_frame": [0.5, 0.3]}
    for last, values in expected.items():
        assert residual(levels, last).flatten().tolist() == pytest.approx(values, abs=1e-6)


@pytest.mark.parametrize("last", LAST)
def test_still_clip_has_no_residual(last):
    still = clips(1).expand(2, 3, 6, 4, 6)
    assert residual(still, last).abs().max() == 0


@pytest.mark.parametrize("last", ["repeat", "wrap", "zero"])
def test_clip_of_one_frame_has_a_residual_of_one_empty_frame(last):
    assert torch.equal(residual(clips(1), last), torch.zeros(2, 3, 1, 4, 6))


@pytest.mark.parametrize("last", LAST)
def test_signed_residuals_are_iics_frame_by_frame(last):
    found = residual(clips(), last, "signed")
    for clip, own in zip(clips(), found, strict=True):
        expected = signed_residual(clip.transpose(0, 1), last)
        np.testing.assert_allclose(own.transpose(0, 1), expected, rtol=1e-6)


def test_signed_residual_that_wraps_is_that_of_iics_code():
    given = clips()
    torch.testing.assert_close(residual(given, "wrap", "signed"), (given - given.roll(1, 2) + 1) / 2)


@pytest.mark.parametrize("last", LAST)
@pytest.mark.parametrize("frames", [1, 6])
def test_signed_residual_of_what_does_not_move_is_one_half(last, frames):
    still = clips(1).expand(2, 3, frames, 4, 6)
    found = residual(still, last, "signed")
    assert torch.equal(found, torch.full_like(found, 0.5))
    assert found.shape[2] == frames - (last == "extra_frame")


def test_frames_are_put_in_the_order_of_their_own_clip():
    given, order = clips(3), torch.tensor([[2, 2, 0], [0, 1, 2]])
    found = reordered(given, order)
    assert torch.equal(found[0], given[0][:, [2, 2, 0]])
    assert torch.equal(found[1], given[1])


def test_pieces_of_a_clip_stand_in_the_order_asked_for():
    order = torch.tensor([[0, 3, 2, 1], [0, 1, 2, 3]])
    assert pieces_in_order(8, order).tolist() == [[0, 1, 6, 7, 4, 5, 2, 3], list(range(8))]
    assert pieces_in_order(5, torch.tensor([[1, 0]])).tolist() == [[3, 4, 0, 1, 2]]


def test_residuals_leave_the_clip_as_it_is():
    before, given = clips(), clips()
    residual(given, "repeat")
    assert torch.equal(before, given)


def test_unit_pixels_stay_and_imagenet_pixels_lose_mean_and_deviation():
    given = torch.rand(2, 3, 4, 5, 6)
    assert normalise(given, "unit") is given
    by_hand = np.stack(
        [(given[:, c].numpy() - m) / s for c, (m, s) in enumerate([(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)])], 1
    )
    np.testing.assert_allclose(normalise(given, "imagenet"), by_hand, rtol=1e-5, atol=1e-6)


def test_slowfasts_pixels_lose_one_mean_and_deviation_for_all_colours():
    given = torch.tensor([0.45, 0.675, 0.225]).view(1, 3, 1, 1, 1)
    torch.testing.assert_close(normalise(given, "slowfast"), torch.tensor([0.0, 1.0, -1.0]).view(1, 3, 1, 1, 1))


def test_kinetics_pixels_lose_torchvisions_mean_and_deviation():
    mean = torch.tensor([0.43216, 0.394666, 0.37645]).view(1, 3, 1, 1, 1)
    brighter = mean + torch.tensor([0.22803, 0.22145, 0.216989]).view(1, 3, 1, 1, 1)
    torch.testing.assert_close(normalise(mean, "kinetics"), torch.zeros(1, 3, 1, 1, 1))
    torch.testing.assert_close(normalise(brighter, "kinetics"), torch.ones(1, 3, 1, 1, 1))


def test_corners_of_a_piece_are_all_places_within_its_cell():
    rng = torch.Generator().manual_seed(0)
    cells = torch.arange(9).expand(400, 9)
    found = corners(cells, rng, side=3, canvas=32, piece=8)  # cells of 10, and 2 left over
    for cell, places in enumerate(found.unbind(1)):
        top, left = 10 * (cell // 3), 10 * (cell % 3)
        assert sorted({tuple(place) for place in places.tolist()}) == [
            (top + y, left + x) for y in range(3) for x in range(3)
        ]


def test_pieces_are_cut_where_their_corners_are():
    shown = torch.rand(2, 3, 1, 2, 7, 7)
    places = torch.tensor([[[0, 0], [4, 4], [1, 3]], [[2, 0], [0, 4], [3, 3]]])
    found = cut(shown, places, 3)
    assert found.shape == (2, 3, 1, 2, 3, 3)
    for b, n in np.ndindex(2, 3):
        top, left = places[b, n].tolist()
        assert torch.equal(found[b, n], shown[b, n, :, :, top : top + 3, left : left + 3])
