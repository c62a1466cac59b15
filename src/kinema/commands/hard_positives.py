"""`kinema hardpositives RUN`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro
from rich.console import Console

from kinema.cli import parse
from kinema.commands.evaluate import Common, open_measured
from kinema.console import Bars, say
from kinema.evaluate.settings import Candidates


@dataclass(frozen=True)
class HardPositives(Common):
    """How often a clip of the same class in another look ranks above one of another class in the same look, in percent.

    50 is no preference; below it the look counts more than the class. Every test video is a query.
    """

    against: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Another run to measure beside; may be given several times."""
    look: str | None = None
    """The column of meta.csv that says which videos look alike (look, person, signer); found by its name if not given.
    meta.csv lies in a folder above the videos."""
    candidates: Candidates = "test"
    """What a query is compared with: the other test videos, or all other test and train videos."""
    by: str | None = None
    """A column of meta.csv with few values: the index is given for the queries of each value too."""


def main(verb: str, argv: list[str]) -> int:
    """Measure, print the table, and say where the results are."""
    flags = parse(HardPositives, argv, prog=f"kinema {verb}")

    from kinema.hard_positives import hard_positives

    with Bars() as bars:
        task = open_measured(flags, bars)
        found = hard_positives(
            task,
            flags.against,
            look=flags.look,
            candidates=flags.candidates,
            by=flags.by,
            baseline=flags.random_init,
        )
    table = found.table()
    Console().print((table.turned() if flags.by else table).rich())
    how = found.results[0].protocol.settings
    for line in task.notes:
        say(line)
    say(f"looks by column '{how['look']}' of meta.csv; intervals from drawing {how['resampled']} again")
    say(f"written to {task.run.results}")
    return 0
