import numpy as np
import pytest
import torch
from torch import nn

from kinema.encoder import Encoder
from kinema.settings import Clip
from reference.residual import residual as frame_by_frame
from reference.residual import signed_residual


class Mean(nn.Module):
    """A backbone whose feature is the mean colour of what it is shown."""

    def forward(self, x):
        return x.mean(dim=(2, 3, 4))


@pytest.fixture
def frames():
    return torch.randint(0, 256, (2, 4, 6, 6, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def encoder(**options):
    return Encoder(Mean(), Clip(frames=4, size=6), **options)


def test_rgb_feature_is_the_backbones_of_pixels_from_zero_to_one(frames):
    expected = frames.numpy().astype(float).mean(axis=(1, 2, 3)) / 255
    np.testing.assert_allclose(encoder()(frames), expected, rtol=1e-5)


@pytest.mark.parametrize(("given", "used"), [("repeat", "repeat"), ("zero", "zero"), ("extra_frame", "repeat")])
def test_residual_feature_is_the_backbones_of_equation_1(frames, given, used):
    shown = np.stack([frame_by_frame(clip.numpy().astype(float) / 255, used) for clip in frames])
    found = encoder(view="residual", last_residual=given)(frames)
    np.testing.assert_allclose(found, shown.mean(axis=(1, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize(("given", "used"), [("wrap", "wrap"), ("extra_frame", "repeat")])
def test_network_that_was_trained_on_signed_residuals_is_shown_them(frames, given, used):
    shown = np.stack([signed_residual(clip.numpy().astype(float) / 255, used) for clip in frames])
    found = encoder(view="residual", last_residual=given, residual="signed").to_input(frames)
    np.testing.assert_allclose(found.permute(0, 2, 3, 4, 1), shown, atol=1e-6)


def test_both_views_stand_side_by_side_with_unit_length(frames):
    both = encoder(view="both")(frames)
    assert both.shape == (2, 6)
    for part, view in ((both[:, :3], "rgb"), (both[:, 3:], "residual")):
        alone = encoder(view=view)(frames)
        torch.testing.assert_close(part, nn.functional.normalize(alone, dim=1))


def test_imagenet_normalisation_is_for_rgb_alone(frames):
    plain, normalised = encoder().to_input(frames), encoder(normalise="imagenet").to_input(frames)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1, 1)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1, 1)
    torch.testing.assert_close(normalised, (plain - mean) / std)
    residuals = [encoder(view="residual", normalise=how).to_input(frames) for how in ("unit", "imagenet")]
    assert torch.equal(*residuals)


def test_residual_view_is_seen_with_its_own_statistics():
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv3d(3, 4, 1), nn.BatchNorm3d(4), Mean())
    frames = torch.randint(0, 256, (2, 4, 6, 6, 3), dtype=torch.uint8)
    own = {
        "1.running_mean": torch.rand(4),
        "1.running_var": 1 + torch.rand(4),
        "1.num_batches_tracked": torch.tensor(7),
    }
    plain = {view: Encoder(backbone, Clip(frames=4, size=6), view=view).eval()(frames) for view in ("rgb", "residual")}
    both = Encoder(backbone, Clip(frames=4, size=6), view="both", residual_statistics=own).eval()
    joined = both(frames)
    assert "residual_statistics.1/running_mean" in both.state_dict()
    torch.testing.assert_close(joined[:, :4], nn.functional.normalize(plain["rgb"], dim=1))
    residual = Encoder(backbone, Clip(frames=4, size=6), view="residual", residual_statistics=own).eval()(frames)
    torch.testing.assert_close(joined[:, 4:], nn.functional.normalize(residual, dim=1))
    assert not torch.allclose(residual, plain["residual"], atol=1e-3)
    assert torch.equal(backbone[1].running_mean, own["1.running_mean"])


def test_flow_is_the_fourth_channel_shown_three_times(frames):
    flow = torch.randint(0, 256, (2, 4, 6, 6, 1), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    clips = torch.cat([frames, flow], dim=-1)
    shown = encoder(view="flow", normalise="imagenet").to_input(clips)
    assert shown.shape == (2, 3, 4, 6, 6)
    for channel in range(3):
        assert torch.equal(shown[:, channel], flow[..., 0].float() / 255)
    for view in ("rgb", "residual"):
        assert torch.equal(encoder(view=view).to_input(clips), encoder(view=view).to_input(frames))
    joint = encoder(view="rgb+flow")(clips)
    for part, view in ((joint[:, :3], "rgb"), (joint[:, 3:], "flow")):
        torch.testing.assert_close(part, nn.functional.normalize(encoder(view=view)(clips), dim=1))


@pytest.mark.parametrize(("trained_on", "own"), [("flow", True), ("residual", False)])
def test_flow_has_statistics_of_its_own_only_if_the_network_was_trained_on_flow(frames, trained_on, own):
    clips = torch.cat([frames, frames[..., :1]], dim=-1)
    other = {"1.running_mean": torch.full((3,), 0.4), "1.running_var": torch.ones(3)}
    other["1.num_batches_tracked"] = torch.tensor(7)

    def feature(view, statistics=None):
        backbone = nn.Sequential(nn.Identity(), nn.BatchNorm3d(3), Mean())
        how = {"view": view, "residual_statistics": statistics, "second": trained_on}
        return Encoder(backbone, Clip(frames=4, size=6), **how).eval()(clips)

    plain, flow = feature("flow"), feature("flow", other)
    torch.testing.assert_close(flow, plain - 0.4 if own else plain, atol=1e-4, rtol=0)
    joint = feature("rgb+flow", other)
    torch.testing.assert_close(joint[:, :3], nn.functional.normalize(feature("rgb"), dim=1))
    torch.testing.assert_close(joint[:, 3:], nn.functional.normalize(flow, dim=1), atol=1e-4, rtol=0)
