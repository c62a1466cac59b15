"""Opening a video with the best decoder at hand.

`auto` takes the first of PyAV, torchcodec and OpenCV that works on this machine; the environment variable
KINEMA_DECODER names another choice for `auto`. All of them return the same frames (`kinema.data.reader`). PyAV comes
first because it is as fast as torchcodec (benchmarks/RESULTS.md) and the only one that says when a frame is damaged:
the others may read a file once PyAV has decoded all of it without finding any damage. Some files they would miscount or
convert differently (AVI with B-frames, as in UCF101; interlaced or 10-bit video): asking for them is an error then.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from pathlib import Path

from kinema.data import store
from kinema.data.container import refuse_non_video
from kinema.data.limit import limited
from kinema.data.reader import Reader
from kinema.errors import UsageError, nearest

DECODERS = ("pyav", "torchcodec", "opencv")
"""All decoders, the preferred one first."""

_INSTALL = {"torchcodec": "torchcodec", "pyav": "av", "opencv": "opencv-python-headless"}


def open_video(path: str | Path, decoder: str = "auto", *, threads: int = 1) -> Reader:
    """Open a video file, a folder of images, or a video in a packed store.

    `decoder` is auto, pyav, torchcodec or opencv; `threads` is the number of decoding threads, 0 for as many as the
    decoder likes. Raises DataError, one line that names the file, when it is missing, empty, truncated, audio only, a
    still image or otherwise not a video; UsageError for a decoder that is unknown or not installed. How long it may
    take, `kinema.data.limit` says.
    """
    path = Path(path)
    with limited(path):
        return _opened(path, decoder, threads)


def _opened(path: Path, decoder: str, threads: int) -> Reader:
    if not path.exists():
        if packed := store.find(path):
            return packed[0].reader(packed[1])
    elif path.is_dir():
        from kinema.data.read_frames import FrameFolderReader

        return FrameFolderReader(path)
    asked = os.environ.get("KINEMA_DECODER", "auto") if decoder == "auto" else decoder
    name = _choose(asked)
    refuse_non_video(path)
    if name == "opencv":
        from kinema.data.read_opencv import OpenCVReader

        return OpenCVReader(path, threads=threads)
    if name == "torchcodec":
        from kinema.data.read_torchcodec import TorchcodecReader

        return TorchcodecReader(path, threads=threads)
    from kinema.data.read_pyav import PyAVReader

    return PyAVReader(path, threads=threads)


def check_decoder() -> None:
    """Raise UsageError if KINEMA_DECODER asks for a decoder that cannot be used here."""
    _choose(os.environ.get("KINEMA_DECODER", "auto"))


def _choose(name: str) -> str:
    if name == "auto":
        for known in DECODERS:
            if not why_not(known):
                return known
        raise UsageError("no video decoder works on this machine; install one: pip install av")
    if name not in DECODERS:
        raise UsageError(f"unknown decoder '{name}': {nearest(name, ['auto', *DECODERS])}")
    if why_not(name):
        raise UsageError(f"decoder '{name}' does not work here ({why_not(name)}); pip install {_INSTALL[name]}")
    return name


@cache
def why_not(decoder: str) -> str:
    """Why one of `DECODERS` cannot be used on this machine; "" if it can."""
    modules = {"torchcodec": ("av", "torchcodec.decoders"), "pyav": ("av",), "opencv": ("av", "cv2")}[decoder]
    try:
        for module in modules:
            import_module(module)
    except (ImportError, OSError, RuntimeError) as error:  # torchcodec raises the last two without FFmpeg's libraries
        return " ".join(str(error).split())[:200] or type(error).__name__
    return ""
