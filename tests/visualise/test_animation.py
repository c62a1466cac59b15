import io

import av
import pytest
import torch
from PIL import Image

from kinema.visualise.animation import gif_bytes, mp4_bytes


@pytest.fixture
def frames() -> torch.Tensor:
    """uint8 [5, 32, 48, 3]: each frame of one brightness, brighter from frame to frame."""
    return (40 * torch.arange(1, 6)).to(torch.uint8).view(5, 1, 1, 1).expand(5, 32, 48, 3).contiguous()


def test_gif_holds_every_frame_at_the_speed_asked_for(frames: torch.Tensor) -> None:
    with Image.open(io.BytesIO(gif_bytes(frames, fps=6.25))) as picture:
        assert (picture.n_frames, picture.size, picture.info["loop"]) == (5, (48, 32), 0)
        assert picture.info["duration"] == 160
        for number in range(5):
            picture.seek(number)
            assert picture.convert("RGB").getpixel((20, 20)) == pytest.approx((40 * (number + 1),) * 3, abs=2)


def test_gif_is_never_quicker_than_viewers_show(frames: torch.Tensor) -> None:
    with Image.open(io.BytesIO(gif_bytes(frames, fps=200))) as picture:
        assert picture.info["duration"] == 20


def test_mp4_holds_every_frame_and_says_nothing(frames: torch.Tensor, capfd: pytest.CaptureFixture[str]) -> None:
    import kinema.data.read_pyav  # noqa: F401 - hands FFmpeg's messages to the terminal

    with av.open(io.BytesIO(mp4_bytes(frames, fps=6.25))) as container:
        (stream,) = container.streams.video
        assert float(stream.average_rate) == 6.25
        shown = [int(frame.to_ndarray(format="rgb24")[20, 20, 0]) for frame in container.decode(stream)]
    assert shown == pytest.approx([40, 80, 120, 160, 200], abs=3)
    assert capfd.readouterr() == ("", "")
