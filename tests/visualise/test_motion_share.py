from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from kinema.encoder import Encoder
from kinema.settings import Clip
from kinema.visualise.attention import attention_energy, motion_energy_share
from kinema.visualise.motion_share import motion_shares

T, S = 8, 32


@pytest.fixture
def videos() -> Tensor:
    """uint8 [5, 2, T, S, S, 3]: five videos of two clips."""
    return torch.randint(256, (5, 2, T, S, S, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def batches(videos: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    for start in (0, 2, 4):
        part = videos[start : start + 2]
        yield part, torch.arange(start, start + len(part)), torch.full((len(part),), -1)


def test_share_is_the_mean_over_a_videos_clips_of_the_share_of_each_clips_map(
    encoder: Encoder, random_encoder: Encoder, videos: Tensor
) -> None:
    done: list[int] = []
    found, _ = motion_shares({"one": encoder, "two": random_encoder}, batches(videos), progress=done.append)
    assert done == [2, 4, 5]
    for name, network in (("one", encoder), ("two", random_encoder)):
        flat = videos.flatten(0, 1)
        expected = motion_energy_share(attention_energy(network, flat), flat).reshape(5, 2).mean(1)
        torch.testing.assert_close(found[name].own.float(), expected)


def test_fixed_map_is_the_mean_of_all_clips_maps_each_with_the_same_weight(encoder: Encoder, videos: Tensor) -> None:
    found, _ = motion_shares({"one": encoder}, batches(videos))
    flat = videos.flatten(0, 1)
    energy = attention_energy(encoder, flat).double()
    mean = (energy / energy.sum(dim=(1, 2, 3), keepdim=True)).mean(dim=0)
    expected = motion_energy_share(mean.expand_as(energy), flat).reshape(5, 2).mean(1)
    torch.testing.assert_close(found["one"].fixed.float(), expected)


class Seeing(torch.nn.Module):
    """A backbone of 4 x 4 cells whose map is a picture of the brightness (`follow`) or the same for every clip."""

    stride = (T, S // 4, S // 4)

    def __init__(self, *, follow: bool) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))
        self.follow = follow

    def maps(self, x: Tensor) -> Tensor:
        seen = torch.nn.functional.adaptive_avg_pool3d(x, (1, 4, 4)).mean(dim=1, keepdim=True)
        return self.scale * (seen if self.follow else torch.ones_like(seen))


def test_network_that_follows_motion_has_more_than_its_fixed_map_and_no_more_than_the_most() -> None:
    """One square flickers in each clip, at another place each time; nothing else is to be seen."""
    videos = torch.zeros(5, 2, T, S, S, 3, dtype=torch.uint8)
    for number in range(10):
        row, column = divmod(number, 4)
        videos[number // 2, number % 2, ::2, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 255
    networks = {name: Encoder(Seeing(follow=name == "follows"), Clip(T, 1, S)) for name in ("follows", "even")}
    found, most = motion_shares(networks, batches(videos), top=1 / 16)
    assert found["even"].own.tolist() == pytest.approx([1 / 16] * 5)
    assert found["even"].fixed.tolist() == pytest.approx([1 / 16] * 5)
    assert found["follows"].own.mean() == pytest.approx(most)
    assert found["follows"].own.min() > 3 * found["follows"].fixed.max()
    assert 0.4 < most < 1  # a map of one cell spreads over its neighbours when it is upsampled
