"""`kinema serve VECTORS`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from kinema.cli import parse
from kinema.console import say


@dataclass(frozen=True)
class Serve:
    """Browse, search and label an index in a browser: nothing leaves this machine, and nothing is loaded from another.

    Only files of the index are shown. Ctrl-C ends it.
    """

    vectors: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="VECTORS")]
    """The folder that `kinema embed` wrote."""
    run: str | None = None
    """Where the run that made the vectors is now, if it has moved; it searches with dropped videos and shows
    attention."""
    against: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="RUN")] = ()
    """Another run whose curves and results are shown beside; may be given several times."""
    host: str = "127.0.0.1"
    """Where to listen. With any other address than this machine's own, a browser needs the token."""
    port: int = 8600
    """0 for any that is free."""
    token: str | None = None
    """16 letters or more; made and printed if not given and needed."""
    allow: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="DIR")] = ()
    """A folder outside the data that links in it may lead to; may be given several times."""
    upload_mb: float = 200.0
    """Size of the largest video that may be dropped."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""


def main(verb: str, argv: list[str]) -> int:
    """Serve until interrupted."""
    flags = parse(Serve, argv, prog="kinema serve")

    from kinema.serve import serving

    with serving(**vars(flags), say=say) as page:
        print(f"open {page.url}", flush=True)
        page.run()
    return 0
