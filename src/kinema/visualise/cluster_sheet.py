"""A contact sheet of a cluster: members nearest its centre, and members farthest from it, as strips of frames."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from kinema.errors import UsageError
from kinema.visualise.pictures import strip

NEAREST, FARTHEST = 12, 4
"""Members of each kind that are shown."""
FRAMES = 3
"""Of each member."""
_COLUMNS = 4
_SIDE = 112  # pixels of a frame's longer side
_NARROWEST = 240  # pixels that a member takes, so that its name has room
_GAP, _LINE = 10, 17
_FONT = 12
_PAPER, _INK, _SOFT = "#ffffff", "#1d2125", "#5a636b"

T = TypeVar("T")


@dataclass(frozen=True)
class Shown:
    """A member."""

    frames: Tensor
    """uint8 [T, H, W, 3]."""
    name: str
    detail: str
    """A second line below the frames."""


def chosen(members: Sequence[T], videos: Sequence[str], count: int) -> list[T]:
    """The first `count` members, given nearest (or farthest) first, and the video that each is of.

    No video comes twice before each has come once, as neighbouring windows of a video look alike.
    """
    seen: set[str] = set()
    first: list[T] = []
    others: list[T] = []
    for member, video in zip(members, videos, strict=True):
        (others if video in seen else first).append(member)
        seen.add(video)
    return [*first, *others][:count]


def sheet_png(title: str, nearest: Sequence[Shown], farthest: Sequence[Shown]) -> bytes:
    """A PNG on white paper: under a heading the members nearest the centre, and under another, if any, the farthest."""
    font = text_font()
    parts = {"nearest the centre": nearest, "farthest from the centre": farthest}
    strips = {
        name: [(strip(each.frames, count=FRAMES, side=_SIDE), each) for each in part]
        for name, part in parts.items()
        if part
    }
    width = max(_NARROWEST, *(pixels.shape[1] for part in strips.values() for pixels, _ in part))
    blocks = [_block(name, part, width, font) for name, part in strips.items()]
    paper = Image.new("RGB", (blocks[0].width, _LINE + _GAP + sum(block.height for block in blocks)), _PAPER)
    ImageDraw.Draw(paper).text((_GAP, _GAP), fitted(title, paper.width - 2 * _GAP, font), _INK, font)
    top = _LINE + _GAP
    for block in blocks:
        paper.paste(block, (0, top))
        top += block.height
    buffer = io.BytesIO()
    paper.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _block(name: str, part: Sequence[tuple[Tensor, Shown]], width: int, font: ImageFont.FreeTypeFont) -> Image.Image:
    """A heading, and below it strips of at most `width` pixels with their captions, `_COLUMNS` a row."""
    rows = [part[at : at + _COLUMNS] for at in range(0, len(part), _COLUMNS)]
    heights = [max(pixels.shape[0] for pixels, _ in row) + 2 * _LINE + _GAP for row in rows]
    paper = Image.new("RGB", (_GAP + _COLUMNS * (width + _GAP), _GAP + _LINE + sum(heights)), _PAPER)
    draw = ImageDraw.Draw(paper)
    draw.text((_GAP, _GAP // 2), name, _SOFT, font)
    top = _GAP + _LINE
    for row, height in zip(rows, heights, strict=True):
        for left, (pixels, member) in zip(range(_GAP, paper.width, width + _GAP), row, strict=False):
            paper.paste(Image.fromarray(pixels.contiguous().numpy()), (left, top))
            below = top + pixels.shape[0]
            draw.text((left, below), fitted(member.name, width, font), _INK, font)
            draw.text((left, below + _LINE), fitted(member.detail, width, font), _SOFT, font)
        top += height
    return paper


def text_font() -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib and has the letters of most alphabets.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise UsageError("contact sheets are lettered with matplotlib's font: pip install 'kinema[plots]'") from None
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", _FONT)


def fitted(text: str, width: int, font: ImageFont.FreeTypeFont) -> str:
    """A line no wider than that many pixels; its beginning is left out, as paths differ at their ends."""
    line = "".join(sign if sign.isprintable() else "?" for sign in text)
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(f"…{line}") > width:
        line = line[1:]
    return f"…{line}"
