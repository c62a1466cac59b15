"""matplotlib figures as SVG inside the page, in the page's own ink so that they read in light and dark."""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING

from kinema.errors import UsageError
from kinema.visualise.page import text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#3a86c8", "#e0791e", "#2f9e6e", "#c9559a", "#8a6fd1", "#a3852b", "#d9534f", "#2aa5b0", "#7f8a94", "#6c9a2d")
"""Ten colours that stand out from light and from dark paper."""

_INK = "#010203"  # a colour nothing else has: exchanged for the page's text colour


def missing_plots(package: str) -> UsageError:
    """The error for an optional package that is not installed."""
    return UsageError(f"the report is drawn with {package}, which is not installed: pip install 'kinema[plots]'")


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of that size in inches, with one pair of axes.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise missing_plots("matplotlib") from None
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.tick_params(which="both", colors=_INK, labelsize=9)
    axes.yaxis.get_offset_text().set_color(_INK)
    for side, line in axes.spines.items():
        line.set_color(_INK)
        line.set_visible(side in ("left", "bottom"))
    axes.patch.set_visible(False)
    return figure, axes


def label_axes(axes: Axes, x: str, y: str) -> None:
    """Names of the axes, with their units."""
    axes.set_xlabel(x, color=_INK, fontsize=9)
    axes.set_ylabel(y, color=_INK, fontsize=9)


def legend(axes: Axes) -> None:
    """A legend without a frame, in the page's ink."""
    axes.legend(frameon=False, fontsize=9, labelcolor=_INK)


def to_png(figure: Figure, dpi: int) -> bytes:
    """The figure as a PNG. Signs that the font has not are drawn as boxes, which matplotlib need not say of each."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def to_svg(figure: Figure, name: str, description: str) -> str:
    """The figure as an <svg> element; `name` keeps its ids apart from other figures', `description` is its alt text."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "kinema", "svg.id": None}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    drawn = buffer.getvalue().replace(_INK, "currentColor")
    box = re.search(r'viewBox="([^"]*)"', drawn)
    assert box is not None
    inner = drawn[drawn.index(">", drawn.index("<svg")) + 1 :]
    inner = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", inner, flags=re.DOTALL)
    inner = re.sub(r'\bid="', f'id="{name}-', inner)
    inner = re.sub(r'(url\(|href=")#', rf"\1#{name}-", inner)
    return f'<svg class="chart" role="img" aria-label="{text(description)}" viewBox="{box[1]}">{inner}'
