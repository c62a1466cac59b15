"""Optical flow on disk, beside the videos it was made of, and read again at the frames of a clip.

```
flow/
  flow.json              how it was made, and for which videos: their paths below a common folder, and their sizes
  train/run/a.mp4.zip    one archive a video, at the video's own path
    video.json           the video's frames, and the fields' size
    u/00000.png ...      the flow from frame 0 to frame 1, to the right; v/ down
```

Grey values 0 to 255 stand for -bound to bound pixels (128 for none), as in the JPEG folders of IIC and two-stream
networks. PNG keeps every value where JPEG would blur the edges of motion, and an archive gives any field at once
without a file for each: a data set of ten thousand videos has two million fields. A finished archive gets its name
last, so what has the name is whole. Letters: L frames of a video, H x W pixels.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kinema.archive import check_parts
from kinema.atomic import replacing, unfinished
from kinema.data.fitting import fitted_size
from kinema.data.reader import Reader
from kinema.data.skip import absolute
from kinema.data.store import source_bytes
from kinema.data.store_format import leads_out
from kinema.data.video import Video
from kinema.errors import FlowError, UsageError
from kinema.json_file import parsed, read_json

MANIFEST = "flow.json"
IN_ARCHIVES = (struct.error, zipfile.BadZipFile, zlib.error)
FORMAT = 1


@dataclass(frozen=True)
class Making:
    """How flow was made; what differs in any of it does not compare."""

    algorithm: dict[str, Any]
    """Name and parameters, `kinema.data.flow.ALGORITHM`."""
    short_side: int
    """Shorter side, in pixels, of the frames that the flow was taken from; its unit is their pixel."""
    bound: float
    """Largest flow that is kept, in those pixels; longer ones are clipped."""

    def to_bytes(self, flow: Tensor) -> Tensor:
        """uint8 of a flow in pixels."""
        return ((flow.clamp(-self.bound, self.bound) + self.bound) * (255 / (2 * self.bound))).round().to(torch.uint8)


@dataclass(frozen=True)
class FlowFolder:
    """A folder that `kinema data flow` made."""

    folder: Path
    making: Making
    sizes: dict[str, int]
    """Bytes of each video at the time, by its path below the folder that held them all; 0 for a folder of frames."""

    def name(self, video: Video) -> str | None:
        """The video's name here: the longest end of its path that is one, so that a data set may have been moved."""
        parts = Path(absolute(video.path)).parts
        ends = ("/".join(parts[start:]) for start in range(1, len(parts)))
        return next((end for end in ends if end in self.sizes), None)

    def file(self, video: Video) -> Path:
        """Where the video's flow is.

        Raises:
            UsageError: there is none, or it was made of another video.
        """
        name = self.name(video)
        if name is None:
            raise UsageError(
                f"{self.folder} holds flow of other videos, none of {video.path}: make it, kinema data flow DATA --out"
            )
        if self.sizes[name] != source_bytes(video.path):
            raise UsageError(
                f"{self.folder} holds flow of another {name}, of {self.sizes[name]} bytes and not the "
                f"{source_bytes(video.path)} of {video.path}: make it anew with kinema data flow"
            )
        return archive_path(self.folder, name)

    def finished(self) -> int:
        """How many videos have their flow; of those that could not be read there is none."""
        return sum(archive_path(self.folder, name).is_file() for name in self.sizes)

    def require(self, videos: Iterable[Video]) -> None:
        """Raise UsageError unless there is flow for each of the videos."""
        for video in videos:
            if not self.file(video).is_file():
                raise UsageError(
                    f"{self.folder} is unfinished, it has no flow for {video.path}: the same kinema data flow goes on"
                )

    def fields(
        self, video: Video, reader: Reader, indices: Tensor, size: tuple[int, int], components: str = "v"
    ) -> Tensor:
        """uint8 [*indices.shape, H, W, len(components)]: where each frame's points go in its successor.

        Components are u, to the right, and v, down. `size` is (H, W); if it is not the stored fields' own, the fields
        are resized, and their unit stays the stored ones' pixel. The last frame has no successor and takes the field
        before it, as residuals do by default.

        Raises:
            UsageError: the flow is not of a video of this length or shape.
            FlowError: the flow is damaged.
        """
        path = self.file(video)
        with opened(path) as archive:
            made = Made(**parsed(archive.read("video.json").decode()))
            wanted = Made(reader.num_frames, *fitted_size(reader.height, reader.width, self.making.short_side))
            if made != wanted:
                raise UsageError(
                    f"{path} is flow of {made}, but {video.path} has {wanted} at that short side: delete it, and "
                    "kinema data flow makes it anew"
                )
            numbers, place = torch.unique(indices.clamp(max=made.frames - 2), return_inverse=True)
            fields = torch.stack(
                [
                    torch.stack([field(archive, each, number, made) for each in components])
                    for number in numbers.tolist()
                ]
            )
        if fields.shape[2:] != size:
            fields = F.interpolate(fields, size=size, mode="bilinear", antialias=True)
        return fields.movedim(1, -1)[place]


@dataclass(frozen=True)
class Made:
    """What a video's flow was taken from."""

    frames: int
    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.frames} frames of {self.width} x {self.height} pixels"


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """A video's archive; what is wrong with it is a FlowError."""
    try:
        with zipfile.ZipFile(path) as archive:
            check_parts(archive, path)
            yield archive
    except (OSError, KeyError, RuntimeError, SyntaxError, TypeError, ValueError, EOFError, *IN_ARCHIVES) as problem:
        raise FlowError(
            f"{path}: flow cannot be read ({problem}): delete it, and kinema data flow makes it anew"
        ) from problem


def field(archive: zipfile.ZipFile, component: str, number: int, made: Made) -> Tensor:
    """uint8 [H, W]: the flow from frame `number` to the next, `component` u or v; raises ValueError if it is none."""
    from PIL import Image

    image = Image.open(io.BytesIO(archive.read(f"{component}/{number:05d}.png")), formats=("PNG",))
    if image.size != (made.width, made.height) or image.mode != "L":
        raise ValueError(f"{component}/{number:05d}.png is {image.size}, {image.mode}, and the field {made}")
    return torch.from_numpy(np.array(image))


def write_archive(path: Path, fields: Tensor) -> None:
    """Write a video's flow, uint8 [L - 1, 2, H, W]; the file gets its name once it is on the disk.

    Raises:
        UsageError: it cannot be written.
    """
    from PIL import Image

    made = Made(len(fields) + 1, fields.shape[2], fields.shape[3])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, half=unfinished(path)) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(zipfile.ZipInfo("video.json"), json.dumps(asdict(made)))  # ZipInfo: without the time
            for number, pair in enumerate(fields.numpy()):
                for component, plane in zip("uv", pair, strict=True):
                    png = io.BytesIO()
                    Image.fromarray(plane).save(png, format="PNG")
                    archive.writestr(zipfile.ZipInfo(f"{component}/{number:05d}.png"), png.getvalue())
    except OSError as problem:
        raise UsageError(f"{path} cannot be written ({problem.strerror}): free space or use another --out") from problem


def open_folder(folder: str | Path) -> FlowFolder:
    """The folder that `kinema data flow` made.

    Raises:
        UsageError: it is none, or damaged, or of another version.
    """
    path = Path(folder) / MANIFEST
    try:
        content = read_json(path)
        if content["format"] != FORMAT:
            raise UsageError(
                f"{path} has format {content['format']}, not {FORMAT}: make the flow anew, kinema data flow DATA --out "
                "with another folder"
            )
        making = Making(content["algorithm"], int(content["short_side"]), float(content["bound"]))
        sizes = {name: int(size) for name, size in content["videos"].items()}
        outside = next((name for name in sizes if leads_out(name)), None)
        if outside is not None:
            raise ValueError(f"it names {outside[:100]!r}")
        return FlowFolder(Path(folder), making, sizes)
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{folder} holds no flow, it has no {MANIFEST}: make it with kinema data flow") from None
    except (OSError, KeyError, OverflowError, TypeError, ValueError, AttributeError) as problem:
        raise UsageError(
            f"{path} is damaged ({problem!r}): make the flow anew, kinema data flow DATA --out with another folder"
        ) from problem


def write_manifest(flow: FlowFolder) -> None:
    """Write `flow.json`, whole or not at all."""
    content = {"format": FORMAT, **asdict(flow.making), "videos": flow.sizes}
    partial = flow.folder / f"{MANIFEST}.partial"
    partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    partial.replace(flow.folder / MANIFEST)


def archive_path(folder: Path, name: str) -> Path:
    """Where the flow of a video of this name is."""
    return folder / f"{name}.zip"
