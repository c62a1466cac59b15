"""`kinema doctor`: what this machine has, and what is wrong with it."""

from __future__ import annotations

import platform
import sys

from kinema import __version__
from kinema.errors import UsageError


def main(verb: str, argv: list[str]) -> int:
    """Print the findings; 1 if something that kinema needs does not work."""
    if argv and argv[0] in ("-h", "--help"):
        print(
            "usage: kinema doctor\n\n"
            "Versions, decoders, devices, cores, memory, disk and open files; then each problem and what to do, one a\n"
            "line. The exit code is 1 if there is a problem, and 0 if there is no more than advice."
        )
        return 0
    if argv:
        raise UsageError(f"kinema doctor takes no arguments, but got '{argv[0]}'")

    from kinema import checkup

    print(f"kinema {__version__}, Python {platform.python_version()} at {sys.prefix}, {platform.platform()}")
    found: list[checkup.Findings] = []
    for look in (
        *(checkup.packages, checkup.decoders, checkup.devices, checkup.processors),
        *(checkup.memory, checkup.storage, checkup.open_files),
    ):
        found.append(look())
        for line in found[-1].lines:
            print(line)
        if look is checkup.packages and found[-1].problems:
            break  # the others need these packages
    problems = [line for each in found for line in each.problems]
    advice = [line for each in found for line in each.advice]
    for kind, lines in (("advice", advice), ("problem", problems)):
        for line in lines:
            print(f"{kind}: {line}")
    if not problems:
        print("nothing is wrong")
    return 1 if problems else 0
