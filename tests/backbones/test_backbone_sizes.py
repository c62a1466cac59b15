"""Parameter counts, map shapes and what the width multiplier does."""

import pytest
import torch

from kinema.backbones import BACKBONES, build
from kinema.backbones.backbone import channels, factorised_channels
from kinema.backbones.vcop import r2plus1d_vcop, r3d_vcop

TWO_BLOCKS = (2, 2, 2, 2)


def parameters(net):
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("r3d_18", 33_166_272),  # torchvision's 33,371,472 less 512 x 400 + 400
        ("r2plus1d_18", 31_300_125),  # 31,505,325 less the same
        ("s3d", 7_910_048),  # 8,320,048 less 1024 x 400 + 400
        ("r3d_vcop", 14_361_792),
        ("r2plus1d_vcop", 14_365_303),
        ("c3d", 27_661_440),
        ("r3d_18_tclr", 33_166_272),  # dilation costs none
        ("s3d_coclr", 7_910_048),
        ("s3dg", 9_098_000),
        ("r2d3d_18", 14_057_536),
        ("r2d3d_34", 32_422_208),
    ],
)
def test_parameter_count_at_width_one(name, count):
    with torch.device("meta"):
        assert parameters(build(name)) == count


def test_vcop_networks_with_two_blocks_a_stage_have_their_published_counts():
    with torch.device("meta"):
        assert parameters(r3d_vcop(blocks=TWO_BLOCKS)) == 33_166_272
        assert parameters(r2plus1d_vcop(blocks=TWO_BLOCKS)) == 33_178_423


@pytest.mark.parametrize("name", BACKBONES)
def test_full_width_maps_have_the_published_shape(name):
    # On the meta device: shapes without arithmetic.
    with torch.device("meta"):
        net = build(name)
        small = net.maps(torch.empty(1, 3, 16, 112, 112)).shape
        large = net.maps(torch.empty(1, 3, 32, 128, 128)).shape
    expected = {
        "s3d": ((1, 1024, 2, 3, 3), (1, 1024, 4, 4, 4)),
        "s3d_coclr": ((1, 1024, 2, 3, 3), (1, 1024, 4, 4, 4)),
        "s3dg": ((1, 1024, 2, 3, 3), (1, 1024, 4, 4, 4)),
        "r3d_18_tclr": ((1, 512, 4, 7, 7), (1, 512, 8, 8, 8)),
        "r2d3d_18": ((1, 256, 4, 4, 4), (1, 256, 8, 4, 4)),
        "r2d3d_34": ((1, 256, 4, 4, 4), (1, 256, 8, 4, 4)),
    }
    assert (small, large) == expected.get(name, ((1, 512, 2, 7, 7), (1, 512, 4, 8, 8)))
    assert net.feature_dim == small[1]


@pytest.mark.parametrize("name", BACKBONES)
def test_stride_is_the_ratio_of_input_to_map(name):
    net = build(name, 1 / 16).eval()
    shape = net.maps(torch.rand(1, 3, 16, 64, 96)).shape[2:]
    assert tuple(whole // cells for whole, cells in zip((16, 64, 96), shape, strict=True)) == net.stride


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("shape", [(4, 32, 32), (5, 33, 47), (1, 16, 16)])
def test_small_and_odd_clips_pass_in_evaluation(name, shape):
    net = build(name, 1 / 16).eval()
    with torch.no_grad():
        feature = net(torch.rand(2, 3, *shape))
    assert feature.shape == (2, net.feature_dim)
    assert feature.isfinite().all()


@pytest.mark.parametrize("name", BACKBONES)
def test_feature_is_the_mean_of_the_last_map_and_the_map_is_not_negative(name):
    net = build(name, 1 / 8).eval()
    x = torch.rand(2, 3, 16, 64, 64)
    with torch.no_grad():
        maps = net.maps(x)
        torch.testing.assert_close(net(x), maps.flatten(2).mean(2))
    assert maps.shape[2] * maps.shape[3] > 1
    assert maps.min() >= 0 and maps.max() > 0


@pytest.mark.parametrize(("name", "dim"), [("r3d_18", 128), ("r2plus1d_18", 128), ("r3d_vcop", 128), ("s3d", 256)])
def test_quarter_width_has_a_quarter_of_the_channels_and_about_a_sixteenth_of_the_weights(name, dim):
    with torch.device("meta"):
        net, full = build(name, 0.25), build(name)
    assert net.feature_dim == dim
    assert 14.5 < parameters(full) / parameters(net) < 16.5


def test_width_rounds_to_the_nearest_whole_channel_and_never_to_none():
    assert [channels(count, 0.25) for count in (64, 45, 46, 1)] == [16, 11, 12, 1]
    assert channels(3, 0.5) == 2  # halves go up, to the even number or not
    assert channels(5, 0.5) == 3
    assert channels(512, 1.5) == 768


def test_r2plus1d_recomputes_the_channels_between_space_and_time_from_the_width():
    net = build("r2plus1d_18", 0.25)
    first, second = net.layer2[0].conv1[0][0], net.layer2[0].conv2[0][0]
    assert first.out_channels == second.out_channels == 27 * 16 * 32 // (9 * 16 + 3 * 32)


@pytest.mark.parametrize(
    ("inputs", "outputs", "between"), [(64, 64, 144), (64, 128, 230), (128, 128, 288), (512, 512, 1152)]
)
def test_factorised_channels_are_those_of_the_r2plus1d_paper(inputs, outputs, between):
    assert factorised_channels(inputs, outputs, (3, 3, 3)) == between


def test_factorised_channels_of_the_vcop_stem_and_shortcut():
    assert factorised_channels(3, 64, (3, 7, 7)) == 83
    assert factorised_channels(64, 128, (1, 1, 1)) == 42


@pytest.mark.parametrize("name", BACKBONES)
def test_maps_without_the_last_relu_are_what_it_cuts_off_from_and_nothing_else_changes(name):
    torch.manual_seed(0)
    net, raw = build(name, 0.25).eval(), build(name, 0.25).eval()
    raw.load_state_dict(net.state_dict())  # of the same names
    raw.leave_out_last_relu()
    assert list(raw.state_dict()) == list(net.state_dict())
    x = torch.rand(2, 3, 8, 32, 32)
    with torch.no_grad():
        cut, whole = net.maps(x), raw.maps(x)
        assert (whole < 0).any()
        assert torch.equal(whole.relu(), cut)
        assert torch.equal(raw(x), net(x))
