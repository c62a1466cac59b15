"""Reading with torchcodec, the fastest decoder. PyAV surveys each file first: errors and indices are the same."""

from __future__ import annotations

import torch
from torch import Tensor

from kinema.data.read_pyav import PyAVReader
from kinema.data.reader import Reader, UnsuitableFile
from kinema.errors import DataError


class TorchcodecReader(Reader):
    """Frames by torchcodec, each checked to be the one at the wanted time."""

    def __init__(self, survey: PyAVReader, *, threads: int = 1) -> None:
        """Take a file over from `survey`, which stays open. Raises UnsuitableFile where torchcodec would err."""
        from torchcodec.decoders import VideoDecoder

        path = survey.path
        seconds = survey.seconds()
        if seconds is None:
            raise UnsuitableFile(
                f"{path}: torchcodec miscounts frames of such a file; use the decoder 'pyav' or 'auto'"
            )
        self.path, self.num_frames, self.fps = path, survey.num_frames, survey.fps
        self.height, self.width = survey.height, survey.width
        self._seconds = torch.tensor(seconds, dtype=torch.float64)
        try:
            self._decoder = VideoDecoder(
                path, stream_index=survey.stream_index, dimension_order="NHWC", num_ffmpeg_threads=threads
            )
        except (RuntimeError, ValueError) as error:
            raise UnsuitableFile(f"{path}: torchcodec cannot open it ({_first_line(error)})") from error
        if len(self._decoder) != self.num_frames:
            raise UnsuitableFile(f"{path}: torchcodec counts {len(self._decoder)} frames, there are {self.num_frames}")

    def _read(self, ascending: list[int]) -> Tensor:
        try:
            found = self._decoder.get_frames_at(ascending)
        except (RuntimeError, IndexError) as error:
            raise DataError(f"{self.path}: frames {ascending} cannot be decoded ({_first_line(error)})") from error
        late = (found.pts_seconds - self._seconds[ascending]).abs()
        if bool((late > 1e-4).any()):
            index = ascending[int(late.argmax())]
            raise DataError(f"{self.path}: torchcodec returned another frame in the place of frame {index}")
        frames: Tensor = found.data
        if frames.shape[1:] != (self.height, self.width, 3):
            raise DataError(f"{self.path}: frames of {tuple(frames.shape[1:])}, not {(self.height, self.width, 3)}")
        return frames

    def close(self) -> None:
        """torchcodec closes the file with the decoder."""
        self.__dict__.pop("_decoder", None)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:150]
