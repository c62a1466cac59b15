"""config.json says enough for others to show a network the same pixels: a second program that reads it alone does."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch

from kinema.data.decode import open_video
from kinema.data.loader import EvalClips
from kinema.data.video import Video
from kinema.encoder import Encoder
from kinema.exported.preprocess import preprocess
from kinema.sampler import uniform_clips
from kinema.settings import Clip, Pixels
from reference import preprocess as other

PIXELS = Pixels()


def block(clip, pixels=PIXELS, view="rgb"):
    """As it stands in the file."""
    return json.loads(json.dumps(preprocess(clip, pixels, view)))


@pytest.mark.parametrize("frames", [*range(1, 12), 40, 97, 300])
@pytest.mark.parametrize(("length", "stride"), [(1, 1), (4, 2), (8, 4), (32, 1)])
def test_rule_of_frames_is_the_one_that_evaluation_draws_by(frames, length, stride):
    said = block(Clip(frames=length, stride=stride, size=32))
    for clips in (1, 2, 10):
        expected = uniform_clips(frames, clips, frames=length, stride=stride).tolist()
        assert other.indices(said | {"num_clips": clips}, frames) == expected


def every_frame(path):
    with open_video(path) as reader:
        return reader.at(range(reader.num_frames)).numpy()


def held_to_it(path, clip):
    """The largest difference between pixels, and the share of those that differ."""
    found, _, _ = EvalClips([Video(str(path))], clip)[0]
    expected = other.clips(block(clip), every_frame(path))
    assert found.shape == expected.shape
    difference = np.abs(found.numpy().astype(int) - expected)
    return difference.max(), (difference > 0).mean()


@pytest.mark.parametrize("size", [24, 32, 40])
def test_pixels_of_an_encoded_video_are_those_of_pillow(size, clip_folder):
    most, share = held_to_it(next(clip_folder.glob("train/*/*.mp4")), Clip(frames=4, stride=2, size=size))
    assert most <= 1
    assert share < 0.1


def test_pixels_of_real_videos_are_those_of_pillow(shared_data):
    found = sorted((shared_data / "weizmann9").rglob("*.avi")) or sorted((shared_data / "weizmann9").rglob("*.mp4"))
    for path in found[:2]:
        most, share = held_to_it(path, Clip(frames=8, stride=4, size=56))
        assert most <= 1
        assert share < 0.1


@pytest.mark.parametrize("last", ["repeat", "wrap", "zero", "extra_frame"])
@pytest.mark.parametrize("form", ["absolute", "signed"])
@pytest.mark.parametrize("normalise", ["unit", "imagenet", "kinetics", "slowfast"])
def test_views_are_those_that_the_encoder_shows(normalise, form, last):
    pixels = Pixels(normalise, last_residual=last, residual=form)
    clip = Clip(frames=5, stride=1, size=6)
    frames = torch.randint(0, 256, (1, 5, 6, 6, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    said = block(clip, pixels, "both")
    encoder = Encoder(torch.nn.Identity(), clip, normalise=normalise, last_residual=last, residual=form)
    for view in said["views"]:
        found = encoder.show(frames.permute(0, 4, 1, 2, 3).float() / 255, view)[0].permute(1, 2, 3, 0)
        np.testing.assert_allclose(found, other.shown(said, frames[0].numpy(), view), atol=2e-6)
    assert said["do_normalize"] == (normalise != "unit")
    assert not block(clip, pixels, "residual")["do_normalize"]


def test_starts_are_evenly_spaced_to_within_a_frame():
    starts = [row[0] for row in other.indices(block(Clip(frames=4, stride=2, size=32)), 100)]
    steps = {b - a for a, b in pairwise(starts)}
    assert (starts[0], starts[-1]) == (0, 100 - 7)
    assert max(steps) - min(steps) <= 1
