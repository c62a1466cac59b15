import io

import numpy as np
import pytest
import torch
from PIL import Image

from kinema.visualise.cluster_sheet import Shown, chosen, fitted, sheet_png, text_font

pytest.importorskip("matplotlib")


def member(colour, height=40, width=60):
    frames = torch.tensor(colour, dtype=torch.uint8).expand(3, height, width, 3)
    return Shown(frames, f"clips/{colour}.mp4", "0.0–2.0, distance 0.100")


def pixels(png):
    return np.array(Image.open(io.BytesIO(png)))


def places(found, colour):
    """Rows and columns of all pixels of a colour."""
    return np.nonzero((found == np.array(colour)).all(axis=2))


def test_sheet_has_every_frame_of_every_member_nearest_above_farthest():
    near = [member((250, 10 * n, 0)) for n in range(6)]
    far = [member((0, 10 * n, 250)) for n in range(2)]
    found = pixels(sheet_png("cluster 0", near, far))
    for each in [*near, *far]:
        rows, columns = places(found, each.frames[0, 0, 0].tolist())
        assert len(rows) == 3 * 40 * 60
        assert columns.max() - columns.min() == 3 * 60 + 2 * 2 - 1
    first, second, fifth = (places(found, (250, 10 * n, 0)) for n in (0, 1, 4))
    assert first[0].min() == second[0].min() < fifth[0].min()
    assert first[1].max() < second[1].min() and fifth[1].min() == first[1].min()
    assert places(found, (0, 0, 250))[0].min() > fifth[0].max()


def test_large_and_upright_frames_are_reduced_and_keep_their_shape():
    found = pixels(sheet_png("cluster 0", [member((250, 0, 0), height=448, width=224)], []))
    rows, columns = places(found, (250, 0, 0))
    assert rows.max() - rows.min() + 1 == 112
    assert len(rows) == 3 * 112 * 56
    assert columns.max() < found.shape[1]


def test_other_videos_come_before_another_window_of_the_same():
    members, videos = [0, 1, 2, 3, 4, 5], ["a", "a", "b", "a", "c", "b"]
    assert chosen(members, videos, 4) == [0, 2, 4, 1]
    assert chosen(members, videos, 9) == [0, 2, 4, 1, 3, 5]
    assert chosen(members, videos, 2) == [0, 2]


def test_long_names_lose_their_beginning_and_control_signs_are_not_drawn():
    font = text_font()
    assert fitted("short.mp4", 200, font) == "short.mp4"
    line = fitted("a" * 300 + "/end.mp4", 200, font)
    assert line.startswith("…") and line.endswith("a/end.mp4")
    assert 150 < font.getlength(line) <= 200
    assert fitted("two\nlines", 200, font) == "two?lines"
    box = font.getmask("\U0010fffd").getbbox()  # what is drawn for a letter that the font lacks
    for sign in "–…яéλ":
        assert font.getmask(sign).getbbox() != box
