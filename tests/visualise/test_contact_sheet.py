"""Contact sheets: every frame of every video, in bands from top to bottom."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from kinema.clustering import chosen
from kinema.stretch import short
from kinema.visualise.contact_sheet import Band, Cell, contact_sheet

pytest.importorskip("matplotlib")


def cell(colour, height=40, width=60):
    return Cell(torch.tensor(colour, dtype=torch.uint8).expand(4, height, width, 3), "clips/a.mp4\n0.0-2.0")


def places(png, colour):
    """Rows and columns of all pixels of nearly a colour."""
    pixels = np.array(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    return np.nonzero((abs(pixels - np.array(colour)) < 6).all(axis=2))


def test_strips_fill_a_row_from_the_left_and_bands_lie_below_one_another():
    near = [cell((250, 40 * n, 0)) for n in range(5)]
    found = contact_sheet([Band("near", near), Band("far", [cell((0, 0, 250))])], title="cluster 0")
    rows, columns = zip(*[places(found, each.frames[0, 0, 0].tolist()) for each in near], strict=True)
    assert min(map(len, rows)) > 2000
    assert columns[0].max() < columns[1].min() and columns[1].max() < columns[2].min()
    assert abs(rows[0].min() - rows[2].min()) < 3
    assert rows[0].max() < rows[3].min() and abs(columns[0].min() - columns[3].min()) < 3
    assert places(found, (0, 0, 250))[0].min() > rows[4].max()


def test_what_cannot_be_read_leaves_a_grey_strip():
    assert len(places(contact_sheet([Band("found", [Cell(None, "gone.mp4")])], title=""), (225, 225, 225))[0]) > 2000


def test_other_videos_come_before_another_window_of_the_same():
    members, videos = [0, 1, 2, 3, 4, 5], ["a", "a", "b", "a", "c", "b"]
    assert chosen(members, videos, 4) == [0, 2, 4, 1]
    assert chosen(members, videos, 9) == [0, 2, 4, 1, 3, 5]
    assert chosen(members, videos, 2) == [0, 2]


def test_long_names_lose_their_beginning():
    assert short("/a/b/short.mp4") == "b/short.mp4"
    long = short("/a/" + "x" * 90 + "/end.mp4")
    assert len(long) == 48 and long.startswith("…") and long.endswith("x/end.mp4")


def test_signs_that_the_font_has_not_are_drawn_without_a_word(recwarn):
    contact_sheet([Band("\u52d5\u753b", [cell((250, 0, 0))])], title="\u52d5\u753b.mp4")
    assert [str(each.message) for each in recwarn] == []
