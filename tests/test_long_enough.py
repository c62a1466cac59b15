"""Videos too short for what a method reads of one: said, or refused, before the first step."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent / "methods"))
from cases import CASES, build
from PIL import Image

from kinema.batch import generator
from kinema.data.video import Video
from kinema.errors import UsageError
from kinema.long_enough import LOOKED_AT, lengths, what_is_too_short
from kinema.sampler import Reaching

READING_STRETCHES = {"dpc", "memdpc", "tclr"}


def frames(folder, count):
    """A video of so many frames, as a folder of pictures."""
    folder.mkdir()
    for number in range(count):
        Image.fromarray(np.full((8, 8, 3), number, dtype=np.uint8)).save(folder / f"{number:05}.jpg")
    return Video(str(folder))


def dpc(stride):
    """Four blocks of two frames."""
    case = CASES["dpc"]
    return build(replace(case, method=replace(case.method, block_stride=stride)))


def test_methods_that_read_long_stretches_are_known():
    assert {name for name, recipe in CASES.items() if isinstance(build(recipe).draw, Reaching)} == READING_STRETCHES


@pytest.mark.parametrize("name", sorted(READING_STRETCHES))
def test_a_stretch_is_what_is_read_from_the_first_frame_to_the_last(name):
    draw = build(CASES[name]).draw
    for seed in range(5):
        indices = draw(100, generator(seed)).indices
        assert draw.reach == indices.max() - indices.min() + 1
    assert draw(draw.reach, generator(0)).indices.unique().tolist()[:1] == [0]
    assert all(flag.startswith("--method.") for flag in draw.lowered_by.replace(" or", ",").split(", "))


def test_nothing_is_said_where_all_are_long_enough(clips):
    assert what_is_too_short(dpc(1), clips) == ""  # 12 frames, of which it reads 8
    assert what_is_too_short(build(CASES["simclr"]), clips) == ""


def test_some_that_are_too_short_are_counted_with_what_to_change(tmp_path):
    videos = [frames(tmp_path / f"{count}_{number}", count) for number, count in enumerate((15, 9, 14, 20))]
    assert what_is_too_short(dpc(2), videos) == (
        "2 of 4 videos looked at are shorter than the stretch of 15 frames that dpc reads, down to 9, and repeat their "
        "first frame: lower --method.blocks, --method.block-frames or --method.block-stride, or leave them out with "
        "--skip"
    )


def test_a_set_that_is_too_short_altogether_is_refused(clips):
    with pytest.raises(UsageError, match=r"^dpc reads a stretch of 15 frames, and the longest of 20 .* has 12: lower"):
        what_is_too_short(dpc(2), clips)


def test_videos_that_cannot_be_opened_are_left_for_training_to_name(clips, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    assert lengths([Video(str(tmp_path / "broken.mp4")), clips[0]]) == [12]
    assert what_is_too_short(dpc(2), [Video(str(tmp_path / "broken.mp4"))]) == ""


def test_of_a_long_list_some_are_looked_at_from_its_beginning_to_its_end(clips, tmp_path):
    last = frames(tmp_path / "last", 3)
    assert lengths([*clips[:1] * 40, *[last] * 60]).count(3) == pytest.approx(0.6 * LOOKED_AT, abs=1)
    assert len(lengths(clips[:1] * 100)) == LOOKED_AT


SMALL = "--clip.frames 4 --clip.size 32 --backbone.width 0.0625 --train.epochs 1 --train.batch-size 4"


@pytest.mark.parametrize(("recipe", "stretch"), [("tiny_dpc", 39), ("tiny_memdpc", 39), ("tiny_tclr", 32)])
def test_the_command_line_refuses_and_says_what_to_change(recipe, stretch, clip_folder, tmp_path, capsys):
    from kinema import cli

    out = tmp_path / "out"
    assert cli.run(["pretrain", recipe, "--data", str(clip_folder), "--out", str(out), *SMALL.split()]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"reads a stretch of {stretch} frames, and the longest of 20 videos looked at has 12: lower --m" in said
    assert not out.exists()
