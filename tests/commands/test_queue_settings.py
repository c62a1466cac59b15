"""Queues that do not fit the videos, through the command line; and a run that begins by filling its queue."""

import json

import pytest

SMALL = "--clip.frames 4 --clip.size 16 --backbone.width 0.0625 --train.epochs 2 --train.device cpu --train.workers 0"


@pytest.mark.parametrize(
    ("recipe", "flags", "complaint"),
    [
        ("tiny_moco", "--train.batch-size 4", "some of the 20 videos of an epoch twice, as their own negatives: lower"),
        ("tiny_moco", "--train.batch-size 4 --method.queue 3", "a queue of 3 rows is overfilled by one step"),
        ("tiny_moco", "--train.batch-size 12", "more than half of the 12 of an epoch"),
        ("tiny_moco", "--train.batch-size 40", "20 videos do not fill one batch of 40"),
        ("tiny_mcn_moco", "--train.batch-size 4 --method.queue 9", "lower --method.queue to 8 or less"),
        ("tiny_moco", "--method.momentum 2", "--method.momentum is 2: give a number from 0 to 1"),
        ("tiny_moco", "--method.meta.negatives own_half", "about rows of a memory bank, and moco has none"),
    ],
)
def test_queue_that_cannot_work_is_refused_before_anything_is_written(
    command, clip_folder, tmp_path, recipe, flags, complaint
):
    out = tmp_path / "out"
    command("pretrain", recipe, "--data", clip_folder, "--out", out, *flags.split()).refused(2, complaint)
    assert not out.exists()


def test_run_of_mcn_on_moco_fills_its_queue_and_says_what_chance_is(command, clip_folder, tmp_path):
    out = tmp_path / "out"
    flags = f"{SMALL} --train.batch-size 4 --method.queue 8 --method.fill-first --train.probe-every 0".split()
    ended = command("pretrain", "tiny_mcn_moco", "--data", clip_folder, "--out", out, *flags)
    assert ended.code == 0, ended.err
    assert "chance loss: contrast 2.197" in ended.err
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert len(rows) == 2
    assert all({"train/support_contrast", "train/binary", "train/grad_norm"} <= set(row) for row in rows)
