"""`kinema convert`, and every verb on what it makes as on a run."""

from __future__ import annotations

import json
import shutil

import pytest
import torch

import kinema
from kinema import cli
from kinema.evaluate import protocol
from kinema.run import Run
from reference import checkpoints as files
from reference.checkpoints import hollow, random_state

QUICK = ["--evaluation.clips", "1", "--device", "cpu"]
SMALL = ["--clip.frames", "4", "--clip.size", "32"]


@pytest.fixture(scope="module")
def vcop_file(tmp_path_factory):
    """The one-block R3D as VCOP saves it, with weights that pass a signal on."""
    folder = tmp_path_factory.mktemp("files")
    path = folder / "best_model_42.pt"
    torch.save(random_state(files.vcopn(files.vcop())), path)
    yield path
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def converted(vcop_file, tmp_path_factory):
    """It converted; results are written into it."""
    folder = tmp_path_factory.mktemp("nets") / "vcop"
    assert cli.run(["convert", str(vcop_file), "--from", "vcop", "--out", str(folder), *SMALL]) == 0
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def scratch(tmp_path):
    """Emptied at once, for networks of full size."""
    yield tmp_path
    shutil.rmtree(tmp_path)


def test_conversion_prints_every_tensor_of_either_side(command, vcop_file, scratch):
    ended = command("convert", vcop_file, "--from", "vcop", "--out", scratch / "net", *SMALL)
    assert ended.code == 0
    lines = [line.split() for line in ended.out.splitlines()]
    for name, shape in files.vcop().items():
        assert [name, "x".join(map(str, shape)) or "1", f"base_network.{name}"] in lines
    for name in ("fc7.weight", "fc7.bias", "fc8.weight", "fc8.bias"):
        assert [name, "order", "head"] in lines
    assert "72 of 72 tensors of r3d_vcop taken from" in ended.err
    assert "4 of the file's not used" in ended.err
    assert f"next: kinema retrieve {scratch / 'net'} --data DATA" in ended.err


def test_every_verb_takes_it_with_data_and_records_what_is_known_only(command, converted, clip_folder):
    for verb in (
        ["retrieve"],
        ["knn"],
        ["linear"],
        ["finetune", "--finetune.epochs", "1", "--finetune.batch-size", "4"],
    ):
        ended = command(*verb, converted, "--data", clip_folder, *QUICK)
        assert ended.code == 0, ended.err
        assert "VCOP" in ended.out
        assert "unfinished" not in ended.err
    results = [protocol.read(path) for path in sorted((converted / "results").glob("*.json"))]
    trained = [each.subject for each in results if each.subject.weights == "pretrained"]
    assert len(trained) == 4 and len(results) == 8
    for subject in trained:
        assert (subject.method, subject.backbone) == ("vcop", "r3d_vcop")
        assert (subject.recipe, subject.recipe_hash, subject.pretrain_data, subject.epoch, subject.seed) == (None,) * 5
        sha = json.loads((converted / "converted.json").read_text())["sha256"]
        assert subject.source == f"best_model_42.pt, SHA-256 {sha}"
    fresh = [each.subject for each in results if each.subject.weights == "random init"]
    assert {each.source for each in fresh} == {None}
    assert {each.seed for each in fresh} == {0}


def test_python_takes_it_too(converted, clips):
    encoder = kinema.load(converted)
    assert encoder.embed(clips[0].path, clips=1).shape == (512,)


def test_pretraining_begins_with_it(command, converted, clip_folder, scratch):
    words = ["--backbone.width", "1", "--clip.frames", "4", "--clip.stride", "2", "--clip.size", "32"]
    words += ["--train.epochs", "1", "--train.batch-size", "10", "--train.workers", "0", "--train.probe-every", "0"]
    words += ["--method.contrast.negatives", "8", "--optim.lr", "1e-9", "--optim.weight-decay", "0"]
    ended = command(
        "pretrain", "tiny_cmc", "--data", clip_folder, "--out", scratch / "run", "--init-from", converted, *words
    )
    assert ended.code == 0, ended.err
    before = kinema.load(converted).backbone.conv1.temporal_spatial_conv.weight
    after = kinema.load(scratch / "run").backbone.conv1.temporal_spatial_conv.weight
    torch.testing.assert_close(after, before, rtol=0, atol=1e-6)


def test_attention_draws_named_videos(command, converted, clips, scratch):
    assert command("attention", converted, clips[0].path, "--out", scratch, "--device", "cpu").code == 0
    assert len(list(scratch.glob("*.png"))) == 1


@pytest.mark.parametrize("verb", ["retrieve", "knn", "linear", "finetune", "attention"])
def test_without_data_it_is_said_that_it_has_none(command, converted, verb):
    command(verb, converted).refused(2, "was converted, and what it was trained on is not here: ")


def test_what_only_a_training_has_is_refused(command, converted, clip_folder, pretrain):
    command("report", converted).refused(2, "was converted, so there is no training to report")
    pretrain(clip_folder, converted, "--resume").refused(2, "is not a run: it has no data.json")
    pretrain(clip_folder, converted).refused(2, "is not empty: use --resume")


def test_residual_flow_and_joint_views_are_shown_as_to_any_network(command, converted, clip_folder, flow_folder):
    for view in ("residual", "both"):
        assert command("retrieve", converted, "--data", clip_folder, "--view", view, *QUICK).code == 0
    flow = ["--view", "flow", "--flow", flow_folder.folder]
    ended = command("retrieve", converted, "--data", clip_folder, *flow, *QUICK)
    assert ended.code == 0, ended.err


def test_left_tensors_are_pointed_out_when_it_is_measured(command, clip_folder, scratch):
    shapes = files.vcopn(files.vcop())
    del shapes["base_network.bn1.bias"]
    torch.save(hollow(shapes), scratch / "file.pt")
    ended = command("convert", scratch / "file.pt", "--from", "vcop", "--out", scratch / "net", *SMALL)
    ended.refused(2, "has 71 of 72 tensors of r3d_vcop; bn1.bias is not in it; name what to leave out by --leave")
    assert "MISSING" in ended.out
    assert not (scratch / "net").exists()
    words = ["--leave", "bn1.bias", "--out", scratch / "net", *SMALL]
    assert command("convert", scratch / "file.pt", "--from", "vcop", *words).code == 0
    assert Run(scratch / "net").converted.left == ("bn1.bias",)
    ended = command("knn", scratch / "net", "--data", clip_folder, "--no-random-init", *QUICK)
    assert "1 tensors were left out in conversion" in ended.err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("convert", "Missing from kinema convert: FILE, --from FAMILY, --out STR"),
        ("convert f --from vcopp --out o", "unknown family --from vcopp: did you mean 'vcop'? known: coclr, dpc"),
        ("convert f --from slowfast --out o", "kinema does not have its backbone, Slow-only ResNet-50"),
        ("convert f --from vcop --out o", "f: no such file"),
        ("convert f --from vcop --out o --normalise mean", "invalid choice 'mean' for argument '--normalise'"),
        ("convert f --from vcop --out o --clip.frames few", "--clip.frames is 'few': give a whole number"),
        ("convert f --form vcop --out o", "Missing from kinema convert: --from FAMILY"),
    ],
)
def test_mistake_is_one_line(command, words, complaint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command(*words.split()).refused(2, complaint)


def test_folder_that_cannot_be_made_is_refused(command, vcop_file, tmp_path):
    (tmp_path / "file").write_text("mine")
    command("convert", vcop_file, "--from", "vcop", "--out", tmp_path / "file").refused(
        2, "file is a file: use --overw"
    )
    command("convert", vcop_file, "--from", "vcop", "--out", tmp_path / "file" / "net").refused(2, "cannot write to")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    command("convert", vcop_file, "--from", "vcop", "--out", tmp_path / "notes", "--overwrite").refused(
        2, "is not a kinema run, so --overwrite leaves it alone"
    )
    command("convert", vcop_file, "--from", "vcop", "--out", tmp_path / "n", "--clip.size", "0").refused(
        2, "--clip.size is 0"
    )
