import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kinema.batch import generator
from kinema.sampler import RandomClips, clip_at
from kinema.sampler.pairs import ClipsAndAgain, NearbyClips


@given(num_frames=st.integers(1, 300), frames=st.integers(1, 32), stride=st.integers(1, 8), seed=st.integers(0, 1000))
def test_clips_near_in_time_are_clips_of_the_video(num_frames, frames, stride, seed):
    drawn = NearbyClips(frames, stride)(num_frames, generator(seed)).indices
    starts = max(num_frames - (frames - 1) * stride, 1)
    possible = {tuple(clip_at(s, num_frames, frames=frames, stride=stride).tolist()) for s in range(starts)}
    assert drawn.shape == (2, frames)
    assert all(tuple(clip) in possible for clip in drawn.tolist())


def starts_of(drawing, starts, count):
    """The two first frames of clips drawn of a video that has so many starts, int64 [count] each."""
    rng, num_frames = generator(0), starts + (drawing.frames - 1) * drawing.stride
    return torch.stack([drawing(num_frames, rng).indices[:, 0] for _ in range(count)]).unbind(1)


def chi_square(first, second, starts):
    """How far the counts of distances are from the integral of 2 (1 - g / M) / M over [g, g + 1)."""
    expected = len(first) * (2 * (starts - torch.arange(starts)) - 1) / starts**2
    return ((first - second).abs().bincount(minlength=starts) - expected).square().div(expected).sum()


def test_distance_of_two_clips_has_the_density_of_cvrl():
    starts, count = 8, 4000
    first, second = starts_of(NearbyClips(frames=4, stride=3), starts, count)
    assert chi_square(first, second, starts) < 18.5  # at 1 %, with 7 degrees of freedom
    assert chi_square(*starts_of(RandomClips(frames=4, stride=3), starts, count), starts) > 100  # rounded otherwise
    assert ((first < second).float().mean() - (first > second).float().mean()).abs() < 0.05
    room = starts - (second - first).abs()
    assert (torch.minimum(first, second) < room).all()
    assert (torch.minimum(first, second) / (room - 1).clamp(min=1)).mean() == pytest.approx(0.5, abs=0.03)


def test_first_clip_is_drawn_twice_and_now_and_then_all_run_backwards():
    drawn = [ClipsAndAgain(4, 2, backwards=0.25)(60, generator(seed)).indices for seed in range(2000)]
    assert all(torch.equal(each[0], each[2]) for each in drawn)
    assert sum(torch.equal(each[0], each[1]) for each in drawn) < 100  # by chance, one in 54
    steps = torch.stack([each.diff(dim=1) for each in drawn])
    assert (steps.abs() == 2).all()
    assert torch.equal(steps.amin(dim=(1, 2)), steps.amax(dim=(1, 2)))
    assert (steps[:, 0, 0] < 0).float().mean() == pytest.approx(0.25, abs=0.03)
