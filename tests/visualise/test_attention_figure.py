import io

import pytest
import torch
from PIL import Image
from torch import Tensor

from kinema.visualise.attention_figure import attention_film, attention_png

T, S = 6, 24


@pytest.fixture
def clip() -> Tensor:
    """uint8 [T, S, S, 3]: red, frame by frame darker."""
    clip = torch.zeros(T, S, S, 3, dtype=torch.uint8)
    clip[..., 0] = (250 - 40 * torch.arange(T)).view(T, 1, 1)
    return clip


def size(png: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(png)) as picture:
        return picture.size


def test_picture_grows_by_a_row_a_network_and_a_column_a_frame(clip: Tensor) -> None:
    map_ = torch.rand(T, S, S, generator=torch.Generator().manual_seed(0))
    one = size(attention_png(clip, {"a": map_}, (1, 2, 3, 4), title="t", note="n"))
    more = size(attention_png(clip, {"a": map_, "b": map_}, (1, 2, 3, 4), title="t", note="n"))
    wider = size(attention_png(clip, {"a": map_}, (1, 2, 3, 4, 5), title="t", note="n"))
    assert (more[0], more[1] - one[1]) == (one[0], 170)
    assert (wider[0] - one[0], wider[1]) == (170, one[1])


def test_frames_are_counted_from_one(clip: Tensor) -> None:
    with Image.open(io.BytesIO(attention_png(clip, {}, (1, 6), title="t", note="n"))) as picture:
        pixels = torch.frombuffer(bytearray(picture.convert("RGB").tobytes()), dtype=torch.uint8).view(-1, 3)
    shown = {tuple(pixel) for pixel in pixels.tolist()}
    assert {(250, 0, 0), (50, 0, 0)} <= shown
    assert not {(210, 0, 0), (90, 0, 0)} & shown


def test_film_has_every_frame_and_only_the_pictures_change(clip: Tensor) -> None:
    map_ = torch.linspace(0, 1, T).view(T, 1, 1).expand(T, S, S)
    film = attention_film(clip, {"one network": map_}, title="t", note="n")
    assert film.dtype == torch.uint8
    assert (len(film), film.shape[1] % 2, film.shape[2] % 2) == (T, 0, 0)
    changed = (film[1:] != film[0]).flatten(3).any(-1).any(0)  # [H, W]
    rows = changed.any(1).nonzero().flatten()
    assert 140 < rows.max() - rows.min() < 190  # the row of pictures; titles and notes stay where they are
    for number in range(T):
        assert (film[number] == torch.tensor([250 - 40 * number, 0, 0])).all(-1).sum() > 100 * 100  # the input
