"""Reading with torchcodec. PyAV decodes each file first (`kinema.data.verified`): errors and indices are the same."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from kinema.data.read_pyav import PyAVReader
from kinema.data.reader import Reader, UnsuitableFile
from kinema.data.verified import verified


class TorchcodecReader(Reader):
    """Frames by torchcodec, each checked to be the one at the wanted time.

    Where torchcodec fails or returns another frame, PyAV reads it, or raises DataError if it cannot either: torchcodec
    0.13 does not reach the last frame of some files with open groups of pictures.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Raises UnsuitableFile where torchcodec would err."""
        from torchcodec.decoders import VideoDecoder

        survey = verified(path, "torchcodec")
        seconds = survey.seconds()
        if seconds is None:
            why = "its timestamps do not tell its frames apart"
            raise UnsuitableFile(f"{path}: not for torchcodec, as {why}; use the decoder 'pyav' or 'auto'")
        self.path, self.num_frames, self.fps = path, survey.num_frames, survey.fps
        self.height, self.width = survey.upright_size
        self._seconds = torch.tensor(seconds, dtype=torch.float64)
        try:
            self._decoder = VideoDecoder(
                path.absolute(),
                stream_index=survey.stream_index,
                dimension_order="NHWC",
                num_ffmpeg_threads=threads,
            )
        except (RuntimeError, ValueError) as error:
            raise UnsuitableFile(f"{path}: torchcodec cannot open it ({_first_line(error)})") from error
        if len(self._decoder) != self.num_frames:
            raise UnsuitableFile(f"{path}: torchcodec counts {len(self._decoder)} frames, there are {self.num_frames}")

    def _read(self, ascending: list[int]) -> Tensor:
        try:
            found = self._decoder.get_frames_at(ascending)
        except (RuntimeError, IndexError):
            return self._by_pyav(ascending)
        frames: Tensor = found.data
        off = (found.pts_seconds - self._seconds[ascending]).abs()
        if bool((off > 1e-4).any()) or frames.shape[1:] != (self.height, self.width, 3):
            return self._by_pyav(ascending)
        return frames

    def _by_pyav(self, ascending: list[int]) -> Tensor:
        with PyAVReader(self.path) as other:
            return other.at(ascending)

    def close(self) -> None:
        """torchcodec closes the file with the decoder."""
        self.__dict__.pop("_decoder", None)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:150]
