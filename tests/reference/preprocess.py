"""A video's clips as config.json of an exported network says, by Pillow and NumPy, knowing nothing of kinema."""

import numpy as np
from PIL import Image


def indices(block, n):
    """Frames of each clip."""
    frames, stride, clips = block["num_frames"], block["frame_stride"], block["num_clips"]
    span = (frames - 1) * stride + 1
    if n < span:
        there = list(range(0, n, stride))
        return [[0] * (frames - len(there)) + there] * clips
    starts = [(n - span) // 2] if clips == 1 else [round((n - span) * i / (clips - 1)) for i in range(clips)]
    return [[start + stride * t for t in range(frames)] for start in starts]


def resized(block, frame):
    """uint8 [h, w, 3] to the size that is cropped."""
    height, width = frame.shape[:2]
    short, longest = block["size"]["shortest_edge"], block["size"]["longest_edge"]
    height, width = (max(round(side * short / min(frame.shape[:2])), short) for side in (height, width))
    if (height, width) != frame.shape[:2]:
        frame = np.asarray(Image.fromarray(frame).resize((width, height), block["resample"]))
    top, left = (max(side - longest, 0) // 2 for side in (height, width))
    return frame[top : top + longest, left : left + longest]


def clips(block, video):
    """uint8 [N, T, S, S, 3] of all frames of a video, uint8 [n, h, w, 3]."""
    size = block["crop_size"]["height"]
    out = []
    for row in indices(block, len(video)):
        frames = [resized(block, video[i]) for i in row]
        top, left = (round((side - size) * 0.5) for side in frames[0].shape[:2])
        out.append([frame[top : top + size, left : left + size] for frame in frames])
    return np.array(out)


def shown(block, clip, view):
    """float64 [T, S, S, 3]: one clip as a network sees it."""
    assert not block["do_normalize"] or "rgb" in block["views"]
    x = clip.astype(np.float64) * block["rescale_factor"]
    if view == "rgb":
        return (x - block["image_mean"]) / block["image_std"] if block["do_normalize"] else x
    form, last = block["residual"]["form"], block["residual"]["last"]
    if form == "absolute":
        change = np.abs(x[1:] - x[:-1])
        end = {"repeat": change[-1:], "wrap": np.abs(x[-1:] - x[:1]), "zero": x[:1] * 0}[last]
        return np.concatenate([change, end])
    change = (x[1:] - x[:-1] + 1) / 2
    first = {"repeat": change[:1], "wrap": (x[:1] - x[-1:] + 1) / 2, "zero": x[:1] * 0 + 0.5}[last]
    return np.concatenate([first, change])
