"""Flow through the command line: made, trained on, retrieved by in both readings of the paper, and refused."""

from __future__ import annotations

import json
import shutil

import pytest
import torch

from kinema import cli
from kinema.data.flow_folder import archive_path, open_folder, write_archive
from kinema.engine import checkpoint
from kinema.errors import UsageError
from kinema.loading import load
from kinema.run import Run

QUICK = ["--evaluation.clips", "2"]


@pytest.fixture(scope="module")
def flowing(clip_folder, flow_folder, small, tmp_path_factory):
    """A run of CMC on RGB and flow; to be read only."""
    out = tmp_path_factory.mktemp("runs") / "flow"
    words = ["pretrain", "tiny_cmc", *small, "--data", clip_folder, "--flow", flow_folder.folder, "--out", out]
    assert cli.run([str(word) for word in words]) == 0
    return out


@pytest.fixture
def own_flow(flow_folder, tmp_path):
    """A copy of the flow, to do anything to."""
    return open_folder(shutil.copytree(flow_folder.folder, tmp_path / "flow"))


def result(run, name):
    return json.loads((run / "results" / f"{name}.json").read_text())


def test_data_flow_makes_flow_of_both_sides_and_says_where_it_is(command, clip_folder, tmp_path):
    data = tmp_path / "few"
    for side in ("train", "test"):
        for number, path in enumerate(sorted((clip_folder / side).glob("*/*.mp4"))[::6]):
            target = data / side / f"class{number % 2}" / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    count = len(list(data.rglob("*.mp4")))
    ended = command("data", "flow", data, "--out", tmp_path / "flow", "--short-side", 16, "--workers", 0)
    assert ended.code == 0
    assert f"videos with flow: {count}/{count}, 0:00 left" in ended.err
    assert f"flow of {count} videos is in {tmp_path / 'flow'}" in ended.err
    assert len(list((tmp_path / "flow").rglob("*.zip"))) == count
    again = command("data", "flow", data, "--out", tmp_path / "flow", "--short-side", 16)
    assert (again.code, f"{count} of {count} videos have their flow already" in again.err) == (0, True)
    command("data", "flow", data, "--out", tmp_path / "flow").refused(2, "--short-side 16, not 128")


def test_data_flow_counts_no_video_that_could_not_be_read(command, clip_folder, tmp_path):
    data, bad = tmp_path / "few", tmp_path / "bad.txt"
    data.mkdir()
    for number, path in enumerate(sorted((clip_folder / "train").glob("*/*.mp4"))[:3]):
        shutil.copy(path, data / f"{number}.mp4")
    (data / "0.mp4").write_bytes((data / "0.mp4").read_bytes()[:700])
    bad.write_text(f"{data / '0.mp4'}\n")
    words = ("data", "flow", data, "--out", tmp_path / "flow", "--short-side", 16, "--workers", 0)
    command(*words).refused(3, "1 of 3 videos have no flow")
    ended = command(*words, "--skip", bad)
    assert ended.code == 0
    assert f"flow of 2 videos is in {tmp_path / 'flow'}" in ended.err


@pytest.mark.parametrize("recipe", ["tiny_cmc", "tiny_mcn"])
def test_methods_train_on_flow_and_the_run_says_so(pretrain, clip_folder, flow_folder, tmp_path, recipe):
    ended = pretrain(clip_folder, tmp_path / "run", "--flow", flow_folder.folder, recipe=recipe)
    assert ended.code == 0
    run = Run(tmp_path / "run")
    assert run.recipe.method.views.second == "flow"
    assert run.recipe.recipe == f"{recipe}+flow"
    assert run.data["flow"]["path"] == str(flow_folder.folder)
    assert (run.data["flow"]["short_side"], run.data["flow"]["bound"]) == (32, 20.0)


def test_run_on_flow_is_resumed_with_its_flow_only(pretrain, clip_folder, flow_folder, flowing, trained, tmp_path):
    own = shutil.copytree(flowing, tmp_path / "own")
    before = checkpoint.load(Run(own).checkpoint).method
    ended = pretrain(clip_folder, own, "--resume", "--flow", flow_folder.folder)
    assert ended.code == 0
    assert all(torch.equal(value, before[name]) for name, value in checkpoint.load(Run(own).checkpoint).method.items())
    pretrain(clip_folder, own, "--resume").refused(
        2, f"{own} was begun with --flow {flow_folder.folder}: give it again"
    )
    plain = pretrain(clip_folder, trained, "--resume", "--flow", flow_folder.folder)
    plain.refused(2, "was begun with no --flow: drop it")


def test_run_begun_before_a_setting_existed_is_resumed(pretrain, clip_folder, own_run):
    recipe = json.loads((own_run / "recipe.json").read_text())
    del recipe["method"]["views"]["second"]
    (own_run / "recipe.json").write_text(json.dumps(recipe))
    assert pretrain(clip_folder, own_run, "--resume").code == 0


def test_retrieval_by_flow_and_jointly_in_reading_a(command, flowing, flow_folder, tmp_path):
    own = shutil.copytree(flowing, tmp_path / "own")
    for view in ("flow", "rgb+flow"):
        ended = command("retrieve", own, *QUICK, "--view", view, "--flow", flow_folder.folder)
        assert ended.code == 0
        for name in (f"retrieval_set_{view}", f"retrieval_set_{view}_random_init"):
            written = result(own, name)
            assert written["protocol"]["view"] == view
            settings = written["protocol"]["settings"]
            assert (settings["flow"], settings["flow_short_side"], settings["flow_bound"]) == ("tvl1", 32, 20.0)
        assert result(own, f"retrieval_set_{view}")["subject"]["recipe"] == "tiny_cmc+flow"
    voted = command("knn", own, *QUICK, "--view", "rgb+flow", "--flow", flow_folder.folder, "--no-random-init")
    assert voted.code == 0
    assert "features of" not in voted.err  # kept from retrieval


def test_joint_retrieval_in_reading_b_shows_flow_to_a_model_of_residuals(command, own_run, flow_folder):
    assert command("retrieve", own_run, *QUICK, "--view", "rgb+flow", "--flow", flow_folder.folder).code == 0
    written = result(own_run, "retrieval_set_rgb+flow")
    assert written["subject"]["recipe"] == "tiny_cmc"
    assert command("report", own_run).code == 0
    assert "RGB and flow views" in (own_run / "report.html").read_text()


def test_features_are_taken_again_when_the_flow_has_changed(command, own_run, own_flow):
    words = ["retrieve", own_run, *QUICK, "--view", "flow", "--flow", own_flow.folder, "--no-random-init"]
    assert "features of pretrained: 20/20" in command(*words).err
    assert "features of" not in command(*words).err
    name = next(name for name in own_flow.sizes if name.startswith("train/"))
    write_archive(archive_path(own_flow.folder, name), torch.zeros(11, 2, 32, 32, dtype=torch.uint8))
    assert "features of pretrained: 1/1" in command(*words).err


def test_embedding_a_file_by_a_view_that_needs_flow_is_refused(trained, clips):
    with pytest.raises(UsageError, match=r"a video file has no flow for the view rgb\+flow: load the run with another"):
        load(trained, view="rgb+flow").embed(clips[0].path)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("retrieve RUN --view flow", "--view flow needs --flow DIR, which `kinema data flow` makes"),
        ("knn RUN --view rgb+flow", "--view rgb+flow needs --flow DIR"),
        ("retrieve RUN --flow FLOW", "--view rgb shows no flow: drop --flow, or give --view flow or rgb+flow"),
        ("retrieve RUN --view flow --flow RUN", "holds no flow, it has no flow.json: make it with kinema data flow"),
        (
            "finetune RUN --view rgb+flow --flow FLOW",
            "trains on one view: give --view rgb, residual or flow",
        ),
        ("retrieve RUN --view vertical", "vertical"),
    ],
)
def test_flow_that_does_not_fit_the_command_is_refused(command, own_run, flow_folder, words, complaint):
    places = words.replace("RUN", str(own_run)).replace("FLOW", str(flow_folder.folder))
    command(*places.split()).refused(2, complaint)


def test_pretraining_on_flow_that_is_missing_or_of_others_is_refused(pretrain, clip_folder, own_flow, listed, tmp_path):
    out = tmp_path / "out"
    pretrain(clip_folder, out, "--method.views.second", "flow").refused(2, "reads optical flow: give --flow DIR")
    pretrain(clip_folder, out, "--flow", tmp_path).refused(2, "holds no flow, it has no flow.json")
    name = next(name for name in own_flow.sizes if name.startswith("train/"))
    archive_path(own_flow.folder, name).unlink()
    pretrain(clip_folder, out, "--flow", own_flow.folder).refused(2, "is unfinished, it has no flow for", name)
    manifest = own_flow.folder / "flow.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(content | {"videos": {"other/a.mp4": 1}}))
    pretrain(clip_folder, out, "--flow", own_flow.folder).refused(2, "holds flow of other videos, none of")
    assert not out.exists()


def test_flow_of_another_count_than_the_video_ends_training_in_one_line(pretrain, clip_folder, own_flow, tmp_path):
    for name in own_flow.sizes:
        write_archive(archive_path(own_flow.folder, name), torch.zeros(7, 2, 32, 32, dtype=torch.uint8))
    ended = pretrain(clip_folder, tmp_path / "out", "--flow", own_flow.folder)
    line = ended.refused(2, "is flow of 8 frames of 32 x 32 pixels, but", "has 12 frames of 32 x 32 pixels")
    assert "data check" not in line  # which would find nothing wrong


def test_flow_made_otherwise_than_that_of_training_is_refused(command, flowing, own_flow):
    manifest = own_flow.folder / "flow.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"bound": 5.0}))
    ended = command("retrieve", flowing, "--view", "flow", "--flow", own_flow.folder)
    ended.refused(2, "the flow was made with bound 5.0, and", "was trained on flow with 20.0")
