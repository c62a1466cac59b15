"""What a conversion makes: the same features as the network it came from, and a record of where it came from."""

import argparse
import hashlib
import json
import re

import pytest
import torch

import kinema
from kinema.conversion.convert import convert
from kinema.errors import UsageError
from kinema.run import Run
from kinema.settings import Clip
from reference import checkpoints as files
from reference import networks
from reference.checkpoints import hollow, random_state

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
SLOWFAST = ((0.45, 0.45, 0.45), (0.225, 0.225, 0.225))
KINETICS = ((0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989))


def shown(clips, *, numbers=None, bgr=False, scale=1.0):
    """Clips uint8 [M, T, S, S, 3] as a repository shows them to its network."""
    x = clips.permute(0, 4, 1, 2, 3).float() / 255
    if bgr:
        x = x[:, [2, 1, 0]]
    if numbers is not None:
        mean, std = (torch.tensor(each).view(3, 1, 1, 1) for each in numbers)
        x = (x - mean) / std
    return x * scale


CASES = {
    "vcop R3D": ("vcop", files.vcopn(files.vcop()), "base_network.", networks.vcop, {}),
    "iic R3D": ("iic", files.vcop(), "", networks.vcop, {}),
    "dualvar R(2+1)D": (
        "dualvar",
        files.dualvar(files.vcop(split=True), 512, moco=False),
        "encoder_q.0.",
        networks.vcop,
        {"numbers": IMAGENET},
    ),
    "gdt R(2+1)D-18": (
        "gdt",
        files.gdt(),
        "video_network.base.",
        networks.torchvision_resnet,
        {"numbers": SLOWFAST},
    ),
    "pace C3D": ("pace", files.c3d(), "", networks.c3d, {"bgr": True, "scale": 255.0}),
    "pace R3D": ("pace", files.under("module.", files.vcop()), "module.", networks.vcop, {"bgr": True, "scale": 255.0}),
    "torchvision R3D-18 of Kinetics": (
        "torchvision",
        files.torchvision_resnet() | files.linear("fc", 400, 512),
        "",
        networks.torchvision_resnet,
        {"numbers": KINETICS},
    ),
    "torchvision R(2+1)D-18 of Kinetics": (
        "torchvision",
        files.torchvision_resnet(split=True) | files.linear("fc", 400, 512),
        "",
        networks.torchvision_resnet,
        {"numbers": KINETICS},
    ),
    "videomoco R(2+1)D-18": (
        "videomoco",
        files.videomoco(files.torchvision_resnet(split=True)),
        "module.encoder_q.",
        networks.torchvision_resnet,
        {"numbers": IMAGENET},
    ),
    "tclr R3D-18": (
        "tclr",
        files.tclr(),
        "module.0.",
        lambda state, x: networks.torchvision_resnet(state, x, dilated=True),
        {"bgr": True},
    ),
    "coclr S3D": (
        "coclr",
        files.under("encoder_q.0.", files.s3d()),
        "encoder_q.0.",
        networks.s3d,
        {"numbers": IMAGENET},
    ),
    "coclr S3D-G": (
        "coclr",
        files.under("encoder_q.0.", files.s3d(gating=True)),
        "encoder_q.0.",
        networks.s3d,
        {"numbers": IMAGENET},
    ),
    "memdpc R2D3D-18": (
        "memdpc",
        files.under("module.backbone.", files.r2d3d()),
        "module.backbone.",
        networks.r2d3d,
        {"numbers": IMAGENET},
    ),
}
"""Family, tensors, prefix of the backbone in the file, the network, and how its repository shows it a clip."""

ENTRIES = {"iic": "model", "vcop": "", "torchvision": ""}


def with_twins(state):
    """CoCLR's parts have two names and one value."""
    places = {"block1": ["Conv_1a"], "block2": ["", "Conv_2b", "Conv_2c"]}
    for block, parts in (("3", "bc"), ("4", "bcdef"), ("5", "bc")):
        places[f"block{block}"] = [""] + [f"Mixed_{block}{part}" for part in parts]
    for name in state:
        front, _, rest = name.rpartition("block")
        if rest and rest[0].isdecimal():
            number, place, tail = rest.split(".", 2)
            state[name] = state[f"{front}{places[f'block{number}'][int(place)]}.{tail}"]
    return state


def write(path, family, state, **beside):
    entry = ENTRIES.get(family, "state_dict")
    torch.save({entry: state, **beside} if entry else state, path)
    return path


@pytest.mark.parametrize("case", CASES)
def test_converted_network_gives_the_features_of_the_network_it_came_from(case, small_clip, tmp_path):
    family, shapes, prefix, network, how = CASES[case]
    state = random_state(shapes)
    if family == "coclr":
        state = with_twins(state)
    out = tmp_path / "net"
    convert(write(tmp_path / "file.pth", family, state), family, out=out)
    with torch.no_grad():
        feature = kinema.load(out)(small_clip)
        own = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        expected = network(own, shown(small_clip, **how))
    assert feature.shape == expected.shape
    assert expected.std() > 1e-3
    torch.testing.assert_close(feature, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


@pytest.fixture(scope="module")
def iic_file(tmp_path_factory):
    """A file as IIC writes it: the options of the run, the banks and the optimiser beside the network."""
    path = tmp_path_factory.mktemp("files") / "ckpt_epoch_240.pth"
    content = {
        "opt": argparse.Namespace(model="r3d", modality="res"),
        "model": hollow(files.vcop()),
        "contrast": {"params": torch.zeros(5), "memory_l": torch.zeros(10, 512)},
        "optimizer": {"state": {}, "param_groups": []},
        "epoch": 240,
    }
    torch.save(content, path)
    return path


def test_residual_of_a_network_of_iic_is_that_of_iic(iic_file, small_clip, tmp_path):
    convert(iic_file, "iic", out=tmp_path / "net")
    found = kinema.load(tmp_path / "net", view="residual").to_input(small_clip)
    frames = small_clip.permute(0, 4, 1, 2, 3).float() / 255
    expected = (frames - frames.roll(1, dims=2) + 1) / 2  # the frame before the first is the last
    torch.testing.assert_close(found, expected)


def test_record_says_where_everything_comes_from(iic_file, tmp_path):
    done = convert(iic_file, "iic", out=tmp_path / "net")
    record = done.run.read("converted.json")
    assert (record["family"], record["repository"], record["file"]) == ("iic", "BestJuly/IIC", "ckpt_epoch_240.pth")
    assert record["sha256"] == hashlib.sha256(iic_file.read_bytes()).hexdigest()
    assert record["file_says"] == {"epoch": 240}
    assert record["backbone"] == "r3d_vcop"
    assert record["left"] == []
    assert len(record["tensors"]) == len(files.vcop())
    stem = next(row for row in record["tensors"] if row["name"] == "conv1.temporal_spatial_conv.weight")
    assert stem == {"name": stem["name"], "shape": [64, 3, 3, 7, 7], "from": stem["name"], "changed": None}


def test_folder_is_a_run_that_knows_only_what_is_known(iic_file, tmp_path):
    run = convert(iic_file, "iic", out=tmp_path / "net").run
    assert set(run.read("recipe.json")) == {"recipe", "method", "clip", "backbone"}
    assert run.recipe.clip == Clip(frames=16, stride=1, size=112)
    assert run.recipe.backbone.name == "r3d_vcop"
    assert run.converted.file == "ckpt_epoch_240.pth"
    assert not (run.folder / "data.json").exists()
    assert not (run.folder / "metrics.jsonl").exists()
    assert kinema.load(run.checkpoint).clip == run.recipe.clip


def test_what_is_shown_can_be_said_to_be_otherwise(iic_file, tmp_path):
    run = convert(iic_file, "iic", out=tmp_path / "net", frames=8, stride=2, size=56, normalise="imagenet").run
    assert run.recipe.clip == Clip(frames=8, stride=2, size=56)
    assert kinema.load(run.folder).normalise == "imagenet"
    with pytest.raises(UsageError, match="frames is 0"):
        convert(iic_file, "iic", out=tmp_path / "other", frames=0)
    assert not (tmp_path / "other").exists()


def test_statistics_that_were_never_kept_are_left_only_if_asked_and_are_recorded(tmp_path):
    path = write(tmp_path / "k400_r18_dpc.pth.tar", "dpc", hollow(files.dpc()), epoch=50, net="resnet18")
    with pytest.raises(UsageError, match=r"bn1\.running_mean and 39 more are not in it; batch norm kept no statistics"):
        convert(path, "dpc", out=tmp_path / "net")
    assert not (tmp_path / "net").exists()
    run = convert(path, "dpc", out=tmp_path / "net", leave=["*.running_*"]).run
    assert len(run.converted.left) == 40
    assert run.recipe.clip == Clip(frames=5, stride=3, size=128)
    backbone = kinema.load(run.folder).backbone
    assert torch.equal(backbone.bn1.running_mean, torch.zeros(64))
    assert torch.equal(backbone.bn1.running_var, torch.ones(64))


def test_first_convolution_is_turned_to_rgb_and_the_record_says_so(tmp_path):
    state = random_state(files.tclr())
    done = convert(write(tmp_path / "tclr.pth", "tclr", state), "tclr", out=tmp_path / "net")
    assert done.changes == {"stem.0.weight": "input channels reversed, from BGR"}
    weight = kinema.load(done.run.folder).backbone.stem[0].weight
    assert torch.equal(weight, state["module.0.stem.0.weight"][:, [2, 1, 0]])
    changed = [row for row in done.run.read("converted.json")["tensors"] if row["changed"]]
    assert [row["name"] for row in changed] == ["stem.0.weight"]


def test_half_precision_becomes_single(tmp_path):
    state = {name: value.half() if value.is_floating_point() else value for name, value in hollow(files.vcop()).items()}
    run = convert(write(tmp_path / "half.pth", "vcop", state), "vcop", out=tmp_path / "net").run
    assert {value.dtype for value in kinema.load(run.folder).parameters()} == {torch.float32}


def refused(match, path, family="vcop", **how):
    out = path.parent / "out"
    with pytest.raises(UsageError, match=match) as said:
        convert(path, family, out=out, **how)
    assert "\n" not in str(said.value)
    assert not out.exists()


def test_file_that_does_not_fit_is_refused_and_nothing_is_written(tmp_path):
    vcop = write(tmp_path / "vcop.pt", "vcop", hollow(files.vcopn(files.vcop())))
    refused("has no 'state_dict', but 'base_network", vcop, "coclr")
    refused(
        "--backbone s3d is none of those that --from vcop converts: r3d_vcop, r2plus1d_vcop, c3d", vcop, backbone="s3d"
    )
    refused("unknown backbone 'r3dd'", vcop, backbone="r3dd")
    refused(r"--leave sideways\.\* fits no tensor", vcop, leave=["sideways.*"])
    refused("could be .* and .*, with so much left out: give --backbone", vcop, leave=["*"])
    refused("has 60 of 144 tensors of r2plus1d_vcop; conv1.spatial_conv.weight and", vcop, backbone="r2plus1d_vcop")
    refused("no such file", tmp_path / "nowhere.pth")
    other = write(tmp_path / "moco.pth", "coclr", hollow(files.videomoco(files.torchvision_resnet())))
    refused(
        r"has no tensor named encoder_q\.0\.\* or backbone\.\*, as files of TengdaHan/CoCLR have, but queue",
        other,
        "coclr",
    )


@pytest.mark.parametrize(
    ("family", "shapes", "what"),
    [
        ("coclr", {"encoder_q.0.layer1.0.conv1.weight": (64, 64, 1, 1, 1)}, "CoCLR's R2D3D-50"),
        ("dpc", {"module.backbone.layer1.0.conv3.weight": (256, 64, 1, 1, 1)}, "R2D3D-50"),
        ("pace", {"mixed_3b.conv_b0.conv1.weight": (64, 192, 1, 1, 1)}, "the S3D-G of Pace Prediction"),
        ("gdt", {"video_network.base.layer1.2.conv1.0.0.weight": (144, 64, 1, 3, 3)}, "GDT's R(2+1)D-34"),
        ("rspnet", {"encoder_q.encoder.layer1.0.bn1.weight": (64,)}, "RSPNet's ResNet-18"),
        ("tclr", {"module.0.stem.3.weight": (64, 45, 3, 1, 1)}, "TCLR's R(2+1)D-18"),
        ("rspnet", {"encoder_q.encoder.feature.sepConv1.excitation.bias": (64,)}, "RSPNet's S3D-G"),
    ],
)
def test_network_that_kinema_does_not_have_is_named(tmp_path, family, shapes, what):
    entry = {"rspnet": "model"}.get(family, "state_dict")
    path = tmp_path / "file.pth"
    torch.save({entry: hollow(shapes)}, path)
    refused(f"file.pth holds {re.escape(what)}.*, a backbone that kinema does not have", path, family)


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    state = hollow(files.vcop())
    state["bn1.bias"] = torch.full((64,), float("nan"))
    refused("bn1.bias holds NaN or infinity", write(tmp_path / "nan.pt", "vcop", state))


@pytest.mark.parametrize("dtype", [torch.complex64, torch.int8, torch.bool, torch.float8_e4m3fn])
def test_weights_of_another_kind_are_refused_and_not_rounded(tmp_path, dtype):
    state = hollow(files.vcop())
    state["bn1.bias"] = torch.ones(64).to(dtype)
    refused(
        rf"bn1\.bias is of {dtype}, not of floating-point numbers: give",
        write(tmp_path / "odd.pt", "vcop", state),
    )


def test_counter_may_be_of_any_whole_or_floating_point_kind(tmp_path):
    state = hollow(files.vcop())
    state["bn1.num_batches_tracked"] = torch.tensor(3.0, dtype=torch.float64)
    run = convert(write(tmp_path / "counter.pt", "vcop", state), "vcop", out=tmp_path / "net").run
    assert kinema.load(run.folder).backbone.bn1.num_batches_tracked == 3


def test_file_with_nothing_of_the_network_is_refused_whatever_is_left(tmp_path):
    shapes = {"a.weight": (3, 4), "bn1.num_batches_tracked": ()}
    path = write(tmp_path / "other.pt", "vcop", hollow(shapes))
    refused("has nothing of r3d_vcop: give --from of", path, leave=["*"], backbone="r3d_vcop")
    refused("has nothing of r3d_vcop", path, leave=["*"])


@pytest.mark.parametrize(("split", "name"), [(False, "r3d_18"), (True, "r2plus1d_18")])
def test_kinetics_weights_of_torchvision_load_strictly(split, name, tmp_path):
    """Files of exactly torchvision's names and shapes, with its classifier of 400 actions."""
    whole = hollow(files.torchvision_resnet(split) | files.linear("fc", 400, 512))
    done = convert(write(tmp_path / "whole.pth", "torchvision", whole), "torchvision", out=tmp_path / "net")
    backbone = kinema.load(tmp_path / "net").backbone
    assert done.run.recipe.backbone.name == name
    assert set(done.coverage.unused) == {"fc.weight", "fc.bias"}
    assert set(backbone.state_dict()) == set(whole) - {"fc.weight", "fc.bias"}
    less = {key: value for key, value in whole.items() if key != "layer3.0.downsample.0.weight"}
    refused(
        "layer3.0.downsample.0.weight is not in it", write(tmp_path / "less.pth", "torchvision", less), "torchvision"
    )
    more = whole | {"layer5.0.weight": torch.zeros(3)}
    refused("layer5.0.weight, which has no place", write(tmp_path / "more.pth", "torchvision", more), "torchvision")
    other = whole | {"stem.0.weight": torch.zeros(64, 3, 7, 7)}
    refused(
        r"stem.0.weight, which is \[64, 3, 7, 7\]", write(tmp_path / "other.pth", "torchvision", other), "torchvision"
    )


def test_folder_that_is_taken_is_replaced_only_if_asked(iic_file, tmp_path):
    out = tmp_path / "net"
    convert(iic_file, "iic", out=out)
    with pytest.raises(UsageError, match="is not empty: use --overwrite to replace it"):
        convert(iic_file, "iic", out=out)
    convert(iic_file, "iic", out=out, overwrite=True)
    assert Run(tmp_path / "net.replaced-1").converted is not None
    assert json.loads((out / "converted.json").read_text())["family"] == "iic"
