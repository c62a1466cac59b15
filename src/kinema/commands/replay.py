"""`kinema replay RUN`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from kinema.cli import parse

if TYPE_CHECKING:
    from kinema.replaying import Replay


@dataclass(frozen=True)
class Arguments:
    """Take the step again at which a run met a loss that is not a number, and find where it begins."""

    run: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RUN")]
    """The folder of a run that ended so."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N; the one that it ran on shows most."""


def main(verb: str, argv: list[str]) -> int:
    """Print what came out; 0 whether or not it is a number this time."""
    flags = parse(Arguments, argv, prog="kinema replay")

    from kinema.replaying import replay

    print("\n".join(lines(replay(flags.run, device=flags.device))))
    return 0


def lines(found: Replay) -> list[str]:
    """The report, a finding a line."""
    terms = ", ".join(f"{name} {value:.4g}" for name, value in found.terms.items())
    step = found.step
    said = [f"step {step.number}, epoch {step.epoch + 1}, lr {step.lr:.3g}: loss {found.loss:.4g} ({terms})"]
    if found.weights:
        said.append(f"weights or banks that were no number before it: {several(found.weights)}")
    if found.begins:
        said.append(f"where it begins: {found.begins}")
    if found.gradients:
        said.append(f"gradients that are no number: {several(found.gradients)}")
    if found.unmixed is not None:
        said.append(f"in float32 in place of bf16: loss {found.unmixed:.4g}")
    if found.in_place_of_bf16:
        said.append("in float32 here, where the run was in bf16")
    if found.tasks > 1:
        said.append(f"the run took {found.tasks} tasks a step, one a process; here all of its videos are one task")
    if found.finite:
        said.append("all of it is finite this time: it came from the device, or videos have changed")
    return [*said, "videos:", *(f"  {path}" for path in found.videos)]


def several(names: tuple[str, ...]) -> str:
    """The first names, and how many more."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
