"""Files of which PyAV has decoded every frame, for the decoders that hand out damaged ones without a word."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from av.video.frame import VideoFrame

from kinema.data.read_pyav import PyAVReader
from kinema.data.reader import UnsuitableFile
from kinema.data.survey import Survey, survey


def verified(path: Path, decoder: str) -> Survey:
    """The survey of a file that is whole. It is decoded once a process, from end to end, and again if it has changed.

    Raises:
        DataError: it is no video, or some frame is damaged.
        UnsuitableFile: other decoders than PyAV convert it differently.
    """
    found = survey(path)
    status = path.stat()
    reason = _peculiarity(str(path), status.st_mtime_ns, status.st_size) if is_text(path) else "its name is no UTF-8"
    if reason:
        raise UnsuitableFile(f"{path}: not for {decoder}, as {reason}; use the decoder 'pyav' or 'auto'")
    return found


def is_text(path: Path) -> bool:
    """Whether a path can be handed to others: OpenCV crashes at one that is not UTF-8."""
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        return False
    return True


@lru_cache(maxsize=2**16)
def _peculiarity(path: str, changed: int, size: int) -> str:
    """What other decoders get wrong or convert differently in a file of this time and size; "" for most files."""
    with PyAVReader(Path(path)) as reader:
        found = next(filter(None, map(peculiarity, reader.frames())), "")
        return found or ("" if reader.seeks() else "its index does not tell where its frames are")


def peculiarity(frame: VideoFrame) -> str:
    """What about a frame other decoders get wrong; "" for most."""
    if frame.interlaced_frame:
        return "it is interlaced"
    deepest = max(component.bits for component in frame.format.components)
    return f"it has {deepest} bits per colour" if deepest > 8 else ""
