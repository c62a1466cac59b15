"""Eq. 1 of MCN, frame by frame."""

import numpy as np


def residual(frames, last):
    """|F_n - F_{n+1}| of [T, ...] frames; `last` says what the last frame is held against."""
    frames = np.asarray(frames)
    out = [np.abs(frames[n] - frames[n + 1]) for n in range(len(frames) - 1)]
    if last == "repeat":
        out.append(out[-1])
    elif last == "wrap":
        out.append(np.abs(frames[-1] - frames[0]))
    elif last == "zero":
        out.append(np.zeros_like(frames[0]))
    return np.stack(out)


def signed_residual(frames, first):
    """IIC's (F_n - F_{n-1} + 1) / 2 of [T, ...] frames; `first` says what the first frame is held against."""
    frames = np.asarray(frames)
    out = [(frames[n] - frames[n - 1] + 1) / 2 for n in range(1, len(frames))]
    if first == "repeat":
        out.insert(0, out[0])
    elif first == "wrap":
        out.insert(0, (frames[0] - frames[-1] + 1) / 2)
    elif first == "zero":
        out.insert(0, np.full_like(frames[0], 0.5))
    return np.stack(out)
