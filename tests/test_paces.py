from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kinema.batch import generator
from kinema.errors import UsageError
from kinema.paces import PacedClips, pace_numbers, paced_clip
from kinema.settings import Pace

FOUR = (1, 2, 3, 4)


@given(num_frames=st.integers(1, 100), pace=st.integers(-4, 4), seed=st.integers(0, 99))
def test_frames_differ_by_the_pace_modulo_the_length_of_a_video_that_begins_anew(num_frames, pace, seed):
    clip = paced_clip(num_frames, frames=8, pace=pace, wrap=True, rng=generator(seed))
    assert ((clip.diff() - pace) % num_frames == 0).all()


@given(num_frames=st.integers(29, 100), pace=st.integers(-4, 4), seed=st.integers(0, 99))
def test_frames_differ_by_the_pace_where_a_video_does_not_begin_anew(num_frames, pace, seed):
    clip = paced_clip(num_frames, frames=8, pace=pace, wrap=False, rng=generator(seed))
    assert (clip.diff() == pace).all()


def test_pace_0_is_one_frame_and_a_negative_one_goes_backwards():
    for wrap in (True, False):
        assert len(set(paced_clip(20, frames=4, pace=0, wrap=wrap, rng=generator(0)).tolist())) == 1
    assert paced_clip(7, frames=4, pace=-2, wrap=False, rng=generator(0)).tolist() == [6, 4, 2, 0]


def test_short_video_repeats_its_first_frame_where_it_does_not_begin_anew():
    assert paced_clip(6, frames=4, pace=3, wrap=False, rng=generator(0)).tolist() == [0, 0, 0, 3]


@pytest.mark.parametrize("clips", [1, 2])
def test_every_pace_is_drawn_equally_often_and_the_target_names_each_clips(clips):
    rng, draw = generator(0), PacedClips(4, FOUR, wrap=False, clips=clips)
    counts = Counter()
    for _ in range(2000):
        drawn = draw(40, rng)
        assert drawn.indices.shape == (clips, 4)
        numbers = pace_numbers(torch.tensor([drawn.target]), clips, 4)[0].tolist()
        assert [FOUR[number] for number in numbers] == drawn.indices.diff(dim=1)[:, 0].tolist()
        assert len(set(numbers)) == clips
        counts.update(numbers)
    assert sorted(counts) == [0, 1, 2, 3]
    assert all(abs(count / (2000 * clips) - 1 / 4) < 0.03 for count in counts.values())


def test_frame_differences_of_a_moving_square_tell_the_pace():
    """Were it not so, no network could learn it: a threshold on motion energy separates the strides 1 and 4."""
    video = torch.zeros(40, 48)
    for t in range(40):
        video[t, t : t + 8] = 1
    energy = {}
    for pace in FOUR:
        clips = [paced_clip(40, frames=4, pace=pace, wrap=False, rng=generator(seed)) for seed in range(8)]
        energy[pace] = [float(video[clip].diff(dim=0).abs().mean()) for clip in clips]
    assert all(max(energy[pace]) < min(energy[pace + 1]) for pace in (1, 2, 3))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": 1}, "--method.frames is 1: give 2 or more"),
        ({"paces": (2,)}, "--method.paces is 2: give two or more strides"),
        ({"paces": (1, 2, 1)}, "--method.paces is 1 2 1: give two or more strides, each once"),
        ({"contrast": -0.1}, "--method.contrast is -0.1"),
        ({"temperature": 0}, "--method.temperature is 0"),
        ({"dim": 0}, "--method.dim is 0"),
    ],
)
def test_paces_that_cannot_be_are_refused_by_flag_and_value(changes, message):
    with pytest.raises(UsageError, match=message):
        Pace(**changes)
