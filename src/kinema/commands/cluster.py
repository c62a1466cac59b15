"""`kinema cluster VECTORS`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import tyro
from rich.console import Console

from kinema.cli import parse
from kinema.console import Bars, say
from kinema.errors import UsageError
from kinema.evaluate.settings import Clustering

FOREIGN = {"kmeans": ("min_size",), "hdbscan": ("k", "starts", "seed")}
"""By method, the flags of the other."""


@dataclass(frozen=True)
class ClusterFlags:
    """Groups of vectors that lie close together, found without labels; needs scikit-learn.

    Where the videos have labels, the table also says how well the clusters agree with them.
    """

    vectors: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="VECTORS")]
    """The folder that `kinema embed` wrote."""
    method: Literal["kmeans", "hdbscan"] = "kmeans"
    """k-means puts every vector into one of --k clusters; HDBSCAN finds how many there are, and leaves out what lies in
    none."""
    k: int | None = None
    """Clusters of k-means; 10 unless said."""
    starts: int | None = None
    """Beginnings of k-means, of which the best end is kept; 10 unless said."""
    seed: int | None = None
    """Draws the beginnings of k-means; 0 unless said."""
    min_size: int | None = None
    """Vectors that make a cluster of HDBSCAN; 5 unless said."""
    out: str | None = None
    """The CSV file, with a line a vector: path,start,end,cluster,distance; clusters.csv in VECTORS unless said."""
    sheets: str | None = None
    """Also draw a contact sheet of each cluster into this new folder: strips of frames of the members nearest its
    centre and of those farthest from it."""
    overwrite: bool = False
    """Replace the clusters and sheets that are there; the old ones are renamed, not deleted."""


def main(verb: str, argv: list[str]) -> int:
    """Cluster, print the table, and say where the files are."""
    flags = parse(ClusterFlags, argv, prog="kinema cluster")
    for name in FOREIGN[flags.method]:
        if getattr(flags, name) is not None:
            raise UsageError(f"--{name.replace('_', '-')} is not for --method {flags.method}: drop it")
    given = {name: getattr(flags, name) for name in ("k", "starts", "seed", "min_size")}
    settings = Clustering(flags.method, **{name: value for name, value in given.items() if value is not None})

    from kinema.clustering import cluster

    with Bars() as bars:
        found = cluster(
            flags.vectors,
            settings,
            out=flags.out,
            sheets=flags.sheets,
            overwrite=flags.overwrite,
            progress=partial(bars.show, "contact sheets"),
        )
    console = Console()
    console.print(found.table().rich())
    if (beside := found.agreement) is not None:
        console.print(
            f"beside the labels of {beside.labelled} vectors: purity {beside.purity:.1f} %, "
            f"NMI {beside.nmi:.3f}, ARI {beside.ari:.3f}"
        )
    say(f"written to {found.file}" + (f", sheets to {flags.sheets}" if flags.sheets else ""))
    return 0
