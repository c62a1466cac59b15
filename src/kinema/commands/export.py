"""`kinema export RUN --out DIR`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from kinema.cli import parse
from kinema.console import say
from kinema.errors import UsageError


@dataclass(frozen=True)
class Export:
    """A run's backbone for others: safetensors, config.json and a model card; ONNX or torch.export where asked for.

    What comes out is a folder that kinema embed and kinema.load take as they take a run, and that
    kinema.Encoder.from_pretrained takes here or from the Hugging Face Hub.
    """

    run: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RUN")]
    """The folder of a run, or a checkpoint."""
    out: str
    """The folder to make."""
    format: Annotated[tuple[Literal["onnx", "torch"], ...], tyro.conf.UseAppendAction] = ()
    """A graph to add: onnx (model.onnx) or torch (model.pt2, of torch.export). It is kept if it computes what PyTorch
    does, to 1e-4; may be given twice."""
    view: Literal["auto", "rgb", "residual", "both"] = "auto"
    """What the network is shown; `both` puts RGB and residual features side by side."""
    license: str = "unknown"
    """Of the weights, for the model card, as the Hub abbreviates it: apache-2.0, cc-by-nc-4.0, other ..."""
    push: Annotated[str | None, tyro.conf.arg(metavar="OWNER/NAME")] = None
    """Send the folder to the Hugging Face Hub too, under this name."""
    private: bool = False
    """With --push: let nobody else see it, where it is new."""
    overwrite: bool = False
    """Replace an exported folder in --out; the old one is renamed, not deleted."""


def main(verb: str, argv: list[str]) -> int:
    """Export, and say where it is."""
    flags = parse(Export, argv, prog="kinema export")
    if flags.private and flags.push is None:
        raise UsageError("--private says who sees it on the Hub: give --push OWNER/NAME too")

    from kinema.exported import hub
    from kinema.exporting import export

    if flags.push is not None:
        hub.check_name(flags.push)
    folder = export(
        flags.run,
        flags.out,
        formats=flags.format,
        view=None if flags.view == "auto" else flags.view,
        license=flags.license,
        overwrite=flags.overwrite,
        say=say,
    )
    if flags.license == "unknown":
        say("the model card says that the licence is not known: --license says it")
    print(f"exported to {folder}")
    if flags.push is not None:
        print(f"sent to {hub.push_to_hub(folder, flags.push, private=flags.private or None)}")
    return 0
