"""`kinema export`: a run as a folder for others."""

import json
import sys

import pytest
import torch

import kinema

pytest.importorskip("safetensors")


def test_run_is_exported_and_the_folder_is_used_as_the_run_is(command, trained, clip_folder, tmp_path):
    out = tmp_path / "exported"
    ended = command("export", trained, "--out", out, "--view", "both")
    assert ended.code == 0
    assert ended.out == f"exported to {out}\n"
    assert "--license says it" in ended.err
    video = next(clip_folder.glob("train/*/*.mp4"))
    assert torch.equal(kinema.load(out).embed(video), kinema.load(trained, view="both").embed(video))
    vectors = tmp_path / "vectors"
    assert command("embed", trained, video, "--out", vectors, "--view", "both", "--workers", 0).code == 0
    again = command("embed", out, video, "--out", vectors, "--workers", 0)
    assert "1 of 1 videos are embedded already" in again.err
    page = (out / "README.md").read_text()
    assert "| method | CMC |" in page
    assert str(clip_folder) not in page
    assert json.loads((out / "config.json").read_text())["vector_length"] == 64


def test_program_is_added_where_it_is_asked_for(command, trained, tmp_path):
    ended = command("export", trained, "--out", tmp_path / "out", "--format", "torch", "--license", "apache-2.0")
    assert ended.code == 0
    assert "model.pt2: as PyTorch, to the bit" in ended.err or "model.pt2: within" in ended.err
    assert "licence is not known" not in ended.err
    assert (tmp_path / "out" / "model.pt2").is_file()


def test_bad_input_is_one_line_and_nothing_is_made(command, trained, tmp_path, untouched):
    before, out = untouched(trained), tmp_path / "out"
    command("export", trained, "--out", out, "--format", "onx").refused(2, "invalid choice 'onx'")
    command("export", trained, "--out", out, "--license", "Mine, all mine").refused(2, "as the Hub abbreviates it")
    command("export", trained, "--out", out, "--private").refused(2, "give --push")
    command("export", trained, "--out", out, "--push", "name").refused(2, "is no name of a model on the Hub")
    command("export", tmp_path / "none", "--out", out).refused(2, "no checkpoint")
    command("export", trained, "--out", trained).refused(2, "is not empty")
    command("export", trained).refused(2, "--out")
    assert not out.exists()
    assert untouched(trained) == before


@pytest.mark.parametrize(
    ("package", "flags", "said"),
    [
        ("safetensors", (), "pip install 'kinema[export]'"),
        ("onnxscript", ("--format", "onnx"), "pip install 'kinema[onnx]'"),
        ("huggingface_hub", ("--push", "some/one"), "pip install 'kinema[hub]'"),
    ],
)
def test_package_that_is_missing_is_named(command, trained, tmp_path, monkeypatch, package, flags, said):
    monkeypatch.setitem(sys.modules, package, None)
    command("export", trained, "--out", tmp_path / "out", *flags).refused(2, said)
    assert not (tmp_path / "out").exists()


def test_verbs_that_want_a_run_say_so_of_an_exported_folder(command, trained, tmp_path):
    command("export", trained, "--out", tmp_path / "out")
    command("retrieve", tmp_path / "out").refused(2, "is not a run")
    command("export", tmp_path / "out", "--out", tmp_path / "again").refused(2, "is an exported folder")
