"""The same vector from the command line, Python, the exported folder, ONNX and torch.export; on encoded video."""

import io
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import kinema
from kinema import backbones, cli
from kinema.data.decode import open_video
from kinema.data.loader import EvalClips
from kinema.data.video import Video
from kinema.errors import KinemaError
from kinema.exported import formats
from kinema.exported.graph import Graph
from kinema.exporting import export
from kinema.parquet import read_vectors
from reference import preprocess

safetensors = pytest.importorskip("safetensors.torch")
VIEWS = ("rgb", "residual", "both")
QUICK = [("r3d_vcop", view) for view in VIEWS]
ALL = [(name, view) for name in backbones.BACKBONES for view in VIEWS]


def vector(features):
    """Of a video, of its clips' features [N, D]."""
    return F.normalize(torch.as_tensor(features).mean(dim=0), dim=0)


def by_cli(source, video, out, *flags):
    pytest.importorskip("pyarrow")
    assert cli.run(["embed", str(source), str(video), "--out", str(out), "--workers", "0", *flags]) == 0
    return torch.from_numpy(read_vectors(out)[1][0].copy())


@pytest.fixture
def video(clip_folder):
    return next(clip_folder.glob("train/*/*.mp4"))


def clips_of(run, video):
    """uint8 [10, T, S, S, 3]."""
    return EvalClips([Video(str(video))], kinema.load(run).clip)[0][0]


def check_all(make_run, video, tmp_path, name, view):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    run = make_run(name)
    folder = export(run, tmp_path / "out", formats=["onnx", "torch"], view=view)
    expected = kinema.load(run, view=view).embed(video)
    clips = clips_of(run, video)
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    program = torch.export.load(folder / "model.pt2").module()
    found = {
        "command line": by_cli(run, video, tmp_path / "vectors", "--view", view),
        "command line, exported": by_cli(folder, video, tmp_path / "again"),
        "Python, exported": kinema.Encoder.from_pretrained(folder).embed(video),
        "onnxruntime": vector(session.run(None, {"clips": clips.numpy()})[0]),
        "torch.export": vector(program(clips).detach()),
    }
    assert expected.std() > 1e-3
    for how, each in found.items():
        exact = "Python" in how or "command line" in how
        torch.testing.assert_close(
            each, expected, rtol=0, atol=1e-6 if exact else 1e-5, msg=lambda m, how=how: f"{how}: {m}"
        )


@pytest.mark.parametrize("view", VIEWS)
def test_vector_can_be_made_from_the_files_alone(make_run, video, tmp_path, view):
    """Of kinema only the network's class and the decoder: pixels by Pillow, views by NumPy, weights by safetensors."""
    run = make_run()
    folder = export(run, tmp_path / "out", view=view)
    said = json.loads((folder / "config.json").read_text())
    with open_video(video) as reader:
        frames = reader.at(range(reader.num_frames)).numpy()
    clips, features = preprocess.clips(said["preprocess"], frames), []
    for each in said["preprocess"]["views"]:
        network = backbones.build(said["architecture"], said["width"]).eval()
        network.load_state_dict(safetensors.load_file(folder / "model.safetensors"))
        if each == said["pixels"]["second"]:
            network.load_state_dict(safetensors.load_file(folder / "second_view.safetensors"), strict=False)
        shown = np.stack([preprocess.shown(said["preprocess"], clip, each) for clip in clips])
        with torch.no_grad():
            features.append(network(torch.from_numpy(shown).float().permute(0, 4, 1, 2, 3)))
    if len(features) == 2:
        features = [F.normalize(feature, dim=1) for feature in features]
    found, expected = vector(torch.cat(features, dim=1)), kinema.load(run, view=view).embed(video)
    assert float(found @ expected) > 0.99999  # some pixels are off by one of 255


@pytest.mark.parametrize(("name", "view"), QUICK)
def test_one_vector_by_five_ways(make_run, video, tmp_path, name, view):
    check_all(make_run, video, tmp_path, name, view)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "view"), [each for each in ALL if each not in QUICK])
def test_one_vector_by_five_ways_of_every_network(make_run, video, tmp_path, name, view):
    check_all(make_run, video, tmp_path, name, view)


@pytest.mark.parametrize("view", VIEWS)
def test_program_of_torch_takes_any_number_of_clips_and_knows_what_it_is(make_run, video, tmp_path, view):
    run = make_run()
    folder = export(run, tmp_path / "out", formats=["torch"], view=view)
    about = {"config.json": ""}
    program = torch.export.load(io.BytesIO((folder / "model.pt2").read_bytes()), extra_files=about).module()
    assert json.loads(about["config.json"]) == json.loads((folder / "config.json").read_text())
    clips, encoder = clips_of(run, video), kinema.load(run, view=view)
    for count in (1, 2, 7):
        torch.testing.assert_close(program(clips[:count]), encoder(clips[:count]), rtol=0, atol=1e-5)


def test_onnx_file_says_what_goes_in_and_what_comes_out(make_run, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    folder = export(make_run(), tmp_path / "out", formats=["onnx"], view="both")
    model = onnx.load(folder / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    [given], [made] = model.graph.input, model.graph.output
    shape = [each.dim_param or each.dim_value for each in given.type.tensor_type.shape.dim]
    assert (given.name, shape[1:], given.type.tensor_type.elem_type) == (
        "clips",
        [4, 32, 32, 3],
        onnx.TensorProto.UINT8,
    )
    assert isinstance(shape[0], str), "any number of clips"
    assert (made.name, made.type.tensor_type.shape.dim[1].dim_value) == ("features", 64)
    about = {each.key: each.value for each in model.metadata_props}
    assert json.loads(about["kinema"]) == json.loads((folder / "config.json").read_text())
    assert "Tried with 1, 2, 5 clips: within" in (folder / "README.md").read_text()


def test_graph_that_computes_something_else_is_not_kept(make_run, tmp_path, monkeypatch):
    shown = formats.Graph.forward
    monkeypatch.setattr(formats.Graph, "forward", lambda self, clips: shown(self, clips) * 1.001)
    with pytest.raises(KinemaError, match=r"model\.pt2 differs from PyTorch by 0\.001 of the largest feature"):
        export(make_run(), tmp_path / "out", formats=["torch"])
    assert not (tmp_path / "out").exists()


def test_two_views_share_their_weights(make_run):
    encoder = kinema.load(make_run(), view="both")
    shared = Graph(encoder)
    assert len(list(shared.parameters())) == len(list(encoder.backbone.parameters()))
    first, second = (network.bn1.running_mean for network in shared.networks)
    assert not torch.equal(first, second)


def test_nothing_is_said_that_nobody_asked_for(make_run, tmp_path, capfd, recwarn):
    for package in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(package)
    export(make_run(), tmp_path / "out", formats=["onnx"])
    assert capfd.readouterr() == ("", "")
    assert not [each for each in recwarn if each.category is FutureWarning]


@pytest.mark.parametrize("make", [formats.to_onnx, formats.to_torch])
def test_graph_can_be_made_of_an_exported_folder_in_python(make, exported):
    for package in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(package)
    made = make(kinema.Encoder.from_pretrained(exported), {})
    assert made.difference < formats.TOLERANCE
    assert len(made.content) > (exported / "model.safetensors").stat().st_size / 2


def test_export_leaves_the_encoder_as_it_was(make_run):
    encoder = kinema.load(make_run(), view="both")
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    formats.to_torch(encoder, {})
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert encoder.view == "both"
