"""An exported folder holds what the run held, and one that holds anything else is refused in one line."""

import json
import re

import pytest
import torch

import kinema
from kinema.errors import UsageError
from kinema.exporting import export
from kinema.settings import Clip

safetensors = pytest.importorskip("safetensors.torch")


@pytest.fixture
def frames():
    return torch.randint(0, 256, (2, 4, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("view", ["rgb", "residual", "both"])
def test_features_are_those_of_the_run_to_the_bit(make_run, tmp_path, frames, view):
    run = make_run()
    folder = export(run, tmp_path / "out", view=view)
    ours = kinema.load(folder)
    assert ours.view == view
    assert ours.clip == kinema.load(run).clip
    assert torch.equal(ours(frames), kinema.load(run, view=view)(frames))
    assert torch.equal(kinema.Encoder.from_pretrained(folder)(frames), ours(frames))
    for other in ("rgb", "residual", "both"):
        assert torch.equal(kinema.load(folder, view=other)(frames), kinema.load(run, view=other)(frames))


def test_weights_have_the_backbones_own_names(exported, make_run):
    state = safetensors.load_file(exported / "model.safetensors")
    assert state.keys() == kinema.load(exported).backbone.state_dict().keys()
    other = safetensors.load_file(exported / "second_view.safetensors")
    assert {name.rpartition(".")[2] for name in other} == {"running_mean", "running_var", "num_batches_tracked"}
    assert not torch.equal(other["bn1.running_mean"], state["bn1.running_mean"])


def test_config_says_what_is_needed(exported):
    said = json.loads((exported / "config.json").read_text())
    assert (said["architecture"], said["width"], said["view"]) == ("r3d_vcop", 0.0625, "both")
    assert (said["feature_length"], said["vector_length"]) == (32, 64)
    assert said["clip"] == {"frames": 4, "stride": 2, "size": 32, "short_side": None}
    assert said["preprocess"]["num_frames"] == 4
    assert said["preprocess"]["size"]["shortest_edge"] == Clip(size=32).loaded_side


def refused(folder, *said):
    with pytest.raises(UsageError) as problem:
        kinema.load(folder)
    line = str(problem.value)
    assert "\n" not in line
    for each in said:
        assert each in line, line


def rewritten(path, change):
    state = safetensors.load_file(path)
    change(state)
    safetensors.save_file(state, path)


@pytest.mark.parametrize("name", ["model.safetensors", "second_view.safetensors"])
def test_tensors_are_missing_too_many_or_others(exported, name):
    path = exported / name
    whole = path.read_bytes()
    rewritten(path, lambda state: state.pop("bn1.running_mean"))
    refused(exported, name, "bn1.running_mean is missing (and 0 more of")
    path.write_bytes(whole)
    rewritten(path, lambda state: state.update({"fc.weight": torch.ones(2, 3)}))
    refused(exported, name, "fc.weight has no place")
    path.write_bytes(whole)
    rewritten(path, lambda state: state.update({"bn1.running_mean": torch.ones(7)}))
    refused(exported, name, "bn1.running_mean is float32 [7], not float32 [4]")
    path.write_bytes(whole)
    rewritten(path, lambda state: state.update({"bn1.running_mean": state["bn1.running_mean"].half()}))
    refused(exported, name, "bn1.running_mean is float16 [4], not float32 [4]")
    path.write_bytes(whole)
    rewritten(path, lambda state: state["bn1.running_mean"].add_(1))
    refused(exported, name, "is not the file that", "SHA-256")
    path.write_bytes(whole[: len(whole) // 2])
    refused(exported, name, "no readable safetensors file")
    path.write_bytes(b"")
    refused(exported, name, "no readable safetensors file")
    path.unlink()
    refused(exported, f"has no {name}")


def test_statistics_that_config_does_not_know_are_not_passed_over(exported):
    path = exported / "config.json"
    said = json.loads(path.read_text())
    del said["files"]["second_view.safetensors"]
    path.write_text(json.dumps(said))
    refused(exported, "second_view.safetensors is not the file that")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"kinema_export": 2}, "is of export format 2, and this kinema reads 1"),
        ({"architecture": "resnet"}, "unknown backbone 'resnet'"),
        ({"architecture": "r3d_18"}, "does not fit"),
        ({"architecture": 3}, "'architecture' is not as kinema writes it"),
        ({"width": -1}, "width is -1"),
        ({"width": 0.5}, "feature_length is 32, and r3d_vcop at width 0.5 has 256"),
        ({"width": float("nan")}, "width"),
        ({"width": 10**400}, "width"),
        ({"view": "flow"}, "view 'flow' is none of rgb, residual, both"),
        ({"clip": {"frames": 8, "stride": 2, "size": 32, "short_side": None}}, "preprocess.num_frames is 4"),
        ({"clip": {"frames": 8}}, "'clip' does not have all of frames, stride, size, short_side"),
        ({"clip": {"frame": 8}}, "unknown setting 'frame'"),
        ({"pixels": {}}, "'pixels' does not have all of normalise"),
        ({"preprocess": {}}, "preprocess.do_convert_rgb is None"),
        ({"vector_length": None}, "'vector_length' is not as kinema writes it"),
        ({"more": 1}, "'more' is not as kinema writes it"),
    ],
)
def test_config_that_is_not_ours_is_refused(exported, change, complaint):
    path = exported / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    refused(exported, "config.json", complaint)


def test_config_of_another_program_is_refused(exported):
    (exported / "config.json").write_text('{"model_type": "videomae"}')
    refused(exported, "is of no network that kinema exported")


def test_config_that_is_no_json_is_refused(exported):
    (exported / "config.json").write_text("{")
    refused(exported, "config.json cannot be read")


def test_words_of_the_rules_may_be_others(exported, frames):
    path = exported / "config.json"
    said = json.loads(path.read_text())
    said["preprocess"]["rules"] = {"frames": "as it was put in another version"}
    path.write_text(json.dumps(said))
    assert kinema.load(exported)(frames).shape == (2, 64)


def test_weights_that_are_no_numbers_are_not_exported(make_run, tmp_path):
    run = make_run()
    path = run / "checkpoints" / "last.pt"
    content = torch.load(path, weights_only=True)
    content["method"]["backbone.bn1.bias"][0] = float("nan")
    torch.save(content, path)
    with pytest.raises(UsageError, match=re.escape("bn1.bias holds NaN or infinity")):
        export(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_there_is_replaced_only_if_it_was_exported_and_if_asked(make_run, tmp_path):
    run, out = make_run(), tmp_path / "out"
    export(run, out)
    with pytest.raises(UsageError, match="is not empty: use --overwrite"):
        export(run, out)
    (out / "mine.txt").write_text("kept")
    export(run, out, overwrite=True)
    assert not (out / "mine.txt").exists()
    assert (tmp_path / "out.replaced-1" / "mine.txt").read_text() == "kept"
    with pytest.raises(UsageError, match="is no exported folder, so --overwrite leaves it alone"):
        export(run, run, overwrite=True)
    with pytest.raises(UsageError, match="is an exported folder: give the run"):
        export(out, tmp_path / "again")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.replaced-1", "run"]


def test_nothing_is_left_where_writing_failed(make_run, tmp_path, monkeypatch):
    run = make_run()

    def full(path, content):
        if path.name == "config.json":
            raise UsageError(f"{path}: cannot be written (No space left on device); free space")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    monkeypatch.setattr("kinema.exporting.write_bytes", full)
    with pytest.raises(UsageError, match="No space left"):
        export(run, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
