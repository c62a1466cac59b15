"""A folder of images as a video: each image a frame, in natural order (2 before 10)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kinema.data.container import refuse_irregular
from kinema.data.reader import Reader
from kinema.errors import DataError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})
"""Files with these endings are frames; others in the folder are not looked at."""


def natural(name: str) -> list[tuple[int, str]]:
    """A sort key by which numbers in names count as numbers."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def is_image(name: str) -> bool:
    """True for the name of a frame; hidden files are none."""
    return not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES


def frame_files(folder: Path) -> list[Path]:
    """The images of a folder in natural order."""
    return sorted((file for file in folder.iterdir() if is_image(file.name)), key=lambda file: natural(file.name))


class FrameFolderReader(Reader):
    """Frames read with Pillow; all must have the first one's size. The rate is unknown, `fps` is 0."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = frame_files(path)
        if not self._files:
            raise DataError(f"{path}: a folder without frames (looked for {', '.join(sorted(IMAGE_SUFFIXES))})")
        self.num_frames = len(self._files)
        self.fps = 0.0
        self.height, self.width = _pixels(self._files[0]).shape[:2]

    def _read(self, ascending: list[int]) -> Tensor:
        out = torch.empty(len(ascending), self.height, self.width, 3, dtype=torch.uint8)
        for row, index in enumerate(ascending):
            pixels = _pixels(self._files[index])
            if pixels.shape != (self.height, self.width, 3):
                height, width = pixels.shape[:2]
                raise DataError(
                    f"{self._files[index]}: {width}x{height} pixels, but the first frame has {self.width}x{self.height}"
                )
            out[row] = torch.from_numpy(pixels)
        return out

    def close(self) -> None:
        """No file is held open."""


def read_still(file: Path) -> Tensor:
    """uint8 [H, W, 3]: a picture as a person sees it, turned as a camera says that it was held.

    Raises:
        DataError: it cannot be read.
    """
    return torch.from_numpy(_pixels(file, upright=True))


def _pixels(file: Path, *, upright: bool = False) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    from PIL import Image, ImageOps

    refuse_irregular(file)
    try:
        with Image.open(file) as image:
            return np.array((ImageOps.exif_transpose(image) if upright else image).convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{file}: this frame cannot be read ({_one_line(error)})") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
