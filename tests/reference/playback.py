"""PRP's weights and errors pixel by pixel."""

import numpy as np


def pooled(picture, kernel, stride):
    """Means of the kernel x kernel squares of a picture [S, S], `stride` pixels apart."""
    places = range(0, len(picture) - kernel + 1, stride)
    return np.array([[picture[y : y + kernel, x : x + kernel].mean() for x in places] for y in places])


def stretched(grid, size):
    """A grid [n, n] made a picture [size, size] by linear interpolation between the centres of its cells."""

    def sample(values, at):
        at = min(max(at, 0), len(values) - 1)
        low = int(at)
        high = min(low + 1, len(values) - 1)
        return values[low] + (values[high] - values[low]) * (at - low)

    places = [(number + 0.5) * len(grid) / size - 0.5 for number in range(size)]
    rows = np.stack([sample(grid, at) for at in places])
    return np.stack([sample(rows.T, at) for at in places]).T


def motion_attention(stills, low, high):
    """Weights [S, S] of one channel of one stretch, from its four frames [4, S, S]."""
    size = stills.shape[-1]
    moved = sum((stills[n + 1] - stills[n]) ** 2 for n in range(3)) / 3
    grid = pooled(moved, size // 4, size // 16)
    if grid.max() == grid.min():
        return np.ones((size, size))
    return stretched(low + (high - low) * (grid - grid.min()) / (grid.max() - grid.min()), size)


def reconstruction(made, target, weights, rates):
    """The mean weighed squared error over the frames that there are, each a picture [3, S, S] of [B, 2 F] of them.

    `weights` are [B, 3, R, S, S]; the first `rate` of a clip's R stretches are its own.
    """
    errors = []
    for b, rate in enumerate(rates):
        frames = target.shape[2]
        for number in range(frames):
            if rate == 1 and number % 2:
                continue
            stretch = number * rate // frames
            errors.append((weights[b, :, stretch] * (made[b, :, number] - target[b, :, number]) ** 2).mean())
    return np.mean(errors)
