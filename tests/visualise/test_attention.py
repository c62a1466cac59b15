import numpy as np
import pytest
import torch
from torch import Tensor

from kinema.encoder import Encoder
from kinema.errors import UsageError
from kinema.settings import Clip
from kinema.visualise.attention import (
    attention_energy,
    attention_maps,
    cell_energy,
    cells,
    motion_energy_share,
    motion_weights,
    on_cells,
    overlay,
    require_map,
)

T, S = 8, 32


@pytest.fixture
def clips() -> Tensor:
    return torch.randint(256, (3, T, S, S, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def linear_along(values: np.ndarray, axis: int, size: int) -> np.ndarray:
    """Linear interpolation of cell centres along one axis, flat beyond the first and the last centre."""
    cells_ = values.shape[axis]
    at = (np.arange(size) + 0.5) * cells_ / size - 0.5
    return np.apply_along_axis(lambda line: np.interp(at, np.arange(cells_), line), axis, values)


def test_maps_are_the_mean_squared_activation_interpolated_and_scaled_for_each_clip(
    encoder: Encoder, clips: Tensor
) -> None:
    found = attention_maps(encoder, clips).numpy()
    with torch.no_grad():
        activations = encoder.eval().backbone.maps(clips.permute(0, 4, 1, 2, 3) / 255).double().numpy()  # type: ignore[operator]
    expected = (activations**2).sum(axis=1) / activations.shape[1]
    for axis, size in ((1, T), (2, S), (3, S)):
        expected = linear_along(expected, axis, size)
    for clip in range(3):
        own = expected[clip]
        np.testing.assert_allclose(found[clip], (own - own.min()) / (own.max() - own.min()), atol=1e-4)


def test_maps_do_not_depend_on_the_other_clips(encoder: Encoder, clips: Tensor) -> None:
    many = clips.repeat(4, 1, 1, 1, 1)  # more than are run at once
    torch.testing.assert_close(attention_maps(encoder, many)[9:], attention_maps(encoder, clips), atol=1e-5, rtol=0)


def test_network_is_left_in_the_mode_it_was_in(encoder: Encoder, clips: Tensor) -> None:
    encoder.train()
    before = {name: value.clone() for name, value in encoder.named_buffers()}
    attention_maps(encoder, clips)
    assert encoder.training
    assert all(torch.equal(value, before[name]) for name, value in encoder.named_buffers())


def test_map_that_is_the_same_everywhere_is_drawn_as_zero(clips: Tensor) -> None:
    class Flat(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(1))

        def maps(self, x: Tensor) -> Tensor:
            return self.scale * torch.ones(len(x), 4, 2, 2, 2)

    assert attention_maps(Encoder(Flat(), Clip(T, 1, S)), clips).eq(0).all()


def test_cells_are_those_of_the_last_map(encoder: Encoder, clips: Tensor) -> None:
    with torch.no_grad():
        maps = encoder.backbone.maps(encoder.to_input(clips))  # type: ignore[operator]
    assert cells(encoder, encoder.clip) == tuple(maps.shape[2:])


def moving_square() -> Tensor:
    """uint8 [1, T, S, S, 3]: a white square of 4 x 4 that jumps by its own width, so that 32 pixels change a frame."""
    clip = torch.zeros(1, T, S, S, 3, dtype=torch.uint8)
    for t in range(T):
        clip[0, t, 10:14, 4 * t : 4 * t + 4] = 255
    return clip


def test_map_on_the_moving_pixels_has_all_its_energy_there() -> None:
    clip = moving_square()
    change = (clip[:, :-1].float() - clip[:, 1:].float()).abs().mean(-1)
    change = torch.cat([change, change[:, -1:]], dim=1)
    share = 32 / (S * S)
    assert motion_energy_share((change > 0).float(), clip, top=share).item() == pytest.approx(1)
    assert motion_energy_share((change == 0).float(), clip, top=share).item() == 0


def test_even_map_has_the_share_of_the_pixels() -> None:
    assert motion_energy_share(torch.ones(1, T, S, S), moving_square(), top=0.25).item() == pytest.approx(0.25)


def test_clip_in_which_nothing_moves_gives_the_share_of_the_pixels_whatever_the_map() -> None:
    still = torch.full((1, T, S, S, 3), 9, dtype=torch.uint8)
    maps = torch.rand(1, T, S, S, generator=torch.Generator().manual_seed(0))
    assert motion_energy_share(maps, still, top=0.25).item() == pytest.approx(0.25)


def test_map_of_zeros_has_no_share() -> None:
    assert motion_energy_share(torch.zeros(1, T, S, S), moving_square()).item() == 0


def test_overlay_blends_half_frame_half_colour() -> None:
    frames = torch.full((1, 2, 3), 100, dtype=torch.uint8)
    blended = overlay(frames, torch.tensor([[0.0, 1.0]]))
    # viridis runs from (68.1, 1.2, 84.0) to (253.2, 231.1, 36.7)
    assert blended.tolist() == [[[84, 51, 92], [177, 166, 68]]]


def test_overlay_without_colour_is_the_frame() -> None:
    frames = torch.randint(256, (2, 4, 4, 3), dtype=torch.uint8)
    assert torch.equal(overlay(frames, torch.rand(2, 4, 4), alpha=0), frames)


def test_energy_is_not_scaled_and_maps_are_its_scaled_picture(encoder: Encoder, clips: Tensor) -> None:
    energy = attention_energy(encoder, clips)
    assert energy.min() >= 0
    low, high = energy.amin(dim=(1, 2, 3), keepdim=True), energy.amax(dim=(1, 2, 3), keepdim=True)
    torch.testing.assert_close(attention_maps(encoder, clips), (energy - low) / (high - low))


def test_weights_on_the_cells_measure_what_weights_on_the_pixels_do(encoder: Encoder, clips: Tensor) -> None:
    weights = motion_weights(clips, top=0.2)
    assert weights.sum(dim=(1, 2, 3)).tolist() == pytest.approx([0.2 * T * S * S] * 3, abs=1)
    energy = cell_energy(encoder, clips)
    gathered = on_cells(weights, tuple(energy.shape[1:]))
    found = (energy * gathered).sum(dim=(1, 2, 3)) / (
        energy * on_cells(torch.ones_like(weights), energy.shape[1:])
    ).sum(dim=(1, 2, 3))
    torch.testing.assert_close(found, motion_energy_share(attention_energy(encoder, clips), clips, top=0.2))


class WithoutMap(torch.nn.Module):
    stride = (1, 1, 1)


def test_network_without_a_place_to_look_at_is_refused(encoder: Encoder) -> None:
    require_map(encoder, encoder.clip)
    with pytest.raises(UsageError, match="WithoutMap has no spatial map"):
        require_map(Encoder(WithoutMap(), encoder.clip), encoder.clip)
    with pytest.raises(UsageError, match="one cell for a whole frame of 16 px"):
        require_map(encoder, Clip(T, 1, 16))
