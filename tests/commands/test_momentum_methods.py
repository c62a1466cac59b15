"""Methods with a momentum copy or a queue, through the command line: what is refused, and runs of a few steps."""

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


@pytest.mark.parametrize(
    ("recipe", "flags", "chance"),
    [
        ("tiny_swav", "--method.hidden 8 --method.dim 8", "chance loss: swapped 3.466"),
        ("tiny_rspnet", "--method.queue 8 --method.stride 1", "chance loss: contrast 4.394, speed 2.000"),
    ],
)
def test_run_says_what_chance_is(command, clip_folder, tmp_path, recipe, flags, chance):
    out = tmp_path / "out"
    given = f"{SMALL} --train.batch-size 4 --train.probe-every 0 {flags}".split()
    ended = command("pretrain", recipe, "--data", clip_folder, "--out", out, *given)
    assert ended.code == 0, ended.err
    assert f", 2 epochs; {chance}\n" in ended.err


def test_run_of_byol_says_nothing_of_chance(command, clip_folder, tmp_path):
    flags = f"{SMALL} --train.batch-size 4 --train.probe-every 0 --method.hidden 8 --method.dim 8".split()
    ended = command("pretrain", "tiny_byol", "--data", clip_folder, "--out", tmp_path / "out", *flags)
    assert ended.code == 0, ended.err
    assert ", 2 epochs\n" in ended.err
