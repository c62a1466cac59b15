import pytest
from PIL import Image

from kinema.errors import UsageError
from kinema.visualise.drawing import COLOURS
from kinema.visualise.table_plot import Bar, PlotRow, draw

ROWS = [
    PlotRow("random init", {"ours, a": Bar(10.0, 5.0, 15.0), "ours, b": Bar(20.0, None, None)}, {}),
    PlotRow("MCN", {"ours, a": Bar(40.0, 30.0, 50.0)}, {"UCF101": 84.8, "HMDB51": 54.5}),
]


def pixels(image, colour):
    """Columns of an image in which a colour occurs."""
    wanted = tuple(int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return {x for x in range(image.width) for y in range(image.height) if image.getpixel((x, y)) == wanted}


def test_bars_are_as_long_as_their_values(tmp_path):
    draw(tmp_path / "plot.png", ROWS, unit="percent")
    image = Image.open(tmp_path / "plot.png").convert("RGB").resize((560, 210), Image.Resampling.NEAREST)
    first, second = (pixels(image.crop((0, 60, 560, 210)), colour) for colour in COLOURS[:2])
    assert len(first) == pytest.approx(2 * len(second), rel=0.1)  # 40 against 20; the legend lies above
    assert image.getpixel((0, 0)) == (255, 255, 255)


def test_a_row_without_figures_and_a_table_without_ours_can_be_drawn(tmp_path):
    draw(tmp_path / "plot.png", [PlotRow("MCN", {}, {"UCF101": 84.8}), PlotRow("ours alone", {}, {})], unit="percent")
    assert Image.open(tmp_path / "plot.png").size[0] > 500


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(UsageError, match=r"absent/plot\.png: cannot be written"):
        draw(tmp_path / "absent" / "plot.png", ROWS, unit="percent")


def test_long_names_of_columns_are_whole_and_leave_the_bars_their_width(tmp_path):
    names = [
        f"ours, weizmann9, mean over 7 folds, {view}, after mocap15" for view in ("rgb", "residual", "both", "flow")
    ]
    draw(tmp_path / "plot.png", [PlotRow("MCN", {name: Bar(100.0, None, None) for name in names}, {})], unit="percent")
    image = Image.open(tmp_path / "plot.png").convert("RGB")
    edge = {image.getpixel((x, y)) for x in range(image.width - 5, image.width) for y in range(image.height)}
    assert edge == {(255, 255, 255)}, "a name is cut off"
    assert max(pixels(image, COLOURS[0])) > 0.9 * image.width
