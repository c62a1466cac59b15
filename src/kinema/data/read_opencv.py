"""Reading with OpenCV, for machines that have nothing else.

OpenCV's seeking is not to be trusted, so nothing here seeks: frames are decoded from the start and counted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kinema.data.container import is_cut
from kinema.data.reader import Reader, TruncatedFile
from kinema.errors import DataError


class OpenCVReader(Reader):
    """Sequential reading; opening decodes the whole file once to count its frames.

    OpenCV does not report damage inside a file, so files that are visibly cut off are refused as a whole. It returns
    garbage for interlaced video without saying so (seen with 5.0), and takes an album cover for a video: prefer PyAV.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        self.path = path
        self._threads = threads
        if is_cut(path):
            raise TruncatedFile(f"{path}: truncated (its end is missing)")
        self._open()
        found, first = self._capture.read()
        if not found:
            raise DataError(f"{path}: no frame can be decoded")
        self.height, self.width = first.shape[:2]
        start = end = self._milliseconds()
        self.num_frames = 1
        while self._capture.grab():
            self.num_frames += 1
            end = self._milliseconds()
        stated = float(self._capture.get(_cv2().CAP_PROP_FPS))
        self.fps = 1000 * (self.num_frames - 1) / (end - start) if end > start else stated
        self._open()

    def _open(self) -> None:
        cv2 = _cv2()
        self._capture = cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, self._threads])
        self._position = -1
        if not self._capture.isOpened():
            raise DataError(f"{self.path}: OpenCV finds no video in it")

    def _milliseconds(self) -> float:
        return float(self._capture.get(_cv2().CAP_PROP_POS_MSEC))

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
        if blue_first.shape != (self.height, self.width, 3):
            raise DataError(f"{self.path}: frame {index} has the shape {blue_first.shape}, unlike the first")
        return torch.from_numpy(blue_first).flip(2)

    def close(self) -> None:
        """Release the file."""
        self._capture.release()


def _cv2() -> Any:  # cv2 is optional and has no usable types
    import cv2

    return cv2
