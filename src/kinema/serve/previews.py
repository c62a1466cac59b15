"""Small pictures of clips, still and moving, as WebP; made once and kept.

vectors/previews/3f/3f0c...-9a1b....still.webp      one frame
vectors/previews/3f/3f0c...-9a1b....moving.webp     up to `FRAMES`
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from kinema.atomic import write_bytes
from kinema.data.decode import open_video
from kinema.serve.apart import apart
from kinema.serve.collection import Clip
from kinema.serve.files import Files
from kinema.visualise.pictures import spread

FRAMES = 24
SIDE = 224
"""Pixels of the longer side, at most."""
QUALITY = 70
SHORTEST, LONGEST = 40, 160
"""Milliseconds of a frame: short clips at their own speed, long ones quicker."""


@dataclass(frozen=True)
class Pictures:
    """One clip's."""

    still: bytes
    moving: bytes


class Previews:
    """The pictures of a collection's clips, kept in a folder."""

    def __init__(self, files: Files, folder: Path) -> None:
        self.files = files
        self.folder = folder

    def kept(self, clip: Clip, kind: str) -> Path:
        """Where a clip's picture is, or will be: another place once its file has changed.

        Raises:
            DataError: the clip's file may not be shown, or is gone.
        """
        path = self.files.path(clip)
        told = path.stat() if path.exists() else None  # None: in a packed store
        state = f"{told.st_size} {told.st_mtime_ns}" if told else ""
        digest = hashlib.sha256(f"{clip.path}\n{state}".encode(errors="surrogateescape")).hexdigest()[:16]
        return self.folder / clip.id[:2] / f"{clip.id}-{digest}.{kind}.webp"

    def make(self, clip: Clip) -> None:
        """Read the clip and keep its pictures.

        Raises:
            DataError: it cannot be read in time, or at all.
        """
        found = apart(
            partial(pictures, span=(clip.start, clip.end)), self.files.path(clip), called=Path(clip.path).name
        )
        self.keep(clip, "moving", found.moving)
        self.keep(clip, "still", found.still)

    def keep(self, clip: Clip, kind: str, content: bytes) -> None:
        """Keep a picture of a clip."""
        write_bytes(self.kept(clip, kind), content)


def pictures(path: str, span: tuple[float, float]) -> Pictures:
    """Pictures of a stretch of a video, from one second to another; frames where the rate is not known."""
    with open_video(path) as reader:
        rate = reader.fps if reader.fps > 0 else 1.0
        first = min(max(round(span[0] * rate), 0), reader.num_frames - 1)
        after = min(max(round(span[1] * rate), first + 1), reader.num_frames)
        numbers = [first + place for place in spread(FRAMES, after - first)]
        frames = reader.at(numbers)  # [T, H, W, 3]
    lasts = 1000 * (after - first) / (len(numbers) * (reader.fps if reader.fps > 0 else 10.0))
    return Pictures(webp(frames[len(frames) // 2][None], 0), webp(frames, lasts))


def webp(frames: Tensor, milliseconds: float) -> bytes:
    """uint8 [T, H, W, 3] as a WebP that repeats, reduced to `SIDE` pixels."""
    images = [reduced(frame) for frame in frames]
    lasts = round(min(max(milliseconds, SHORTEST), LONGEST))
    buffer = io.BytesIO()
    moving = {"save_all": True, "append_images": images[1:], "duration": lasts, "loop": 0} if len(images) > 1 else {}
    images[0].save(buffer, "WEBP", quality=QUALITY, method=2, **moving)
    return buffer.getvalue()


def reduced(frame: Tensor) -> Image.Image:
    """A frame uint8 [H, W, 3], no side longer than `SIDE`."""
    image = Image.fromarray(frame.to(torch.uint8).contiguous().numpy())
    image.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
    return image
