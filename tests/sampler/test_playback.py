import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kinema.batch import generator
from kinema.errors import UsageError
from kinema.sampler.playback import PlaybackRates, made, stills, stretch_of

RATES = (1, 2, 4, 8)


def test_frames_to_be_made_lie_half_as_far_apart_as_the_clips():
    assert made(4, 4).tolist() == [0, 2, 4, 6, 8, 10, 12, 14]
    assert made(4, 2).tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert made(4, 1).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_stills_of_sixteen_frames_are_those_of_the_released_code_and_begin_again_where_there_are_fewer_stretches():
    assert stills(16, 2, 4).tolist() == [0, 5, 10, 15, 16, 21, 26, 31] * 2
    assert stills(16, 1, 2).tolist() == [0, 5, 10, 15] * 2
    assert stills(8, 1, 1).tolist() == [0, 2, 5, 7]


def test_frames_to_be_made_lie_in_the_stretch_that_weighs_them():
    rates = torch.tensor(RATES)
    for rate, stretches in zip(RATES, stretch_of(16, rates), strict=True):
        assert stretches.tolist() == [place // 16 for place in made(16, rate).tolist()]


@given(num_frames=st.integers(128, 300), seed=st.integers(0, 300))
def test_every_other_frame_to_be_made_is_the_clip_at_its_rate(num_frames, seed):
    drawn = PlaybackRates(16, RATES)(num_frames, generator(seed))
    assert drawn.indices.shape == (1, 2 * 16 + 4 * 8)
    clip, rate = drawn.indices[0, :32:2], RATES[drawn.target]
    assert (clip.diff() == rate).all()
    assert drawn.indices[0, 32:].min() == clip[0]
    assert drawn.indices.max() < clip[0] + 16 * rate <= num_frames


def test_rates_and_starts_are_equally_likely():
    rng = generator("rates")
    found = [PlaybackRates(4, (1, 2))(12, rng) for _ in range(400)]
    fast = torch.tensor([drawn.indices[0, 0] for drawn in found if drawn.target])
    assert len(fast) == pytest.approx(200, abs=40)
    assert fast.bincount().tolist() == pytest.approx([40] * 5, abs=20)


def test_short_video_repeats_its_first_frame_as_other_clips_do():
    drawing = PlaybackRates(4, (1, 4))
    found = {
        drawn.target: drawn.indices[0, :8].tolist() for drawn in (drawing(10, generator(seed)) for seed in range(9))
    }
    assert found[1] == [0, 0, 0, 0, 2, 4, 6, 8]  # the last ten of sixteen frames
    assert drawing(1, generator(0)).indices.unique().tolist() == [0]


def test_video_without_frames_is_refused():
    with pytest.raises(UsageError, match="a video of 0 frames"):
        PlaybackRates(4, (1, 2))(0, generator(0))
