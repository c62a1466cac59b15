from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kinema import recipes
from kinema.batch import generator
from kinema.errors import UsageError
from kinema.sampler.paces import NormalAndFast, PacedClips, clip_at_rate, pace_numbers, paced_clip
from kinema.settings import Pace, SpeedNet

FOUR = (1, 2, 3, 4)


@given(num_frames=st.integers(1, 100), pace=st.integers(-4, 4), seed=st.integers(0, 99))
def test_frames_differ_by_the_pace_modulo_the_length_of_a_video_that_begins_anew(num_frames, pace, seed):
    clip = paced_clip(num_frames, frames=8, pace=pace, longest=4, wrap=True, rng=generator(seed))
    assert ((clip.diff() - pace) % num_frames == 0).all()


@given(num_frames=st.integers(29, 100), pace=st.integers(-4, 4), seed=st.integers(0, 99))
def test_frames_differ_by_the_pace_where_a_video_does_not_begin_anew(num_frames, pace, seed):
    clip = paced_clip(num_frames, frames=8, pace=pace, longest=4, wrap=False, rng=generator(seed))
    assert (clip.diff() == pace).all()
    assert 0 <= clip.min() <= clip.max() < num_frames


@given(num_frames=st.integers(29, 100), seed=st.integers(0, 99))
def test_where_a_clips_middle_lies_does_not_tell_its_pace_where_a_video_does_not_begin_anew(num_frames, seed):
    clips = [
        paced_clip(num_frames, frames=8, pace=pace, longest=4, wrap=False, rng=generator(seed)) for pace in (0, *FOUR)
    ]
    middles = [float(clip[0] + clip[-1]) / 2 for clip in clips]
    assert max(middles) - min(middles) <= 1 / 2  # of an odd number of frames the middle is one, of an even none


def test_middles_are_all_those_of_the_longest_clip():
    starts = Counter(
        int(paced_clip(40, frames=8, pace=1, longest=4, wrap=False, rng=generator(seed))[0]) for seed in range(2000)
    )
    assert sorted(starts) == list(range(10, 22))  # 12 stretches of 29 frames are in 40, and 10 lie before each clip's 8
    assert all(abs(count / 2000 - 1 / 12) < 0.03 for count in starts.values())


def test_pace_0_is_one_frame_and_a_negative_one_goes_backwards():
    for wrap in (True, False):
        assert len(set(paced_clip(20, frames=4, pace=0, longest=2, wrap=wrap, rng=generator(0)).tolist())) == 1
    assert paced_clip(7, frames=4, pace=-2, longest=2, wrap=False, rng=generator(0)).tolist() == [6, 4, 2, 0]


def test_short_video_repeats_its_first_frame_where_it_does_not_begin_anew():
    assert paced_clip(6, frames=4, pace=3, longest=3, wrap=False, rng=generator(0)).tolist() == [0, 0, 0, 3]
    assert paced_clip(6, frames=4, pace=1, longest=3, wrap=False, rng=generator(0)).tolist() == [1, 2, 3, 4]
    assert paced_clip(3, frames=2, pace=0, longest=3, wrap=False, rng=generator(0)).tolist() == [1, 1]


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
        clips = [paced_clip(40, frames=4, pace=pace, longest=4, wrap=False, rng=generator(seed)) for seed in range(8)]
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


def test_clip_at_a_rate_takes_the_nearest_frames():
    assert clip_at_rate(2, 40, frames=5, rate=1.7).tolist() == [2, 4, 5, 7, 9]
    assert clip_at_rate(3, 40, frames=4, rate=1.0).tolist() == [3, 4, 5, 6]
    assert clip_at_rate(0, 5, frames=5, rate=1.7).tolist() == [0, 0, 0, 2, 3]


@given(num_frames=st.integers(1, 200), seed=st.integers(0, 99), stride=st.integers(1, 3))
def test_rates_are_those_asked_for_and_frames_in_order(num_frames, seed, stride):
    draw = NormalAndFast(8, stride, (1.0, 1.2), (1.7, 2.2))
    normal, fast = draw(num_frames, generator(seed)).indices
    assert (normal.diff() >= 0).all()
    assert (fast.diff() >= 0).all()
    if num_frames > 7 * 2.2 * stride + 1:
        assert 7 * stride - 1 <= normal[-1] - normal[0] <= 7 * 1.2 * stride + 1
        assert 7 * 1.7 * stride - 1 <= fast[-1] - fast[0] <= 7 * 2.2 * stride + 1
        assert (fast[-1] - fast[0]) > (normal[-1] - normal[0])


@given(seed=st.integers(0, 199))
def test_both_versions_are_of_one_segment_of_three_clips_length(seed):
    both = NormalAndFast(8, 2, (1.0, 1.2), (1.7, 2.2))(500, generator(seed)).indices
    assert both.max() - both.min() < 3 * 8 * 2


@given(num_frames=st.integers(1, 100), seed=st.integers(0, 99), fast=st.floats(3, 9))
def test_segment_of_three_clips_length_grows_where_the_fast_one_does_not_fit_in_it(num_frames, seed, fast):
    both = NormalAndFast(8, 1, (1.0, 1.2), (fast, fast))(num_frames, generator(seed)).indices
    assert both.max() < num_frames
    if num_frames > 7 * fast + 1:
        assert abs(int(both[1, -1] - both[1, 0]) - 7 * fast) <= 1 / 2


def test_rates_differ_from_draw_to_draw_and_starts_cover_the_video():
    draw = NormalAndFast(8, 1, (1.0, 1.2), (1.7, 2.2))
    drawn = [draw(60, generator(seed)).indices for seed in range(300)]
    assert len({int(fast[-1] - fast[0]) for _, fast in drawn}) == 4  # 12 to 15 frames
    assert min(int(both.min()) for both in drawn) < 3
    assert max(int(both.max()) for both in drawn) > 56


def test_tiny_recipes_clips_fit_the_shortest_videos():
    tiny = recipes.get("tiny_speednet").method
    assert round((tiny.frames - 1) * tiny.stride * tiny.fast[1]) + 1 <= 32
    tiny = recipes.get("tiny_pace").method
    assert (tiny.frames - 1) * max(tiny.paces) + 1 <= 32


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": 1}, "--method.frames is 1: give 2 or more"),
        ({"stride": 0}, "--method.stride is 0: give 1 or more"),
        ({"normal": (0.5, 1)}, "--method.normal is 0.5 1: give a number from 1"),
        ({"fast": (2, 1.8)}, "--method.fast is 2 1.8: give the lower number first"),
        ({"fast": (1.1, 2)}, "--method.normal goes up to 1.2 and --method.fast begins at 1.1: give rates that"),
    ],
)
def test_speeds_that_cannot_be_are_refused_by_flag_and_value(changes, message):
    with pytest.raises(UsageError, match=message):
        SpeedNet(**changes)
