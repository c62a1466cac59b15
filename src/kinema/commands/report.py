"""`kinema report RUN`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from kinema.cli import parse
from kinema.console import Bars


@dataclass(frozen=True)
class ReportFlags:
    """One HTML page with everything in it: curves, scores, retrieved videos, attention, embedding map."""

    run: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RUN")]
    """The run's folder."""
    out: str | None = None
    """The page; report.html in the run's folder if not given."""


def main(verb: str, argv: list[str]) -> int:
    """Write the page and print where it is."""
    flags = parse(ReportFlags, argv, prog="kinema report")

    from kinema.reporting import report

    with Bars() as bars:
        print(report(flags.run, out=flags.out, progress=bars.show))
    return 0
