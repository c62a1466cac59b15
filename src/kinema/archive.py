"""What a file would take to read, found out before it is read: its parts' sizes and checksums, its pickle's weight.

Reading a checkpoint runs no code of it (`weights_only`), but that does not bound what reading takes. Compressed parts
can be a thousand times as large as the file, parts that share their bytes too; and a pickle of two hundred bytes can
hold a tuple of tuples, each used twice by the next, that takes longer than anybody waits to be a key of a dictionary.
"""

from __future__ import annotations

import pickle
import pickletools
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO

MOST_STRUCTURE = 2**26
"""Bytes of a checkpoint's pickle, in which no tensor's numbers are; the list of a million videos takes a tenth."""
MOST_OBJECTS = 10**7
"""Objects in a checkpoint, those within a tuple counted wherever it is used; a tensor takes about thirty."""

NO_ARRAYS = (
    *(OSError, EOFError, KeyError, MemoryError, OverflowError, RuntimeError, SyntaxError, TypeError, ValueError),
    *(struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)
"""What NumPy raises at a file that it cannot read, among it what Python says of a header that is no code."""

_KEPT = ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE")
_FETCHED = ("GET", "BINGET", "LONG_BINGET")
_INTO = ("APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BUILD")
"""What goes into a list or a dictionary, which weighs no more for it: it cannot be a key."""


def check_parts(archive: zipfile.ZipFile, path: Path) -> None:
    """See that a zip archive's parts are no larger than the file itself, so that any may be read.

    Raises:
        BadZipFile: one is compressed, two have one name or share their bytes, or they claim more than there is.
    """
    parts = archive.infolist()
    if any(part.compress_type != zipfile.ZIP_STORED or part.file_size != part.compress_size for part in parts):
        raise zipfile.BadZipFile("a part is compressed, where kinema and torch compress none")
    if len({part.filename.casefold() for part in parts}) != len(parts):
        raise zipfile.BadZipFile("two parts have the same name")
    if sum(part.file_size for part in parts) > path.stat().st_size:
        raise zipfile.BadZipFile("its parts claim to be larger than the file")


def check_saved(path: Path) -> None:
    """See that what torch saved can be read in the time and memory that its size lets expect, and is undamaged.

    Raises:
        BadZipFile: a part differs from the checksum written beside it, which `torch.load` does not look at; or it is no
            archive, or one that `check_parts` refuses.
        UnpicklingError: see `weigh`.
    """
    with zipfile.ZipFile(path) as archive:
        check_parts(archive, path)
        for part in archive.infolist():
            if part.filename.casefold().endswith(".pkl"):
                if part.file_size > MOST_STRUCTURE:
                    raise pickle.UnpicklingError(f"{part.filename} has {part.file_size} bytes without any tensor")
                with archive.open(part) as structure:
                    weigh(structure)
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f"{damaged} differs from its checksum")


def weigh(structure: IO[bytes]) -> None:
    """Follow a pickle as its reader would, up to its end, without making anything.

    Raises:
        UnpicklingError: it has more objects than any checkpoint, or is none.
    """
    stack: list[int | None] = []  # the weight of each object, None for a mark
    memo: dict[int, int | None] = {}
    total = 0
    for opcode, argument, _ in pickletools.genops(structure):
        if opcode.name in _KEPT:
            memo[len(memo) if argument is None else int(argument)] = stack[-1]
        elif opcode.name in _FETCHED:
            stack.append(memo[int(argument or 0)])
        else:
            weight = 1 + taken(stack, opcode.stack_before)
            total += weight
            if total > MOST_OBJECTS:
                raise pickle.UnpicklingError("its structure has more objects than any checkpoint")
            left: int | None = 1 if opcode.name in _INTO else weight
            stack += [None if opcode.name == "MARK" else left] * len(opcode.stack_after)


def taken(stack: list[int | None], before: list[pickletools.StackObject]) -> int:
    """Take from a stack what an instruction finds there; returns what that weighs."""
    weight = 0
    for wanted in reversed(before):
        if wanted is pickletools.stackslice:
            while stack[-1] is not None:
                weight += stack.pop() or 0
        else:
            weight += stack.pop() or 0
    return weight
