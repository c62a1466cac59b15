"""Mars's statistics of a clip, block by block and pixel by pixel."""

import math
from collections import Counter

import numpy as np


def blocks(size):
    """The masks [size, size] of each partition's blocks, by cutting squares out."""
    cell = size // 4
    grid = []
    for i in range(4):
        for j in range(4):
            mask = np.zeros((size, size), bool)
            mask[i * cell : (i + 1) * cell, j * cell : (j + 1) * cell] = True
            grid.append(mask)
    rings, inner = [], np.zeros((size, size), bool)
    for count in range(1, 5):
        edge = (size - count * cell) // 2
        square = np.zeros((size, size), bool)
        square[edge : size - edge, edge : size - edge] = True
        rings.append(square & ~inner)
        inner = square
    half = size // 2
    lower = np.tril(np.ones((half, half), bool))  # with the diagonal
    upper_left = [lower, ~lower]
    upper_right = [~lower[:, ::-1], lower[:, ::-1]]
    lower_left = [lower[::-1], ~lower[::-1]]
    lower_right = [~lower[::-1, ::-1], lower[::-1, ::-1]]
    triangles = []
    for number, quarter in enumerate((upper_left, upper_right, lower_left, lower_right)):
        for own in quarter:
            mask = np.zeros((size, size), bool)
            mask[number // 2 * half : number // 2 * half + half, number % 2 * half : number % 2 * half + half] = own
            triangles.append(mask)
    return grid, rings, triangles


def difference(field, across):
    """Of a field [size, size]: right less left, or below less above, of three rows or columns."""
    size, out = len(field), np.zeros_like(field)

    def at(y, x):
        return field[min(max(y, 0), size - 1), min(max(x, 0), size - 1)]

    for y in range(size):
        for x in range(size):
            for k in (-1, 0, 1):
                out[y, x] += at(y + k, x + 1) - at(y + k, x - 1) if across else at(y + 1, x + k) - at(y - 1, x + k)
    return out


def direction(dx, dy, mask):
    """The eighth of a turn, from 1, that most of the differences in a block have; between two, each has its share."""
    bins = [0.0] * 8
    for y, x in zip(*np.nonzero(mask), strict=True):
        length = math.hypot(dx[y, x], dy[y, x])
        turn = math.degrees(math.atan2(dy[y, x], dx[y, x])) % 360 / 45
        bins[int(turn) % 8] += length * (1 - turn % 1)
        bins[(int(turn) + 1) % 8] += length * (turn % 1)
    return int(np.argmax(bins)) + 1


def motion_labels(flow):
    """The 14 labels of a clip's flow [2, L, size, size]."""
    labels, when = [[] for _ in range(3)], []
    for component in flow:
        dx = [difference(field, True) for field in component]
        dy = [difference(field, False) for field in component]
        lengths = np.hypot(sum(dx), sum(dy))
        for own, masks in zip(labels, blocks(flow.shape[-1]), strict=True):
            best = int(np.argmax([lengths[mask].mean() for mask in masks]))
            own += [best + 1, direction(sum(dx), sum(dy), masks[best])]
        when.append(int(np.argmax([np.hypot(a, b).sum() for a, b in zip(dx, dy, strict=True)])) + 1)
    return labels[0] + labels[1] + labels[2] + when


def colour(pixels):
    """The eighth of the colour cube that most pixels [N, 3] of byte levels are in."""
    names = {
        (0, 0, 1): 1,
        (0, 1, 1): 2,
        (1, 0, 1): 3,
        (1, 1, 1): 4,
        (0, 0, 0): 5,
        (0, 1, 0): 6,
        (1, 0, 0): 7,
        (1, 1, 0): 8,
    }
    counts = Counter(names[tuple(int(level >= 128) for level in pixel)] for pixel in pixels)
    return max(range(1, 9), key=lambda number: counts[number])


def colour_of_the_most_frequent(pixels):
    """The eighth of the colour cube in which the most frequent of pixels [N, 3] lies: the released code's law."""
    return colour([Counter(tuple(pixel) for pixel in pixels.tolist()).most_common(1)[0][0]])


def kept(clip, mask):
    """What the histograms of a block have in common in all frames of a clip [T, size, size, 3], as a share."""
    shares = []
    for channel in range(3):
        histograms = np.stack([np.bincount(frame[..., channel][mask], minlength=256) for frame in clip])
        shares.append(histograms.min(axis=0).sum() / histograms.max(axis=0).sum())
    return np.mean(shares)


def appearance_labels(clip):
    """The 13 labels of a clip of byte levels [T, size, size, 3]."""
    labels = []
    for masks in blocks(clip.shape[1]):
        shares = [kept(clip, mask) for mask in masks]
        for best in (int(np.argmin(shares)), int(np.argmax(shares))):
            labels += [best + 1, colour(clip[:, masks[best]].reshape(-1, 3))]
    return [*labels, colour(clip.reshape(-1, 3))]
