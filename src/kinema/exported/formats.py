"""An encoder as an ONNX file or a program of torch.export: one graph, for any number of clips.

What is made is loaded again and run beside PyTorch before anybody gets it.
"""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kinema.encoder import Encoder
from kinema.errors import KinemaError, UsageError
from kinema.exported.graph import Graph

TOLERANCE = 1e-4
"""The largest difference from PyTorch, as a share of the largest number in the features."""
BATCHES = (1, 2, 5)
"""How many clips are tried at a time; the graph is traced with two."""
INPUT, OUTPUT = "clips", "features"


@dataclass(frozen=True)
class Made:
    """A graph as a file."""

    name: str
    content: bytes
    difference: float
    """From PyTorch, the largest that was found, as a share of the largest number in the features."""
    engine: str
    """What ran it."""

    @property
    def agreement(self) -> str:
        """How near to PyTorch it is, in words."""
        if not self.difference:
            return f"as PyTorch, to the bit ({self.engine})"
        return f"within {self.difference:.1g} of PyTorch, as a share of the largest feature ({self.engine})"


def to_onnx(encoder: Encoder, about: dict[str, Any]) -> Made:
    """model.onnx: input `clips` uint8 [M, T, S, S, 3], output `features` float32 [M, D]; `about` is in its metadata.

    Raises:
        UsageError: onnx, onnxruntime or onnxscript is not installed.
        KinemaError: onnxruntime does not compute what PyTorch does.
    """
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401 - torch.onnx needs it
    except ImportError:
        raise UsageError(
            "ONNX files are made and tried with packages of their own: pip install 'kinema[onnx]'"
        ) from None
    with quiet():
        program = torch.onnx.export(
            traced(encoder), dynamo=True, input_names=[INPUT], output_names=[OUTPUT], verbose=False, optimize=True
        )
    assert program is not None
    model = program.model_proto
    onnx.helper.set_model_props(model, {"kinema": json.dumps(about)})
    content = model.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(clips: Tensor) -> Tensor:
        [features] = session.run([OUTPUT], {INPUT: clips.numpy()})
        return torch.from_numpy(features)

    engine = f"onnxruntime {onnxruntime.__version__}, CPU"
    return Made("model.onnx", content, agreed("model.onnx", encoder, run), engine)


def to_torch(encoder: Encoder, about: dict[str, Any]) -> Made:
    """model.pt2, for `torch.export.load(...).module()`: uint8 [M, T, S, S, 3] to float32 [M, D]; `about` is in it.

    Raises:
        KinemaError: the program does not compute what the encoder does.
    """
    file = io.BytesIO()
    torch.export.save(traced(encoder), file, extra_files={"config.json": json.dumps(about)})
    file.seek(0)
    again = torch.export.load(file).module()
    difference = agreed("model.pt2", encoder, again)
    return Made("model.pt2", file.getvalue(), difference, f"torch {torch.__version__}, CPU")


@contextmanager
def quiet() -> Iterator[None]:
    """Within it, torch does not say that torchvision is missing, nor what of its own it will change one day."""
    told = logging.getLogger("torch.onnx._internal.exporter._registration")
    before = told.level
    told.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):
            yield
    finally:
        told.setLevel(before)


FORMATS: dict[str, Callable[[Encoder, dict[str, Any]], Made]] = {"onnx": to_onnx, "torch": to_torch}
"""By the name that `--format` takes."""


def traced(encoder: Encoder) -> torch.export.ExportedProgram:
    """The encoder's graph for any number of clips of its size."""
    some = {0: torch.export.Dim("clips_in_batch", min=1)}
    with torch.no_grad():
        return torch.export.export(Graph(encoder).eval(), (trials(encoder, 2),), dynamic_shapes=(some,))


def trials(encoder: Encoder, count: int) -> Tensor:
    """uint8 [count, T, S, S, 3]: noise, a ramp that moves, one colour, and again."""
    clip = encoder.clip
    shape = (clip.frames, clip.size, clip.size, 3)
    noise = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(count), dtype=torch.uint8)
    time = torch.arange(clip.frames).view(-1, 1, 1, 1)
    ramp = (torch.arange(clip.size).view(-1, 1) * 3 + 5 * time).expand(shape) % 256
    kinds: Sequence[Tensor] = (noise, ramp.to(torch.uint8), torch.full(shape, 90, dtype=torch.uint8))
    return torch.stack([kinds[i % len(kinds)] for i in range(count)])


def agreed(name: str, encoder: Encoder, run: Callable[[Tensor], Tensor]) -> float:
    """The largest difference between what `run` and the encoder make of a few batches, relative as in `TOLERANCE`.

    Raises:
        KinemaError: it is more than `TOLERANCE`, or no number.
    """
    own = next(encoder.parameters()).device
    worst = 0.0
    for count in BATCHES:
        clips = trials(encoder, count)
        with torch.no_grad():
            expected = encoder(clips.to(own)).cpu()
            found = run(clips)
        difference = float((found - expected).abs().max() / expected.abs().max().clamp(min=1e-12))
        if found.shape != expected.shape or not difference < TOLERANCE:
            raise KinemaError(
                f"{name} differs from PyTorch by {difference:.2g} of the largest feature for {count} clips, and "
                f"{TOLERANCE:g} is allowed: it was not kept; use the safetensors, and report this network"
            )
        worst = max(worst, difference)
    return worst
