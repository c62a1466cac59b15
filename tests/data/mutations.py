"""What can happen to a video file: `bytes` in, `bytes` out, the same for the same random numbers.

The first table strikes any file blindly; the others know where MP4, AVI and Matroska keep what they promise.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

Mutation = Callable[[bytes, Random], bytes]


def cut(share: float) -> Mutation:
    """The end is missing, as after a download that broke off."""
    return lambda data, rng: data[: max(1, int(len(data) * share) - rng.randrange(8))]


def flip(start: float, end: float, bits: int) -> Mutation:
    """Single bits turned, somewhere between two places of the file."""

    def flipped(data: bytes, rng: Random) -> bytes:
        out = bytearray(data)
        for _ in range(bits):
            place = rng.randrange(int(len(data) * start), max(int(len(data) * start) + 1, int(len(data) * end)))
            out[place] ^= 1 << rng.randrange(8)
        return bytes(out)

    return flipped


def hole(share: float, size: int, fill: int | None) -> Mutation:
    """A block overwritten with one byte value, or with noise."""

    def with_hole(data: bytes, rng: Random) -> bytes:
        start = int(len(data) * share)
        width = min(size, len(data) - start)
        return data[:start] + (rng.randbytes(width) if fill is None else bytes([fill]) * width) + data[start + width :]

    return with_hole


def lost(share: float, size: int) -> Mutation:
    """A block left out, so that everything behind it has moved."""
    return lambda data, rng: data[: int(len(data) * share)] + data[int(len(data) * share) + size :]


def doubled(share: float, size: int) -> Mutation:
    """A block written twice."""
    return lambda data, rng: data[: int(len(data) * share) + size] + data[int(len(data) * share) :]


def swapped(data: bytes, rng: Random) -> bytes:
    """Two blocks of the second half changed places."""
    size = max(1, len(data) // 8)
    half = len(data) // 2
    return data[:half] + data[half + size : half + 2 * size] + data[half : half + size] + data[half + 2 * size :]


BLIND: dict[str, Mutation] = {
    "cut to a byte": lambda data, rng: data[:1],
    "cut to its name": lambda data, rng: data[:12],
    "cut at 3": cut(0.03),
    "cut at 30": cut(0.3),
    "cut at 60": cut(0.6),
    "cut at 90": cut(0.9),
    "cut by its last byte": lambda data, rng: data[:-1],
    "flip 1 in the head": flip(0, 0.02, 1),
    "flip 30 in the head": flip(0, 0.1, 30),
    "flip 1 in the middle": flip(0.3, 0.8, 1),
    "flip 30 in the middle": flip(0.3, 0.8, 30),
    "flip 2000 everywhere": flip(0.02, 1, 2000),
    "flip 5 at the end": flip(0.93, 1, 5),
    "zeros in the middle": hole(0.5, 700, 0),
    "ones in the middle": hole(0.4, 300, 255),
    "noise in the middle": hole(0.6, 500, None),
    "zeros at the start": hole(0, 64, 0),
    "zeros at the end": hole(0.9, 1 << 30, 0),
    "a block lost": lost(0.5, 333),
    "the start lost": lost(0, 100),
    "a block doubled": doubled(0.4, 500),
    "two blocks swapped": swapped,
    "garbage behind": lambda data, rng: data + rng.randbytes(5000),
    "itself behind": lambda data, rng: data + data,
    "all zeros": lambda data, rng: bytes(len(data)),
}


def written(name: bytes, offset: int, value: int, *, size: int = 4, order: str = ">", nth: int = 0) -> Mutation:
    """A number put so many bytes behind the end of a box's or chunk's name."""

    def put(data: bytes, rng: Random) -> bytes:
        at = -1
        for _ in range(nth + 1):
            at = data.index(name, at + 1)
        at += len(name) + offset
        letter = {1: "B", 2: "H", 4: "I", 8: "Q"}[size]
        return data[:at] + struct.pack(order + letter, value) + data[at + size :]

    return put


def renamed(old: bytes, new: bytes) -> Mutation:
    """A box or chunk under a name that no reader looks for."""

    def changed(data: bytes, rng: Random) -> bytes:
        assert old in data
        return data.replace(old, new)

    return changed


def entries(name: bytes, each: int, change: Callable[[list[int], Random], list[int]], column: int = 0) -> Mutation:
    """One column of a table in an MP4's index changed; `each` numbers of four bytes make an entry."""

    def put(data: bytes, rng: Random) -> bytes:
        at = data.index(name) + 8
        (count,) = struct.unpack_from(">I", data, at)
        table = list(struct.unpack_from(f">{count * each}I", data, at + 4))
        table[column::each] = change(table[column::each], rng)
        return data[: at + 4] + struct.pack(f">{count * each}I", *table) + data[at + 4 + 4 * count * each :]

    return put


def shuffled(values: list[int], rng: Random) -> list[int]:
    """The same numbers in another order."""
    return rng.sample(values, len(values))


MP4: dict[str, Mutation] = {
    "no index": renamed(b"moov", b"free"),
    "no payload": renamed(b"mdat", b"free"),
    "no key frame table": renamed(b"stss", b"free"),
    "no decoder settings": renamed(b"avcC", b"free"),
    "no chunk places": renamed(b"stco", b"free"),
    "no brand": renamed(b"ftyp", b"\0\0\0\0"),
    "gigantic index box": written(b"moov", -8, 0x7FFFFFFF),
    "index box without length": written(b"moov", -8, 0),
    "index box of 8 bytes": written(b"moov", -8, 8),
    "track box of 1 byte": written(b"trak", -8, 1),
    "gigantic payload box": written(b"mdat", -8, 0xFFFFFFF0),
    "gigantic frame count": written(b"stsz", 8, 0xFFFFFFFF),
    "2^24 frames of one size": lambda data, rng: written(b"stsz", 8, 1 << 24)(written(b"stsz", 4, 1)(data, rng), rng),
    "no frames counted": written(b"stsz", 8, 0),
    "gigantic frame": entries(b"stts", 2, lambda values, rng: [0xFFFFFFFF, *values[1:]]),
    "frames of no duration": entries(b"stts", 2, lambda values, rng: [0] * len(values), 1),
    "gigantic duration of a frame": entries(b"stts", 2, lambda values, rng: [0x7FFFFFFF] * len(values), 1),
    "negative duration of a frame": entries(b"stts", 2, lambda values, rng: [0xFFFFFF00] * len(values), 1),
    "frame times shuffled": entries(b"ctts", 2, shuffled, 1),
    "frame times below zero": entries(b"ctts", 2, lambda values, rng: [0xFFFF0000] * len(values), 1),
    "frame times gigantic": entries(b"ctts", 2, lambda values, rng: [0x7FFFFF00] * len(values), 1),
    "frame times all alike": entries(b"ctts", 2, lambda values, rng: [0] * len(values), 1),
    "key frames beyond the end": entries(b"stss", 1, lambda values, rng: [0xFFFFFF] * len(values)),
    "key frames where none are": entries(b"stss", 1, lambda values, rng: [value + 1 for value in values]),
    "no first key frame": entries(b"stss", 1, lambda values, rng: [min(5, value + 4) for value in values]),
    "chunk places shuffled": entries(b"stco", 1, shuffled),
    "chunk places off by nine": entries(b"stco", 1, lambda values, rng: [value + 9 for value in values]),
    "chunk places beyond the end": entries(b"stco", 1, lambda values, rng: [0x7FFFFFFF] * len(values)),
    "gigantic chunks": entries(b"stsc", 3, lambda values, rng: [0x7FFFFFFF] * len(values), 1),
    "no ticks a second": written(b"mdhd", 12, 0),
    "2^31 ticks a second": written(b"mdhd", 12, 0x7FFFFFFF),
    "gigantic duration": written(b"mdhd", 16, 0xFFFFFFFF),
    "gigantic film": written(b"mvhd", 16, 0xFFFFFFFF),
    "gigantic size on screen": written(b"tkhd", 76, 0xFFFFFFFF),
    "gigantic size declared": written(b"avc1", 24, 0xFFFFFFFF),
    "no size declared": written(b"avc1", 24, 0),
    "unknown codec": renamed(b"avc1", b"xyz1"),
    "wrong codec": renamed(b"avc1", b"mp4v"),
    "edit beyond the end": lambda data, rng: written(b"elst", 12, 0x7FFFFFFF)(data, rng),
    "edit from the middle": lambda data, rng: written(b"elst", 12, 6000)(data, rng),
    "edit of nothing": lambda data, rng: written(b"elst", 8, 0)(data, rng),
    "empty edit": lambda data, rng: written(b"elst", 12, 0xFFFFFFFF)(data, rng),
    "turned by 45 degrees": lambda data, rng: written(b"tkhd", 44, 46341)(written(b"tkhd", 40, 46341)(data, rng), rng),
    "turned by zeros": lambda data, rng: hole(0, 0, 0)(
        data[: data.index(b"tkhd") + 44] + bytes(36) + data[data.index(b"tkhd") + 80 :], rng
    ),
}
"""For a file with one H.264 stream, B-frames and an edit list, as `libx264` writes it."""


def little(name: bytes, offset: int, value: int, **more: int) -> Mutation:
    """As `written`, in AVI's byte order."""
    return written(name, offset, value, order="<", **more)


AVI: dict[str, Mutation] = {
    "no index": renamed(b"idx1", b"JUNK"),
    "no payload": renamed(b"movi", b"mov0"),
    "no stream header": renamed(b"strh", b"JUNK"),
    "no format": renamed(b"strf", b"JUNK"),
    "not RIFF": renamed(b"RIFF", b"RIFX"),
    "not AVI": renamed(b"AVI ", b"WAVE"),
    "gigantic film": little(b"RIFF", 0, 0xFFFFFFFF),
    "film of no length": little(b"RIFF", 0, 0),
    "gigantic payload": little(b"movi", -8, 0xFFFFFFF0),
    "gigantic index": little(b"idx1", 0, 0xFFFFFFF0),
    "index beyond the end": little(b"idx1", 12, 0x7FFFFFFF),
    "gigantic frame count": little(b"avih", 20, 0xFFFFFFFF),
    "gigantic stream length": little(b"strh", 36, 0xFFFFFFFF),
    "stream of no length": little(b"strh", 36, 0),
    "gigantic start": little(b"strh", 32, 0x7FFFFFFF),
    "no rate": little(b"strh", 28, 0),
    "no scale": little(b"strh", 24, 0),
    "gigantic rate": little(b"strh", 28, 0xFFFFFFFF),
    "gigantic scale": little(b"strh", 24, 0xFFFFFFFF),
    "sample size": little(b"strh", 48, 1),
    "gigantic size declared": lambda data, rng: little(b"strf", 12, 0x7FFFFFFF)(
        little(b"strf", 8, 0x7FFFFFFF)(data, rng), rng
    ),
    "no size declared": little(b"strf", 8, 0, size=8),
    "unknown codec": little(b"strf", 20, 0x31315A5A),
    "gigantic format": little(b"strf", 0, 0x7FFFFFFF),
    "gigantic frame": little(b"00dc", 0, 0x7FFFFFFF, nth=3),
    "frame of no bytes": little(b"00dc", 0, 0, nth=3),
    "sound instead of pictures": renamed(b"vids", b"auds"),
}
"""For a file with one stream."""

MATROSKA: dict[str, Mutation] = {
    "gigantic segment": lambda data, rng: data.replace(b"\x18\x53\x80\x67\x01", b"\x18\x53\x80\x67\x01\x7f", 1),
    "no places": renamed(b"\x1c\x53\xbb\x6b", b"\xec\x53\xbb\x6b"),
    "no tracks": renamed(b"\x16\x54\xae\x6b", b"\x16\x54\xae\x6c"),
    "no clusters": renamed(b"\x1f\x43\xb6\x75", b"\x1f\x43\xb6\x76"),
    "gigantic cluster": lambda data, rng: written(b"\x1f\x43\xb6\x75", 0, 0x01FFFFFFFFFFFFFE, size=8)(data, rng),
    "every cluster at zero": lambda data, rng: data.replace(b"\xe7\x82", b"\xec\x82"),
    "unknown codec": renamed(b"V_MPEG4/ISO/AVC", b"V_MPEG9/ISO/AVC"),
    "unknown kind": renamed(b"matroska", b"matrjosk"),
    "gigantic ticks": lambda data, rng: data.replace(b"\x2a\xd7\xb1\x83\x0f\x42\x40", b"\x2a\xd7\xb1\x83\xff\xff\xff"),
    "no ticks": lambda data, rng: data.replace(b"\x2a\xd7\xb1\x83\x0f\x42\x40", b"\x2a\xd7\xb1\x83\x00\x00\x00"),
}
