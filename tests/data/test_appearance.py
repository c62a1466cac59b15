import numpy as np
import torch

from kinema.data.appearance import FRAMES, SIDE, SIZE, appearance
from kinema.data.decode import open_video


def test_appearance_is_the_mean_over_frames_and_cells(clips):
    found = appearance(clips[:3], workers=0)
    assert found.shape == (3, SIZE)
    assert found.dtype == torch.uint8
    for video, thumbnail in zip(clips, found, strict=False):
        with open_video(video.path) as reader:
            places = np.linspace(0, reader.num_frames - 1, FRAMES).round().astype(int)
            frames = reader.at(places.tolist()).numpy().astype(float)
        top, left = 5, 10  # cell (0, 1) of 32 / 6 pixels a side begins and ends within whole pixels: 5 to 11
        mean = frames.mean(axis=0)[0:6, top : left + 1].mean(axis=(0, 1))
        cell = thumbnail.view(3, SIDE, SIDE)[:, 0, 1].numpy().astype(float)
        assert np.abs(cell - mean).max() <= 0.51


def test_appearance_is_the_same_with_reading_processes_and_tells_its_progress(clips):
    told = []
    found = appearance(clips, workers=2, progress=lambda done, total: told.append((done, total)))
    assert torch.equal(found, appearance(clips, workers=0))
    assert told == [(16, 20), (20, 20)]
