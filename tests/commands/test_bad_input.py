"""What a user can get wrong: one line, the exit code for it, and nothing lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from kinema import precision
from kinema.atomic import require_place
from kinema.engine import checkpoint
from kinema.errors import UsageError
from kinema.run import Run

# ---- data that cannot be read as a data set: exit code 2, and no run is begun ----


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("nowhere", None, "nowhere: no such file or folder"),
        ("empty.csv", "", "empty.csv: the list names no videos"),
        ("header.csv", "path,label\n", "header.csv: the list names no videos"),
        ("lost.csv", "{0}\n{1}\nlost.mp4\n", "lost.csv:3: no file "),
        ("half.csv", "{0},walk\n{1},run\n{2},\n", "half.csv:3: no label, but "),
        ("notes.pdf", "x", "notes.pdf: not a list"),
    ],
)
def test_data_that_is_no_data_set_is_refused_before_anything_is_written(
    pretrain, clips, tmp_path, name, text, complaint
):
    data, out = tmp_path / name, tmp_path / "out"
    if text is not None:
        data.write_text(text.format(*(video.path for video in clips)))
    line = pretrain(data, out).refused(2, complaint)
    assert str(data) in line
    assert not out.exists()


def test_empty_folder_is_refused(pretrain, command, tmp_path):
    (tmp_path / "videos").mkdir()
    pretrain(tmp_path / "videos", tmp_path / "out").refused(2, "no videos found")
    command("data", "check", tmp_path / "videos").refused(2, "no videos found")


def test_missing_video_is_found_by_data_check_and_left_out_with_skip(command, pretrain, listed, tmp_path):
    data, bad = listed([tmp_path / "lost.mp4"]), tmp_path / "bad.txt"
    pretrain(data, tmp_path / "out").refused(2, "lost.mp4", "(1 of 9 listed videos are missing")
    checked = command("data", "check", data, "--frames", 7, "--workers", 0, "--bad", bad)
    assert checked.code == 3
    assert "missing" in checked.out
    assert "1 bad video written to" in checked.err
    ended = pretrain(data, tmp_path / "out", "--skip", bad)
    assert ended.code == 0
    assert f"1 of 9 videos left out, as {bad} says" in ended.err
    assert Run(tmp_path / "out").data["videos"] == 8


def test_skip_file_that_is_not_there_is_refused(pretrain, clip_folder, tmp_path):
    pretrain(clip_folder, tmp_path / "out", "--skip", tmp_path / "bad.txt").refused(2, "bad.txt: cannot be read")
    assert not (tmp_path / "out").exists()


def test_one_class_trains_but_cannot_be_evaluated(command, pretrain, own_run, clips, tmp_path):
    data = tmp_path / "one.csv"
    data.write_text("".join(f"{video.path},walk\n" for video in clips[:8]))
    assert pretrain(data, tmp_path / "out").code == 0
    command("retrieve", own_run, "--train", data, "--test", data).refused(3, "1 class (walk)")


def test_evaluation_without_labels_or_test_videos_is_refused(command, own_run, listed, clip_folder):
    data = listed()
    command("knn", own_run, "--data", data).refused(2, "has no test videos: give --data with a test part")
    command("linear", own_run, "--train", data, "--test", data).refused(3, "the videos have no labels")
    command("knn", own_run, "--train", clip_folder / "train.csv").refused(2, "1 --train and 0 --test lists")
    assert not list((own_run / "results").iterdir())


# ---- settings that do not fit: exit code 2, and no run is begun ----


@pytest.mark.parametrize(
    ("recipe", "flags", "complaint"),
    [
        ("tiny_cmc", "--train.batch-size 40", "20 videos do not fill one batch of 40"),
        ("tiny_mcn", "--train.batch-size 12", "20 videos do not fill one batch of 12"),
        ("tiny_mcn", "--train.batch-size 6", "a batch of 6 videos does not divide into groups of 4"),
        ("tiny_cmc", "--train.batch-size 1", "--train.batch-size is 1: give 2 or more"),
        ("tiny_cmc", "--train.epochs 0", "--train.epochs is 0: give 1 or more"),
        ("tiny_cmc", "--optim.lr -1", "--optim.lr is -1: give a number above 0"),
        ("tiny_cmc", "--method.contrast.temperature 0", "--method.contrast.temperature is 0"),
        ("tiny_cmc", "--method.contrast.negatives 0", "--method.contrast.negatives is 0"),
        ("tiny_mcn", "--method.alpha 2", "--method.alpha is 2: give a number from 0 to 1"),
        ("tiny_cmc", "--backbone.name resnet", "unknown backbone 'resnet'"),
        ("tiny_cmc", "--backbone.width -1", "--backbone.width is -1: give a number above 0"),
        ("tiny_cmc", "--train.device abacus", "there is no device 'abacus' here"),
        ("tiny_cmc", "--split 2", "split 2 was asked for"),
        ("tiny_cmc", "--optim.lr inf", "--optim.lr is inf: give a number above 0"),
        ("tiny_cmc", "--optim.weight-decay -1", "--optim.weight-decay is -1: give a number from 0 to 1000"),
        ("tiny_cmc", "--optim.momentum 1", "--optim.momentum is 1: give a number from 0 to 0.9999"),
        ("tiny_cmc", "--train.keep-every -1", "--train.keep-every is -1: give 0 or more"),
        ("tiny_cmc", "--method.views.dim 0", "--method.views.dim is 0: give 1 or more"),
        ("tiny_mcn", "--method.meta.inner-lr -3", "--method.meta.inner-lr is -3: give a number from 0 to 1000"),
    ],
)
def test_setting_that_cannot_work_is_refused_before_anything_is_written(
    pretrain, clip_folder, tmp_path, recipe, flags, complaint
):
    pretrain(clip_folder, tmp_path / "out", *flags.split(), recipe=recipe).refused(2, complaint)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("retrieve RUN --evaluation.clips 0", "--evaluation.clips is 0: give 1 or more"),
        ("retrieve RUN --evaluation.clips 1 --evaluation.ks 0", "ks=(0,)"),
        ("retrieve RUN --device abacus", "there is no device 'abacus' here"),
        ("linear RUN --evaluation.clips 1 --linear.epochs 0", "--linear.epochs is 0: give 1 or more"),
        ("finetune RUN --finetune.batch-size 0", "--finetune.batch-size is 0: give 1 or more"),
        ("finetune RUN --view both", "fine-tuning trains on one view"),
        ("knn RUN --knn.temperature 0", "--knn.temperature is 0: give a number above 0"),
        ("linear RUN --linear.batch-size 0", "--linear.batch-size is 0: give 2 or more"),
        ("linear RUN --linear.lrs -1", "--linear.lrs is -1: give a number above 0"),
        ("finetune RUN --finetune.lr -1", "--finetune.lr is -1: give a number above 0"),
        ("finetune RUN --finetune.dropout 1", "--finetune.dropout is 1: give a number from 0 to 0.99"),
        ("retrieve RUN --grid-seed 3", "--grid-seed 3 is for the picture of --grid: give --grid FILE.png too"),
        ("retrieve RUN --against RUN", "is shown in the picture of --grid: give --grid FILE.png too"),
        ("retrieve RUN --grid grid.jpg", "--grid grid.jpg: the picture is a PNG; give a name that ends in .png"),
        ("retrieve RUN --grid grid.png --against NOWHERE", "is not a run"),
        ("retrieve RUN --split 3", "--split 3 says which part of --data to use: give --data too"),
        ("retrieve RUN --train a --test b --data c", "--data and --train with --test exclude one another"),
        ("retrieve NOWHERE", "is not a run: it has no recipe.json; give a folder made by `kinema pretrain`"),
        ("report NOWHERE", "is not a run"),
        ("retrieve RUN/recipe.json", "is not a run"),
    ],
)
def test_evaluation_that_cannot_work_is_refused(command, own_run, tmp_path, words, complaint):
    places = words.replace("RUN", str(own_run)).replace("NOWHERE", str(tmp_path / "nowhere"))
    command(*places.split()).refused(2, complaint)


# ---- videos that cannot be read: exit code 3, naming the file; training goes on without it only if told to ----


def zero(path: Path) -> None:
    path.write_bytes(b"")


def truncated(path: Path) -> None:
    whole = path.with_name("whole.mp4")
    film(whole, 40)
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])


def audio(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        for number in range(10):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, 1024 * number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def image(path: Path) -> None:
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(path, format="PNG")


def text(path: Path) -> None:
    path.write_text("a film about words\n")


def film(path: Path, num_frames: int) -> None:
    """A video of noise."""
    noise = np.random.default_rng(0).integers(0, 255, (num_frames, 48, 48, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 48
        stream.pix_fmt = "yuv420p"
        for picture in noise:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (zero, "the file is empty (0 bytes)"),
        (truncated, "truncated"),
        (audio, "no video stream (audio only)"),
        (image, "a still image (PNG), not a video"),
        (text, "cannot be decoded as a video"),
    ],
)
def test_video_that_cannot_be_read_is_named_and_left_out_only_if_listed(
    command, pretrain, listed, tmp_path, spoil, reason
):
    broken, bad, out = tmp_path / "broken.mp4", tmp_path / "bad.txt", tmp_path / "out"
    spoil(broken)
    data = listed([broken], count=7)  # eight in two batches of four: each is read
    line = pretrain(data, out).refused(3, f"kinema: {broken}: {reason}")
    assert f"`kinema data check {data} --bad FILE`" in line
    assert checkpoint.load(Run(out).checkpoint).step == 0

    checked = command("data", "check", data, "--frames", 7, "--workers", 0, "--bad", bad)
    assert checked.code == 3
    assert str(broken) in bad.read_text().splitlines()
    ended = pretrain(data, out, "--skip", bad, "--overwrite")
    assert ended.code == 0
    assert f"1 of 8 videos left out, as {bad} says" in ended.err
    assert Run(out).data["videos"] == 7


def test_training_that_failed_in_its_first_epoch_goes_on_once_the_video_is_mended(pretrain, listed, tmp_path):
    broken, out = tmp_path / "broken.mp4", tmp_path / "out"
    zero(broken)
    data = listed([broken], count=7)
    assert pretrain(data, out).code == 3
    film(broken, 12)
    assert pretrain(data, out, "--resume").code == 0
    assert checkpoint.load(Run(out).checkpoint).step > 0


def test_video_that_breaks_between_epochs_leaves_the_last_checkpoint(pretrain, listed, tmp_path, monkeypatch):
    from kinema.data import loader

    plain, opened, broken = loader.open_video, [], tmp_path / "broken.mp4"
    film(broken, 8)

    def spoiled(path, *rest):
        opened.append(path)
        if len(opened) == 17:  # two epochs of eight videos are behind us
            zero(broken)
        return plain(path, *rest)

    monkeypatch.setattr(loader, "open_video", spoiled)
    flags = ["--train.epochs", 3, "--train.probe-every", 0]
    data = listed([broken], count=7)
    ended = pretrain(data, tmp_path / "out", *flags)
    ended.refused(3, str(broken))
    assert checkpoint.load(Run(tmp_path / "out").checkpoint).step == 4


def test_video_shorter_than_a_clip_is_padded(command, pretrain, listed, tmp_path):
    film(tmp_path / "short.mp4", 2)
    data = listed([tmp_path / "short.mp4"], count=7)
    ended = pretrain(data, tmp_path / "out")
    assert ended.code == 0
    assert checkpoint.load(Run(tmp_path / "out").checkpoint).step == 2
    checked = command("data", "check", data, "--frames", 7, "--workers", 0)
    assert checked.code == 0  # a warning, no more
    assert "padded" in checked.out


def test_unreadable_test_video_ends_an_evaluation_by_its_name(command, own_run, clip_folder, tmp_path):
    zero(tmp_path / "broken.mp4")
    test = tmp_path / "test.csv"
    test.write_text((clip_folder / "test.csv").read_text())
    rows = [f"{clip_folder / line}" for line in test.read_text().splitlines()[1:]]
    test.write_text("\n".join(["path,label", *rows, f"broken.mp4,{rows[0].split(',')[1]}"]) + "\n")
    ended = command("retrieve", own_run, "--evaluation.clips", 1, "--train", clip_folder / "train.csv", "--test", test)
    ended.refused(3, "broken.mp4: the file is empty")
    assert not list((own_run / "results").iterdir())


# ---- checkpoints that are none, or another's: exit code 2, and the file stays as it is ----


def noise(path: Path) -> None:
    path.write_bytes(b"\x93\x17\x00" * 500)


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def another_program(path: Path) -> None:
    torch.save({"state_dict": torch.nn.Linear(2, 2).state_dict()}, path)


def whole_module(path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), path)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (noise, "is not a readable checkpoint"),
        (half, "is not a readable checkpoint"),
        (whole_module, "is not a readable checkpoint"),
        (another_program, "is not a kinema checkpoint"),
        (Path.unlink, "no checkpoint at "),
    ],
)
def test_checkpoint_that_is_none_is_refused_and_left_alone(
    command, pretrain, own_run, clip_folder, tmp_path, untouched, spoil, complaint
):
    spoil(Run(own_run).checkpoint)
    before = untouched(own_run)
    line = command("retrieve", own_run, "--evaluation.clips", 1).refused(2, complaint)
    assert "\x1b" not in line
    assert str(Run(own_run).checkpoint) in line
    pretrain(clip_folder, own_run, "--resume").refused(2, complaint)
    pretrain(clip_folder, tmp_path / "out", "--init-from", own_run).refused(2, complaint)
    assert not (tmp_path / "out").exists()
    assert untouched(own_run) == before


BEGIN_SO = "give --backbone.name r3d_vcop --backbone.width 0.0625"


@pytest.mark.parametrize("flags", ["--backbone.name r2plus1d_vcop", "--backbone.width 0.125"])
def test_weights_of_another_backbone_are_refused(pretrain, trained, clip_folder, tmp_path, flags):
    out = tmp_path / "out"
    ended = pretrain(clip_folder, out, "--init-from", trained, *flags.split())
    ended.refused(2, f"{trained} does not fit this network: it is a r3d_vcop x 0.0625, where this run has a", BEGIN_SO)
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("recipe.json", '{"recipe":', "recipe.json is not valid JSON"),
        ("recipe.json", "[]", "recipe.json does not hold a JSON object"),
        ("recipe.json", '{"method": {"name": "mocha"}}', "unknown method 'mocha'"),
        ("recipe.json", '{"lr": 1}', "unknown setting 'lr'"),
        ("recipe.json", '{"clip": {"frames": "four"}}', "recipe.json: setting 'clip.frames' is 'four', where int"),
        ("recipe.json", '{"clip": null}', "setting 'clip' is None, where settings by name were expected"),
        ("data.json", "{}", "data.json has no 'path'"),
    ],
)
def test_damaged_run_is_refused(command, own_run, name, content, complaint):
    (own_run / name).write_text(content)
    command("retrieve", own_run).refused(2, complaint)
    command("report", own_run).refused(2, complaint)


def test_damaged_result_file_is_named_by_the_report(command, own_run):
    (own_run / "results" / "retrieval_set.json").write_text("{")
    command("report", own_run).refused(2, "retrieval_set.json: not a readable result file")
    assert not (own_run / "report.html").exists()


# ---- places that cannot be written ----


def test_run_below_a_regular_file_is_refused(pretrain, clip_folder, tmp_path):
    (tmp_path / "file").write_text("mine")
    pretrain(clip_folder, tmp_path / "file" / "run").refused(2, "cannot write to", "(Not a directory)")
    pretrain(clip_folder, tmp_path / "file").refused(2, "file is a file")
    pretrain(clip_folder, tmp_path / "file", "--overwrite").refused(2, "is not a kinema run")
    pretrain(clip_folder, tmp_path / "file", "--resume").refused(2, "is not a run")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_run_in_a_folder_without_permission_is_refused(pretrain, clip_folder, tmp_path):
    tmp_path.chmod(0o500)
    try:
        pretrain(clip_folder, tmp_path / "run").refused(2, "cannot write to", "(Permission denied)")
    finally:
        tmp_path.chmod(0o700)


def test_system_that_denies_permission_is_quoted(pretrain, clip_folder, own_run, tmp_path, untouched, monkeypatch):
    before = untouched(own_run)

    def denied(*words, **more):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", denied)
    pretrain(clip_folder, tmp_path / "run").refused(2, "cannot write to", "(Permission denied): use another --out")
    monkeypatch.setattr(Path, "rename", denied)
    pretrain(clip_folder, own_run, "--overwrite").refused(2, "cannot write to", "(Permission denied)")
    assert untouched(own_run) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look anywhere")
def test_output_below_a_folder_that_may_not_be_looked_into_is_refused(tmp_path):
    (tmp_path / "closed" / "in").mkdir(parents=True)
    (tmp_path / "closed").chmod(0)
    try:
        with pytest.raises(UsageError, match="closed is read-only"):
            require_place(tmp_path / "closed" / "in" / "x" / "y.json")
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_output_below_a_regular_file_is_refused_by_every_verb(command, own_run, clip_folder, tmp_path):
    (tmp_path / "file").write_text("mine")
    below = tmp_path / "file" / "x"
    check = ["data", "check", clip_folder, "--frames", 7, "--workers", 0]
    for flag in ("--json", "--bad"):
        ended = command(*check, flag, below)
        ended.refused(2, f"{below}: cannot be written ({tmp_path / 'file'} is a file); give another file")
        assert ended.out == "", "before any video is read"
    command("data", "synthetic", below, "--train", 8, "--test", 8).refused(
        2, f"cannot write synthetic videos to {below}"
    )
    for folder in ("features", "results"):
        shutil.rmtree(own_run / folder, ignore_errors=True)
        (own_run / folder).write_text("mine")
        command("retrieve", own_run, "--evaluation.clips", 1).refused(2, f"{own_run / folder}", "cannot be written")
        assert (own_run / folder).read_text() == "mine"
        (own_run / folder).unlink()
    assert (tmp_path / "file").read_text() == "mine"


def test_full_disk_during_a_checkpoint_spares_the_one_before_it(pretrain, clip_folder, tmp_path, monkeypatch):
    plain, calls = torch.save, []

    def full(content, file):
        calls.append(content)
        plain(content, file)
        if len(calls) > 2:  # the first is of the weights that it starts with
            raise OSError(errno.ENOSPC, "No space left on device")

    out = tmp_path / "out"
    monkeypatch.setattr(torch, "save", full)
    ended = pretrain(clip_folder, out, "--train.epochs", 3)
    ended.refused(1, "last.pt could not be written", "No space left on device", "the one before it is kept", "--resume")
    assert checkpoint.load(Run(out).checkpoint).step == 5
    assert {path.name for path in (out / "checkpoints").iterdir()} == {"last.pt", "previous.pt"}

    monkeypatch.setattr(torch, "save", plain)
    assert pretrain(clip_folder, out, "--train.epochs", 3, "--resume").code == 0
    assert checkpoint.load(Run(out).checkpoint).step == 15


def test_full_disk_during_a_result_is_one_line(command, own_run, monkeypatch):
    def full(number):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    command("retrieve", own_run, "--evaluation.clips", 1).refused(2, "cannot be written (No space left on device)")


# ---- a loss that is not a number: exit code 4 ----


def test_loss_that_is_not_a_number_ends_with_its_own_code(pretrain, clip_folder, tmp_path):
    ended = pretrain(clip_folder, tmp_path / "out", "--optim.lr", "1e30", "--optim.warmup", 0)
    ended.refused(4, "is nan at step ", "videos [", "lower --optim.lr")
    assert checkpoint.load(Run(tmp_path / "out").checkpoint).step == 0


# ---- the wrong videos ----


def other_looks(folder: Path, clips: Path) -> Path:
    """A set of the same names as `clips`, in which every video is another."""
    shutil.copytree(clips, folder)
    for video in folder.glob("*/*/*.mp4"):
        film(video, 14)
    return folder


def test_other_videos_of_the_same_names_are_not_taken_for_the_run_s_own(
    command, pretrain, clip_folder, tmp_path, untouched
):
    data = Path(shutil.copytree(clip_folder, tmp_path / "data"))
    assert pretrain(data, tmp_path / "out").code == 0
    before = untouched(tmp_path / "out")
    other = other_looks(tmp_path / "other", clip_folder)
    pretrain(other, tmp_path / "out", "--resume").refused(2, "now lists other videos than")
    shutil.rmtree(data)
    other.rename(data)
    command("knn", tmp_path / "out").refused(2, f"{data} no longer holds the", "give --data, or --train and --test")
    assert untouched(tmp_path / "out") == before


def test_run_finds_its_videos_from_any_directory(command, pretrain, clip_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(clip_folder.parent)
    assert pretrain(clip_folder.name, tmp_path / "out").code == 0
    monkeypatch.chdir(tmp_path)
    assert command("retrieve", "out", "--evaluation.clips", 1, "--no-random-init").code == 0


def test_list_may_mix_absolute_and_relative_paths(pretrain, clip_folder, tmp_path, monkeypatch):
    first, *others = sorted((clip_folder / "train").glob("*/*.mp4"))[:8]
    shutil.copy(first, tmp_path / "here.mp4")
    (tmp_path / "list.csv").write_text("".join(f"{video}\n" for video in ["here.mp4", *others]))
    monkeypatch.chdir(tmp_path)
    assert pretrain("list.csv", "out").code == 0


def test_empty_path_is_not_the_current_folder(pretrain, tmp_path):
    pretrain("", tmp_path / "out").refused(2, "the path of the data is empty")


def test_brackets_in_names_are_shown_as_they_are(command, tmp_path):
    (tmp_path / "x [").mkdir()
    for name in ("Bad [abc].mp4", "x [/b] c.mp4"):  # the second looks like the end of a style
        zero(tmp_path / name)
    (tmp_path / "list.csv").write_text("Bad [abc].mp4\nx [/b] c.mp4\n")
    ended = command("data", "check", tmp_path / "list.csv", "--workers", 0)
    assert ended.code == 3
    assert "[abc]" in ended.out
    assert "[/b]" in ended.out


def test_run_in_the_working_directory_is_set_aside_under_its_own_name(pretrain, own_run, clip_folder, monkeypatch):
    monkeypatch.chdir(own_run)
    assert pretrain(clip_folder, ".", "--overwrite").code == 0
    assert (own_run.with_name("own.replaced-1") / "recipe.json").is_file()


def test_decoder_that_cannot_be_used_is_refused_before_anything_is_written(
    pretrain, clip_folder, tmp_path, monkeypatch
):
    monkeypatch.setenv("KINEMA_DECODER", "nonsense")
    pretrain(clip_folder, tmp_path / "out").refused(2, "unknown decoder 'nonsense'")
    assert not (tmp_path / "out").exists()


# ---- results that do not compare ----


def test_results_of_two_protocols_do_not_share_a_table(command, own_run):
    from kinema.errors import UsageError
    from kinema.evaluate import protocol, table

    read = {}
    for clips in (1, 2):
        assert command("retrieve", own_run, "--evaluation.clips", clips, "--no-random-init").code == 0
        read[clips] = protocol.read(own_run / "results" / "retrieval_set.json")
    with pytest.raises(UsageError, match="do not compare: clips is 1 and 2; measure both the same way") as caught:
        table.comparison([read[1], read[2]])
    assert caught.value.exit_code == 2


def test_thumbnails_that_are_damaged_or_of_other_videos_are_refused(pretrain, clip_folder, tmp_path):
    out = tmp_path / "alike"
    flags = (clip_folder, out, "--train.batches", "look_alikes")
    assert pretrain(*flags).code == 0
    kept = (out / "appearance.npy").read_bytes()
    (out / "appearance.npy").write_bytes(kept[:100])
    pretrain(*flags, "--resume").refused(2, "appearance.npy is damaged", "remove it")
    np.save(out / "appearance.npy", np.zeros((3, 108), np.uint8))
    pretrain(*flags, "--resume").refused(2, "appearance.npy is not of these 20 videos", "remove it")
    (out / "appearance.npy").unlink()
    assert pretrain(*flags, "--resume").code == 0
    assert (out / "appearance.npy").read_bytes() == kept


# ---- what a launcher or a cluster has left in the environment ----


@pytest.mark.parametrize("told", [{"WORLD_SIZE": "2"}, {"WORLD_SIZE": "many"}, {"WORLD_SIZE": ""}, {"RANK": "0"}])
def test_half_of_what_a_launcher_says_starts_one_process(command, monkeypatch, told, tmp_path):
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    line = command("knn", tmp_path).refused(2, "is not a run")
    assert "rank" not in line


@pytest.mark.parametrize("told", [{"RANK": "x", "WORLD_SIZE": "2"}, {"RANK": "0", "WORLD_SIZE": "many"}])
def test_launcher_that_does_not_say_which_process_this_is_is_refused(pretrain, tmp_path, monkeypatch, told):
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    line = pretrain(tmp_path, tmp_path / "out").refused(2, "is no place among processes: start them by torchrun")
    assert f"rank {told['RANK']}: " in line
    assert not (tmp_path / "out").exists()


def test_a_run_begun_in_bf16_goes_on_in_float32_only_where_auto_means_that_and_says_so(
    pretrain, clip_folder, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    assert pretrain(clip_folder, out).code == 0
    assert "goes on in" not in pretrain(clip_folder, out, "--resume").err
    record = json.loads((out / "environment.json").read_text())
    (out / "environment.json").write_text(json.dumps(record | {"precision": "bf16-mixed"}))  # as a GPU would have it
    again = pretrain(clip_folder, out, "--resume")
    assert f"{out} was begun in bf16-mixed and goes on in 32-true, which --train.precision auto is here" in again.err
    monkeypatch.setattr(precision, "has_bf16", lambda: False)
    flags = ("--train.precision", "bf16-mixed")
    pretrain(clip_folder, tmp_path / "new", *flags).refused(2, "--train.precision bf16-mixed needs", "leave it out")
    pretrain(clip_folder, out, *flags, "--resume").refused(2, "needs a GPU")
    made = json.loads((out / "recipe.json").read_text())
    (out / "recipe.json").write_text(json.dumps(made | {"train": made["train"] | {"precision": "bf16-mixed"}}))
    pretrain(clip_folder, out, *flags, "--resume").refused(2, f"{out} was begun in bf16, which is not to be had here")
