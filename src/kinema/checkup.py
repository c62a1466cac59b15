"""What `kinema doctor` looks at: each function looks at one thing, and says what it is and what is wrong with it."""

from __future__ import annotations

import math
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from kinema import limits
from kinema.errors import UsageError

IMPORTED_AS = {"pillow": "PIL"}
"""Required packages whose module has another name."""
SHARED = Path("/dev/shm")
"""Where reading processes put batches, on Linux."""
GB = 1e9
ROOM = 1 * GB
"""Of disk: a checkpoint is written beside the one that it replaces."""
SHARED_ROOM = 0.4 * GB
"""Of shared memory: eight reading processes need a little more for batches of eight clips of 32 x 171 x 128."""
MEMORY_ROOM = 2 * GB
FILES = 1024
"""Open files: reading processes hand over memory as files, of which each keeps a few open."""


@dataclass
class Findings:
    """What was found about one thing; each line for people, each with what to do where something is to be done."""

    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What does not work, or will not."""
    advice: list[str] = field(default_factory=list)
    """What works, and could do better."""


def packages() -> Findings:
    """The packages that kinema needs or can use, and whether those that it needs are there and can be imported."""
    found = Findings()
    for name, wanted, extra in requirements():
        try:
            here = version(name)
        except PackageNotFoundError:
            here = ""
        if extra == "dev" and not here:
            continue
        how = f"pip install 'kinema[{extra}]'" if extra else f"pip install '{name}{wanted}'"
        found.lines.append(f"  {name:31} {here or f'not installed ({how})'}")
        if here and not fits(here, wanted):
            found.problems.append(f"{name} is {here}, and kinema needs {wanted}: pip install '{name}{wanted}'")
        elif not extra and (why := import_trouble(IMPORTED_AS.get(name, name))):
            found.problems.append(f"{name} cannot be imported ({why}): pip install --force-reinstall '{name}{wanted}'")
    return found


def requirements() -> Iterator[tuple[str, str, str]]:
    """(package, its versions, the extra that it belongs to or ""), as installed kinema has them; each package once."""
    seen = set()
    for line in requires("kinema") or []:
        match = re.match(r"([\w.-]+)(?:\[[\w,-]+\])?\s*([^;]*)(?:;.*extra\s*==\s*[\"']([\w-]+)[\"'])?", line)
        if match and match[1] not in seen:
            seen.add(match[1])
            yield match[1], match[2].strip(), match[3] or ""


def fits(here: str, wanted: str) -> bool:
    """Whether a version is one of those wanted, such as ">=2.11,<3"."""
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(wanted).contains(here, prereleases=True)


def import_trouble(module: str) -> str:
    """Why a module cannot be imported; "" if it can."""
    try:
        import_module(module)
    except (ImportError, OSError) as problem:  # a library that is not found is an OSError
        return " ".join(str(problem).split())[:200]
    return ""


def decoders() -> Findings:
    """Each decoder tried on a video made on the spot, and which one `auto` takes."""
    import torch

    from kinema.data.decode import DECODERS, check_decoder, open_video, why_not
    from kinema.data.synthetic import write_video

    found, works = Findings(), []
    frames = (torch.rand(8, 32, 32, 3, generator=torch.Generator().manual_seed(0)) * 255).to(torch.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "probe.mp4"
        write_video(path, frames)
        for name in DECODERS:
            trouble = why_not(name)
            if not trouble:
                with open_video(path, name) as reader:
                    right = reader.num_frames == len(frames) and len(reader.at([7, 0])) == 2
                trouble = "" if right else "reads a test video wrongly"
            if not trouble:
                works.append(name)
            elif name == "torchcodec" and installed("torchcodec"):
                found.advice.append(
                    f"torchcodec is installed and does not work ({trouble}): install FFmpeg's libraries, as with "
                    "apt-get install ffmpeg, or do without it, as PyAV reads everything"
                )
            found.lines.append(f"  decoder {name:23} {trouble or 'works'}")
    if not works:
        found.problems.append("no video decoder works: pip install --force-reinstall av")
        return found
    asked = os.environ.get("KINEMA_DECODER", "auto")
    try:
        check_decoder()
    except UsageError as problem:
        found.problems.append(f"KINEMA_DECODER: {problem}, or unset KINEMA_DECODER")
    else:
        taken = works[0] if asked == "auto" else f"{asked} (KINEMA_DECODER)"
        found.lines.append(f"  decoder taken                   {taken}")
    return found


def installed(name: str) -> bool:
    """Whether a package is installed."""
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def devices() -> Findings:
    """Each GPU with its memory and whether it computes, or why there is none."""
    import torch

    from kinema.precision import has_bf16

    found = Findings()
    for number in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(number)
        bf16 = "bf16" if about.major >= 8 else "no bf16"
        found.lines.append(f"device cuda:{number}: {about.name}, {about.total_memory / GB:.1f} GB, {bf16}")
        try:
            place = torch.device("cuda", number)
            torch.nn.functional.conv3d(torch.ones(1, 3, 4, 8, 8, device=place), torch.ones(2, 3, 3, 3, 3, device=place))
            torch.cuda.synchronize(number)
        except RuntimeError as problem:
            why = str(problem).partition("\n")[0]
            found.problems.append(f"cuda:{number} does not compute ({why}): install a torch built for {about.name}")
    if found.lines:
        return found
    bf16 = ", bf16" if has_bf16() else ""
    found.lines.append(f"device: CPU{bf16}, no GPU (torch {torch.__version__})")
    if Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi"):
        if torch.version.cuda is None:
            found.advice.append("an NVIDIA driver is here, but torch is built for CPUs: install one built for CUDA")
        elif os.environ.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1"):
            found.advice.append("CUDA_VISIBLE_DEVICES hides the GPU: unset it to train on it")
        else:
            found.problems.append(
                f"torch is built for CUDA {torch.version.cuda} and finds no GPU: update the NVIDIA driver, or start "
                "the container with its GPUs (docker run --gpus all)"
            )
    return found


def processors() -> Findings:
    """Cores, those of them that may be used, and torch's threads."""
    import torch

    seen, usable, threads = os.cpu_count() or 1, limits.usable_cores(), torch.get_num_threads()
    found = Findings()
    setting = os.environ.get("OMP_NUM_THREADS", "not set")
    found.lines.append(
        f"processors: {seen} cores, {usable:g} may be used; torch threads {threads}, OMP_NUM_THREADS {setting}"
    )
    cores = max(1, math.ceil(usable))
    if threads > cores:
        found.advice.append(f"torch has {threads} threads for {usable:g} cores: set OMP_NUM_THREADS={cores}")
    return found


def memory() -> Findings:
    """Main memory and shared memory."""
    found = Findings()
    total, available = limits.memory()
    limit = limits.memory_limit()
    if total:
        of_group = f", of which this container may use {limit / GB:.1f} GB" if limit is not None else ""
        found.lines.append(f"memory: {total / GB:.1f} GB{of_group}; {available / GB:.1f} GB available")
        if (room := min(available, limit or available)) < MEMORY_ROOM:
            found.advice.append(f"{room / GB:.1f} GB of memory is little: end other programs, or lower --train.workers")
    if SHARED.is_dir():
        shared = shutil.disk_usage(SHARED)
        found.lines.append(
            f"shared memory for reading processes: {shared.free / GB:.2f} GB free of {shared.total / GB:.2f} GB"
        )
        if shared.free < SHARED_ROOM:
            found.problems.append(
                f"{SHARED} has {shared.free / 1e6:.0f} MB free, too little for reading processes: enlarge it (docker "
                "run --shm-size 8g), or give --train.workers 0"
            )
    return found


def storage() -> Findings:
    """Room where runs are kept by default, with the features that evaluation keeps in them, and for temporary files."""
    found = Findings()
    here = Path.cwd()
    places = {"runs and what they keep": here / "runs" if (here / "runs").is_dir() else here}
    for use, path in (places | {"temporary files": Path(tempfile.gettempdir())}).items():
        free = shutil.disk_usage(path).free
        found.lines.append(f"disk for {use}: {free / GB:.1f} GB free in {path}")
        if free < ROOM:
            found.problems.append(f"{path} has {free / 1e6:.0f} MB of disk free: free some, or work on another disk")
        if not os.access(path, os.W_OK):
            found.problems.append(f"{path} cannot be written to: change to another folder, or give --out elsewhere")
    return found


def open_files() -> Findings:
    """How many files a process may have open."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = "unlimited" if soft == resource.RLIM_INFINITY else str(soft)
    found = Findings([f"open files a process: {limit}"])
    if limit != "unlimited" and soft < FILES:
        most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        found.problems.append(f"only {soft} files may be open, which reading processes use up: ulimit -n {most}")
    return found
