"""A corpus of broken videos: some 300 made here, and as many again from real clips where there are any.

    spoilt     ordinary videos and real clips, struck by what `mutations` lists
    readable   whole videos out of the ordinary, which have to be read
    strange    what may be read or refused, if it is not read wrongly
    refused    what is no video

All of it is the same at every run.
"""

from __future__ import annotations

import os
import socket
import struct
import wave
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import corpus_odd
import mutations
from corpus_made import ORDINARY, Make
from PIL import Image

READ, REFUSE, EITHER = "read", "refuse", "either"

REAL = {
    "ucf biking.avi": "ucf101_samples/clips/Biking/v_Biking_g06_c03.avi",
    "ucf makeup.avi": "ucf101_samples/clips/ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c02.avi",
    "ucf rowing.avi": "ucf101_samples/clips/Rowing/v_Rowing_g16_c03.avi",
    "hmdb pour.avi": "hmdb51_samples/clips/pour/KOREAN_TEA_CEREMONY_-_Simple_Demo_pour_u_nm_np1_fr_med_0.avi",
    "mocap walk.mp4": "mocap15/walk",
    "asl A.mp4": "asl18/clips/A",
    "weizmann wave.mp4": "weizmann9/clips/wave1",
    "fight.mp4": "fight2/clips/fight",
}
"""Real clips: a file, or a folder whose first clip it is."""


@dataclass(frozen=True)
class Case:
    """One file of the corpus."""

    name: str
    """The file's name."""
    sort: str
    """spoilt, real, readable, strange or refused."""
    fate: str
    """`READ`, `REFUSE` or `EITHER`."""
    make: Make
    """Writes it."""


def corpus(real: Path | None, sources: Path) -> list[Case]:
    """All cases; those of real clips where `real`, a folder, is given. `sources` is for the videos to be spoilt."""
    cases = [Case(name, "readable", READ, make) for name, make in (ORDINARY | corpus_odd.READABLE).items()]
    cases += [Case(name, "strange", EITHER, make) for name, make in corpus_odd.STRANGE.items()]
    cases += [Case(name, "refused", REFUSE, make) for name, make in (corpus_odd.REFUSED | NO_VIDEO).items()]
    for name, make in ORDINARY.items():
        path = sources / name
        if not path.exists():
            make(path)
        cases += spoilt(path, "spoilt", structured=name in ("h264.mp4", "mpeg4.avi", "h264.mkv"))
    for name, place in REAL.items() if real else ():
        path = real / place
        cases += spoilt(min(path.iterdir()) if path.is_dir() else path, "real", structured=False, name=name)
    return cases


def spoilt(path: Path, sort: str, *, structured: bool, name: str = "") -> Iterator[Case]:
    """A video struck by each of the blind mutations, and by those that know its container."""
    data, stem, suffix = path.read_bytes(), Path(name or path.name).stem, path.suffix
    known = {".mp4": mutations.MP4, ".avi": mutations.AVI, ".mkv": mutations.MATROSKA}[suffix] if structured else {}
    for what, change in (mutations.BLIND | known).items():
        yield Case(f"{stem}, {what}{suffix}", sort, EITHER, partial(strike, data, change, f"{stem}, {what}"))


def strike(data: bytes, change: mutations.Mutation, seed: str, path: Path) -> None:
    """Write a mutation of a video's bytes."""
    path.write_bytes(change(data, Random(seed)))


def text(content: str) -> Make:
    return lambda at: at.write_text(content)


def image(kind: str, frames: int = 1) -> Make:
    pictures = [Image.new("RGB", (64, 64), (30 * number, 90, 0)) for number in range(frames)]
    return lambda at: pictures[0].save(at, format=kind, **({"save_all": True} if frames > 1 else {}))


def zipped(at: Path) -> None:
    with zipfile.ZipFile(at, "w") as archive:
        archive.writestr("frame.txt", "no frame" * 500)


def wav(at: Path) -> None:
    with wave.open(str(at), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(8000))


def sparse(at: Path) -> None:
    """64 MB of nothing behind the head of an MP4 that promises 2^62 bytes."""
    with at.open("wb") as file:
        file.write(struct.pack(">I4sQ", 1, b"mdat", 1 << 62))
        file.truncate(1 << 26)


def folder(at: Path) -> None:
    (at / "inner").mkdir(parents=True)
    (at / "inner" / "notes.txt").write_text("nothing here")


def listening(at: Path) -> None:
    """A socket; its name has to be short, so that it is made from inside its folder."""
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(at.parent)
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(at.name)
    finally:
        os.fchdir(here)
        os.close(here)


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-VERSION:3\n#EXTINF:9,\n{}\n"

NO_VIDEO: dict[str, Make] = {
    "empty.mp4": Path.touch,
    "empty.avi": Path.touch,
    "text.mp4": text("this is no video\n" * 100),
    "text.avi": text("RIFF and AVI are mentioned, no more\n"),
    "web page.mp4": text("<!DOCTYPE html><html><body>404 Not Found</body></html>\n"),
    "record.mp4": text('{"error": "video unavailable"}\n'),
    "subtitles.mkv": text("1\n00:00:00,000 --> 00:00:02,000\nhello\n\n2\n00:00:02,000 --> 00:00:04,000\nyou\n"),
    "pointer.mp4": text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n"),
    "noise.mp4": lambda at: at.write_bytes(Random("noise").randbytes(20_000)),
    "zip.mp4": zipped,
    "sound.mkv": wav,
    "pdf.mp4": lambda at: at.write_bytes(b"%PDF-1.7\n" + Random("pdf").randbytes(4000)),
    "program.mp4": lambda at: at.write_bytes(b"\x7fELF\x02\x01\x01" + Random("elf").randbytes(4000)),
    "png.mp4": image("PNG"),
    "jpeg.mp4": image("JPEG"),
    "bmp.avi": image("BMP"),
    "webp.mp4": image("WEBP"),
    "tiff.mp4": image("TIFF"),
    "still.gif": image("GIF"),
    "playlist.mp4": text(PLAYLIST.format("h264.ts") + "#EXT-X-ENDLIST\n"),
    "playlist without an end.mp4": text(PLAYLIST.format("h264.ts")),
    "playlist of nothing.mp4": text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n"),
    "playlist of the web.mp4": text(PLAYLIST.format("http://127.0.0.1:9/a.ts") + "#EXT-X-ENDLIST\n"),
    "files one after the other.mp4": text("ffconcat version 1.0\nfile h264.mp4\nfile h264.mp4\n"),
    "a call.mp4": text("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
                       "a=rtpmap:96 H264/90000\n"),
    "gigantic and empty.mp4": sparse,
    "folder.mp4": folder,
    "empty folder.avi": Path.mkdir,
    "pipe.mp4": os.mkfifo,
    "socket.mp4": listening,
    "link to nothing.mp4": lambda at: at.symlink_to("nothing.mp4"),
    "link to itself.mp4": lambda at: at.symlink_to(at.name),
    "link to zeros.mp4": lambda at: at.symlink_to("/dev/zero"),
    "link to the terminal.mp4": lambda at: at.symlink_to("/dev/tty"),
    "link to nowhere.mp4": lambda at: at.symlink_to("/dev/null"),
    "link to a pipe.mp4": lambda at: (os.mkfifo(at.with_suffix(".pipe")), at.symlink_to(at.with_suffix(".pipe").name)),
}  # fmt: skip
"""What is no video under a video's name."""
