"""What can be told about a video file from its bytes, before any decoder is asked."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from kinema.errors import DataError

_STILL = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF")


def refuse_non_video(path: Path) -> None:
    """Raise DataError if `path` is missing, empty, no file, or a still image under whatever name."""
    if not path.exists():
        raise DataError(f"{path}: no such file")
    refuse_irregular(path)
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty (0 bytes)")
    kind = still_image(path)
    if kind:
        raise DataError(f"{path}: a still image ({kind}), not a video")


def refuse_irregular(path: Path) -> None:
    """Raise DataError for a pipe, a device or a socket: to open one may take for ever."""
    if not path.is_file():
        raise DataError(f"{path}: not a regular file")


def still_image(path: Path) -> str:
    """The image format of a file with exactly one picture, "" for anything else."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=_STILL) as image:
            if getattr(image, "n_frames", 1) == 1:
                return image.format or ""
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        return ""
    return ""


def is_cut(path: Path) -> bool:
    """True if an AVI, MP4/MOV or Matroska/WebM file ends inside one of its outermost parts: bytes are missing.

    Other containers do not announce their length; for them the answer is False.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] == b"RIFF":
            return _end_of_riff(file, size) > size
        if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            return _end_of_boxes(file, size) > size
        if head[:4] == b"\x1a\x45\xdf\xa3":
            return _end_of_ebml(file, size) > size
    return False


def _end_of_riff(file: BinaryIO, size: int) -> int:
    end = 0
    while end + 8 <= size:
        file.seek(end)
        head = file.read(8)
        if head[:4] != b"RIFF":
            break  # padding behind the last chunk
        length = int.from_bytes(head[4:], "little")
        end += 8 + length + length % 2
    return end - 1 if end == size + 1 else end  # the padding byte of an odd last chunk is often left out


def _end_of_boxes(file: BinaryIO, size: int) -> int:
    end = 0
    while end + 8 <= size:
        file.seek(end)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:  # 0: the box reaches to the end of the file
            return size
        end += length
    return end


def _end_of_ebml(file: BinaryIO, size: int) -> int:
    end = 0
    while end < size:
        file.seek(end)
        head = file.read(16)
        id_bytes = _vint_bytes(head[0])
        length_bytes = _vint_bytes(head[id_bytes]) if id_bytes < len(head) else 9
        if length_bytes > 8 or id_bytes + length_bytes > len(head):
            return size
        field = int.from_bytes(head[id_bytes : id_bytes + length_bytes], "big")
        length = field & ((1 << 7 * length_bytes) - 1)
        if length == (1 << 7 * length_bytes) - 1:  # a live recording: no length given
            return size
        end += id_bytes + length_bytes + length
    return end


def _vint_bytes(first: int) -> int:
    """Bytes of an EBML number, told by the leading zero bits of its first byte."""
    return 9 - first.bit_length()
