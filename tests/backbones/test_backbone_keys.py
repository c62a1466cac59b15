"""State-dict keys: published weights of torchvision, VCOP and IIC must load, whether torchvision is there or not."""

import hashlib
import importlib

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kinema.backbones import build
from reference import checkpoints

HEADS = ("fc.", "classifier.")

# SHA-256 over the sorted lines "key shape" of torchvision 0.28's state dict without its head.
TORCHVISION = {
    "r3d_18": (120, "0aaab47b29bf963e"),
    "r2plus1d_18": (222, "fe46231be8c381ab"),
    "s3d": (462, "338a13ce2f234377"),
}

# A few of those lines in the open, for whoever has to find out why a digest changed.
SAMPLES = {
    "r3d_18": {
        "stem.0.weight": (64, 3, 3, 7, 7),
        "layer1.0.conv1.0.weight": (64, 64, 3, 3, 3),
        "layer2.0.downsample.0.weight": (128, 64, 1, 1, 1),
        "layer4.1.conv2.1.running_var": (512,),
    },
    "r2plus1d_18": {
        "stem.0.weight": (45, 3, 1, 7, 7),
        "stem.3.weight": (64, 45, 3, 1, 1),
        "layer1.0.conv1.0.0.weight": (144, 64, 1, 3, 3),
        "layer2.0.conv2.0.3.weight": (128, 230, 3, 1, 1),
        "layer4.0.downsample.1.bias": (512,),
    },
    "s3d": {
        "features.0.0.0.weight": (64, 3, 1, 7, 7),
        "features.0.1.0.weight": (64, 64, 7, 1, 1),
        "features.2.1.weight": (64,),
        "features.5.branch1.1.0.0.weight": (128, 96, 1, 3, 3),
        "features.15.branch3.1.0.weight": (128, 832, 1, 1, 1),
    },
}


def shapes(state):
    return {key: tuple(value.shape) for key, value in state.items() if not key.startswith(HEADS)}


def digest(state):
    lines = sorted(f"{key} {shape}" for key, shape in shapes(state).items())
    return len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@pytest.mark.parametrize("name", TORCHVISION)
def test_keys_and_shapes_are_torchvisions(name):
    with torch.device("meta"):
        state = build(name).state_dict()
    assert SAMPLES[name].items() <= shapes(state).items()
    assert digest(state) == TORCHVISION[name]


def torchvision_video():
    try:
        return importlib.import_module("torchvision.models.video")
    except (ImportError, RuntimeError) as reason:  # RuntimeError: torchvision's CUDA wheel beside a CPU torch
        return pytest.skip(f"torchvision does not import: {reason}")


@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvisions_weights_give_torchvisions_maps(name):
    peer = getattr(torchvision_video(), name)(weights=None).eval()
    randomise_batch_norm(peer)
    net = build(name).eval()
    net.load_state_dict({k: v for k, v in peer.state_dict().items() if not k.startswith(HEADS)}, strict=True)
    assert digest(peer.state_dict()) == TORCHVISION[name]

    x = torch.rand(1, 3, 16, 64, 64, generator=torch.Generator().manual_seed(1))
    trunk = peer.features if name == "s3d" else nn.Sequential(*list(peer.children())[:-2])  # without pooling and fc
    with torch.no_grad():
        torch.testing.assert_close(net.maps(x), trunk(x), rtol=1e-5, atol=1e-5)


def randomise_batch_norm(net):
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm3d):
                module.running_mean.normal_(0, 0.1, generator=rng)
                module.running_var.uniform_(0.5, 2, generator=rng)
                module.weight.uniform_(0.5, 1.5, generator=rng)
                module.bias.normal_(0, 0.1, generator=rng)


def vcop_keys(split):
    """The convolution and batch-norm names in VCOP's published checkpoints, written out from its code's structure."""
    conv = ["spatial_conv", "bn", "temporal_conv"] if split else ["temporal_spatial_conv"]
    names = [f"conv1.{part}" for part in conv] + ["bn1"]
    for stage in (2, 3, 4, 5):
        block = f"conv{stage}.block1"
        names += [f"{block}.{which}.{part}" for which in ("conv1", "conv2") for part in conv]
        names += [f"{block}.bn1", f"{block}.bn2"]
        if stage > 2:
            names += [f"{block}.downsampleconv.{part}" for part in conv] + [f"{block}.downsamplebn"]
    return names


@pytest.mark.parametrize(("name", "split"), [("r3d_vcop", False), ("r2plus1d_vcop", True)])
def test_keys_are_vcops(name, split):
    keys = build(name, 1 / 16).state_dict()
    assert sorted({key.rpartition(".")[0] for key in keys}) == sorted(vcop_keys(split))
    assert not [key for key in keys if "conv" in key.split(".")[-2] and key.endswith("bias")]


@pytest.mark.parametrize(("name", "split"), [("r3d_vcop", False), ("r2plus1d_vcop", True)])
def test_vcop_maps_agree_with_a_second_forward_pass_written_from_the_state_dict(name, split):
    torch.manual_seed(2)
    net = build(name, 1 / 8).eval()
    randomise_batch_norm(net)
    state = net.state_dict()

    def norm(x, key):
        scale = state[f"{key}.weight"] / (state[f"{key}.running_var"] + 1e-5).sqrt()
        shift = state[f"{key}.bias"] - state[f"{key}.running_mean"] * scale
        return x * scale.view(1, -1, 1, 1, 1) + shift.view(1, -1, 1, 1, 1)

    def plain(x, key, stride):
        weight = state[f"{key}.weight"]
        return F.conv3d(x, weight, stride=stride, padding=[size // 2 for size in weight.shape[2:]])

    def conv(x, key, t, s):
        if not split:
            return plain(x, f"{key}.temporal_spatial_conv", (t, s, s))
        x = plain(x, f"{key}.spatial_conv", (1, s, s))
        return plain(F.relu(norm(x, f"{key}.bn")), f"{key}.temporal_conv", (t, 1, 1))

    x = clips = torch.rand(2, 3, 9, 40, 48, generator=torch.Generator().manual_seed(3))
    x = F.relu(norm(conv(x, "conv1", 1, 2), "bn1"))
    for stage in (2, 3, 4, 5):
        block, s = f"conv{stage}.block1", 1 if stage == 2 else 2
        y = F.relu(norm(conv(x, f"{block}.conv1", s, s), f"{block}.bn1"))
        y = norm(conv(y, f"{block}.conv2", 1, 1), f"{block}.bn2")
        if s == 2:
            x = norm(conv(x, f"{block}.downsampleconv", s, s), f"{block}.downsamplebn")
        x = F.relu(x + y)
    with torch.no_grad():
        torch.testing.assert_close(net.maps(clips), x, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "eps"),
    [("r3d_18", 1e-5), ("r2plus1d_18", 1e-5), ("s3d", 1e-3), ("r3d_vcop", 1e-5), ("r2plus1d_vcop", 1e-5)],
)
def test_batch_norm_has_the_documented_settings(name, eps):
    norms = [module for module in build(name, 1 / 16).modules() if isinstance(module, nn.BatchNorm3d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(eps, 0.1)}


@pytest.mark.parametrize("name", ["r3d_18", "r2plus1d_18"])
def test_resnet_weights_are_kaiming_normal_by_fan_out(name):
    weight = build(name, 0.5).layer3[1].conv2[0]
    weight = (weight if name == "r3d_18" else weight[0]).weight  # [out, in, t, h, w]
    fan_out = weight.shape[0] * weight[0, 0].numel()
    assert weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.03)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("r3d_vcop", checkpoints.vcop()),
        ("r2plus1d_vcop", checkpoints.vcop(split=True)),
        ("c3d", checkpoints.c3d()),
        ("r3d_18_tclr", checkpoints.torchvision_resnet()),
        ("r2d3d_18", checkpoints.r2d3d()),
        ("r2d3d_34", checkpoints.r2d3d((3, 4, 6, 3))),
    ],
)
def test_keys_and_shapes_are_those_of_the_code_that_published_weights(name, expected):
    with torch.device("meta"):
        assert shapes(build(name).state_dict()) == expected
