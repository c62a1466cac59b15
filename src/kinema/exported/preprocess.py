"""From a video to what a network is given, in words and numbers that need no kinema.

Numbers stand under the names that Hugging Face's video processors give them, where those have one; what they have no
name for stands beside them. `rules` says in words what numbers cannot.
"""

from __future__ import annotations

from typing import Any

from kinema.data.fitting import THREAD, WIDEST
from kinema.encoder import SIDE_BY_SIDE, at_test_time
from kinema.settings import Clip, Pixels
from kinema.views import MEAN_AND_STD

CLIPS = 10
"""Of a video whose vector is wanted."""
BILINEAR = 2
"""Pillow's number of it."""
RULES = {
    "rounding": "round() is Python's: to the nearest whole number, halves to the even one",
    "frames": (
        "a video of n frames: last = max(n - ((num_frames - 1) * frame_stride + 1), 0); clip i of num_clips starts at "
        "round(last * i / (num_clips - 1)), a single clip at last // 2; its frames are start, start + frame_stride, ..."
    ),
    "short_videos": (
        "where n < (num_frames - 1) * frame_stride + 1: the frames 0, frame_stride, 2 * frame_stride ... that there "
        "are, with frame 0 before them as often as num_frames asks"
    ),
    "resize": (
        "bilinear with antialiasing, on uint8; shortest_edge for the shorter side, the other is "
        "max(round(side * shortest_edge / shorter), shortest_edge); then the middle of what is longer than "
        "longest_edge, from (side - longest_edge) // 2 on"
    ),
    "crop": "from round((height - crop_size.height) * 0.5) and round((width - crop_size.width) * 0.5) on",
    "residual": (
        "of pixels in [0, 1], without image_mean and image_std; absolute: |F[t] - F[t + 1]|; signed: "
        "(F[t] - F[t - 1] + 1) / 2, its first frame being the one without a neighbour; for the frame without a "
        "neighbour: repeat (the residual beside it), wrap (the frame at the other end) or zero (no change)"
    ),
    "statistics": (
        "where there is a second_view.safetensors, what it holds takes the place of the same names in "
        "model.safetensors while the network is shown the view that pixels.second names"
    ),
    "vector": (
        "a clip's feature is the network's output; of two views, each is divided by its length and they stand side "
        "by side; the vector of a video is the mean of its clips' features, divided by its length"
    ),
}


def preprocess(clip: Clip, pixels: Pixels, view: str) -> dict[str, Any]:
    """The block `preprocess` of config.json."""
    views = SIDE_BY_SIDE.get(view, (view,))
    mean, std = MEAN_AND_STD.get(pixels.normalise, ((0.0,) * 3, (1.0,) * 3))
    return {
        "do_convert_rgb": True,
        "do_sample_frames": True,
        "num_frames": clip.frames,
        "frame_stride": clip.stride,
        "num_clips": CLIPS,
        "do_resize": True,
        "size": {"shortest_edge": clip.loaded_side, "longest_edge": WIDEST * clip.loaded_side},
        "widest_aspect_resized": THREAD,
        "resample": BILINEAR,
        "antialias": True,
        "do_center_crop": True,
        "crop_size": {"height": clip.size, "width": clip.size},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": "rgb" in views and pixels.normalise != "unit",
        "image_mean": list(mean),
        "image_std": list(std),
        "views": list(views),
        "residual": {"form": pixels.residual, "last": at_test_time(pixels.last_residual)},
        "rules": RULES,
    }
