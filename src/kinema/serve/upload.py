"""A video that a browser sends: kept only as long as it is looked at, and never larger or slower than allowed."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

from kinema.errors import KinemaError

T = TypeVar("T")

SECONDS = 120.0
"""That a client has to send all of it."""
PAUSE = 10.0
"""Seconds without a byte after which it is given up."""


class TooLarge(KinemaError):  # noqa: N818 - named for what happened
    """More was sent than is taken."""


class TooSlow(KinemaError):  # noqa: N818 - named for what happened
    """It was not sent in time."""


async def with_upload(
    body: AsyncIterator[bytes], announced: str | None, most: int, look: Callable[[Path], T], *, folder: Path
) -> T:
    """What `look`, in a thread, finds in the file that `body` brings; the file is gone afterwards, whatever happens.

    Args:
        body: the bytes, as they come.
        announced: the request's content-length.
        most: bytes that are taken.
        look: what is done with the file.
        folder: where the file is kept meanwhile.

    Raises:
        TooLarge: there are more bytes.
        TooSlow: they do not come.
    """
    if announced is not None and announced.isdecimal() and int(announced) > most:
        raise too_large(most)
    with tempfile.NamedTemporaryFile(dir=folder, prefix="upload-") as file:
        size = 0
        try:
            async with asyncio.timeout(SECONDS):
                while chunk := await asyncio.wait_for(anext(body, b""), PAUSE):
                    size += len(chunk)
                    if size > most:
                        raise too_large(most)
                    file.write(chunk)
        except TimeoutError:
            raise TooSlow("the video was not sent in time") from None
        file.flush()
        return await asyncio.to_thread(look, Path(file.name))


def too_large(most: int) -> TooLarge:
    """The refusal of a large file."""
    return TooLarge(f"the video is larger than {most / 2**20:.0f} MB: cut it, or start with a larger --upload-mb")
