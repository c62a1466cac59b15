"""Frames as pictures inside the page. Letters: T frames, S pixels a side."""

from __future__ import annotations

import base64
import io

import torch
from PIL import Image
from torch import Tensor

from kinema.visualise.page import text

_QUALITY = 88  # of JPEG: no visible loss at a third of PNG's size


def spread(count: int, total: int) -> list[int]:
    """At most `count` different numbers in [0, total), evenly spaced, the first and the last among them."""
    if count >= total:
        return list(range(total))
    if count == 1:
        return [0]
    return [round(i * (total - 1) / (count - 1)) for i in range(count)]


def strip(frames: Tensor, *, count: int, side: int) -> Tensor:
    """Some frames of uint8 [T, S, S, 3] side by side, uint8 [height, width, 3]: evenly spaced, first to last.

    Frames are reduced to `side` pixels, never enlarged; two pixels of grey part them.
    """
    shown = [_reduced(frames[number], side) for number in spread(count, len(frames))]
    gap = torch.full((shown[0].shape[0], 2, 3), 140, dtype=torch.uint8)
    pieces = [piece for frame in shown for piece in (gap, frame)][1:]
    return torch.cat(pieces, dim=1)


def img(pixels: Tensor, alt: str) -> str:
    """An <img> that holds uint8 [height, width, 3] itself, as JPEG; `alt` is plain text."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.contiguous().numpy()).save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    content = base64.b64encode(buffer.getvalue()).decode()
    height, width = pixels.shape[:2]
    return f'<img src="data:image/jpeg;base64,{content}" width="{width}" height="{height}" alt="{text(alt)}">'


def _reduced(frame: Tensor, side: int) -> Tensor:
    height, width = frame.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return frame
    image = Image.fromarray(frame.contiguous().numpy())
    small = image.resize((round(width * scale), round(height * scale)), Image.Resampling.LANCZOS)
    return torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8).view(small.height, small.width, 3)
