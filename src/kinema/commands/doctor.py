"""`kinema doctor`: what this machine has, and what is wrong with it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from kinema import __version__
from kinema.errors import UsageError

PACKAGES = (
    *("torch", "numpy", "av", "torchcodec", "opencv-python-headless", "opencv-contrib-python-headless"),
    *("simplejpeg", "numba", "matplotlib", "scikit-learn", "tensorboard"),
)


def main(verb: str, argv: list[str]) -> int:
    """Print the findings; 1 if something that kinema needs does not work."""
    if argv and argv[0] in ("-h", "--help"):
        print("usage: kinema doctor\n\nVersions, decoders, devices, memory and disk, and what is wrong with them.")
        return 0
    if argv:
        raise UsageError(f"kinema doctor takes no arguments, but got '{argv[0]}'")
    import torch

    print(f"kinema {__version__}, Python {platform.python_version()} at {sys.prefix}, {platform.platform()}")
    for name in PACKAGES:
        print(f"  {name:31} {installed(name)}")
    works = decoders()
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    print(
        f"devices: {', '.join(gpus) or 'no GPU'}; {os.cpu_count()} CPU cores, {torch.get_num_threads()} torch threads"
    )
    disk = shutil.disk_usage(Path.cwd()).free / 1e9
    print(f"disk: {disk:.1f} GB free here")
    shared = Path("/dev/shm")
    if shared.is_dir():
        print(f"shared memory for reading processes: {shutil.disk_usage(shared).free / 1e9:.1f} GB free")
    problems = [] if works else ["no video decoder works: pip install av"]
    if disk < 1:
        problems.append("less than 1 GB of disk is free: checkpoints may not fit")
    print("\n".join(f"problem: {problem}" for problem in problems) or "nothing is wrong")
    return 1 if problems else 0


def installed(name: str) -> str:
    """A package's version."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def decoders() -> bool:
    """Try each decoder on a video made on the spot; True if one of them works."""
    import torch

    from kinema.data.decode import DECODERS, open_video, why_not
    from kinema.data.synthetic import write_video

    frames = (torch.rand(8, 32, 32, 3) * 255).to(torch.uint8)
    works = False
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "probe.mp4"
        write_video(path, frames)
        for name in DECODERS:
            trouble = why_not(name)
            if not trouble:
                with open_video(path, name) as reader:
                    right = reader.num_frames == len(frames) and len(reader.at([7, 0])) == 2
                trouble = "" if right else "reads a test video wrongly"
            works = works or not trouble
            print(f"  decoder {name:16} {trouble or 'works'}")
    return works
