"""Reading with OpenCV. PyAV decodes each file first (`kinema.data.verified`): errors and indices are the same.

OpenCV's seeking is not to be trusted, so nothing here seeks: frames are decoded from the start and counted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kinema.data.reader import Reader, UnsuitableFile
from kinema.data.verified import verified
from kinema.errors import DataError


class OpenCVReader(Reader):
    """Sequential reading; opening decodes the whole file once to count its frames.

    OpenCV skips frames that it cannot decode and scales those of another size, without saying so: files in which PyAV
    finds any damage, or other frames than OpenCV does, are refused as a whole.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Raises UnsuitableFile where OpenCV would err."""
        survey = verified(path, "opencv")
        self.path, self.num_frames, self.fps = path, survey.num_frames, survey.fps
        self.height, self.width = survey.upright_size
        self._threads = threads
        self._open()
        found, first = self._capture.read()
        count = int(found)
        while self._capture.grab():
            count += 1
        self.close()
        if count != self.num_frames:
            raise UnsuitableFile(f"{path}: OpenCV counts {count} frames, there are {self.num_frames}")
        if first.shape != (self.height, self.width, 3):
            raise UnsuitableFile(
                f"{path}: OpenCV gives frames the shape {first.shape}, not {(*survey.upright_size, 3)}"
            )
        self._open()

    def _open(self) -> None:
        cv2 = _cv2()
        options = [cv2.CAP_PROP_N_THREADS, self._threads]
        self._capture = cv2.VideoCapture(str(self.path.absolute()), cv2.CAP_FFMPEG, options)
        self._position = -1
        if not self._capture.isOpened():
            raise UnsuitableFile(f"{self.path}: OpenCV finds no video in it")

    def _read(self, ascending: list[int]) -> Tensor:
        if ascending[0] <= self._position:
            self.close()
            self._open()
        out = torch.empty(len(ascending), self.height, self.width, 3, dtype=torch.uint8)
        for row, index in enumerate(ascending):
            out[row] = self._frame(index)
        return out

    def _frame(self, index: int) -> Tensor:
        while self._position < index - 1 and self._capture.grab():
            self._position += 1
        found, blue_first = self._capture.read()
        if not found:
            raise DataError(f"{self.path}: frame {index} of {self.num_frames} cannot be decoded")
        self._position += 1
        return torch.from_numpy(blue_first).flip(2)

    def close(self) -> None:
        """Release the file."""
        self._capture.release()


def _cv2() -> Any:  # cv2 is optional and has no usable types
    import cv2

    return cv2
