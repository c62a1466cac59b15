"""The features of videos as points on a plane, coloured by class. Letters: V videos, D length of a feature."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kinema.evaluate.features import Features
from kinema.visualise.drawing import COLOURS, missing_plots, new_figure, to_svg
from kinema.visualise.page import paragraph, text
from kinema.visualise.pictures import spread

TSNE_FROM = 30
"""Videos from which on t-SNE is used; fewer have too few neighbours for it."""
MOST = 2000
"""Points that are drawn; t-SNE of more takes minutes."""
_PERPLEXITY = 30
_EQUAL = 1e-6  # unit-length features that differ by less in every place are one point, which t-SNE cannot divide
_MARKERS = "osD^vP*pX<>h"


def plane(vectors: Tensor, *, seed: int = 0) -> tuple[Tensor, str]:
    """float32 [V, 2] for features [V, D], and a name of the method with what decides it.

    Features are set to unit length first, as retrieval compares directions. t-SNE (van der Maaten and Hinton 2008)
    from `TSNE_FROM` videos on, started from the principal components; the two principal components themselves for
    fewer, and for features that have collapsed to one point.

    Raises:
        UsageError: scikit-learn is not installed.
    """
    unit = F.normalize(vectors.double(), dim=1)
    if len(unit) < TSNE_FROM:
        return _principal(unit)
    if float((unit - unit.mean(dim=0)).abs().max()) < _EQUAL:
        flat, method = _principal(unit)
        return flat, f"all features are the same; {method}"
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        raise missing_plots("scikit-learn") from None
    perplexity = min(_PERPLEXITY, (len(unit) - 1) // 3)
    placed = TSNE(perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed).fit_transform(
        unit.numpy()
    )
    return torch.from_numpy(placed).float(), f"t-SNE, perplexity {perplexity}, seed {seed}"


def _principal(unit: Tensor) -> tuple[Tensor, str]:
    """float32 [V, 2]: the two principal components of float64 [V, D], and what they hold."""
    u, s, _ = torch.linalg.svd(unit - unit.mean(dim=0), full_matrices=False)
    share = float(s[:2].square().sum() / s.square().sum().clamp(min=_EQUAL**2))
    return F.pad(u * s, (0, 2))[:, :2].float(), f"PCA, two components with {100 * share:.0f} % of the variance"


def embedding_map(features: Features, random_features: Features | None) -> str:
    """HTML: the map of labelled features, random init's beside it where given, and a legend.

    Raises:
        UsageError: matplotlib or scikit-learn is not installed.
    """
    rows = torch.tensor(spread(MOST, len(features)))
    sides = {"This run": features} | ({"Random init": random_features} if random_features is not None else {})
    maps = "".join(_map(who, each.rows(rows), number) for number, (who, each) in enumerate(sides.items()))
    shown = sorted(set(features.labels[rows].tolist()))
    return _words(len(rows), len(features), shown) + _key(features, shown) + f'<div class="pair">\n{maps}</div>\n'


def look_of(label: int) -> tuple[str, str]:
    """Colour and matplotlib marker of a class: the first 120 classes all differ, the first 10 in both."""
    colour = label % len(COLOURS)
    return COLOURS[colour], _MARKERS[(colour - label // len(COLOURS)) % len(_MARKERS)]


def _map(who: str, features: Features, number: int) -> str:
    places, method = plane(features.vectors)
    figure, axes = new_figure(6, 5)
    axes.set_axis_off()
    axes.set_aspect("equal", adjustable="datalim")
    for label in sorted(set(features.labels.tolist())):
        colour, marker = look_of(label)
        own = places[features.labels == label]
        axes.scatter(own[:, 0].numpy(), own[:, 1].numpy(), s=36, color=colour, marker=marker, linewidths=0, alpha=0.85)
    drawn = to_svg(
        figure, f"map{number}", f"{who}: {len(features)} test videos as points, coloured by class. {method}."
    )
    caption = f"<figcaption><b>{text(who)}.</b> {text(method)}</figcaption>"
    return f"<figure>\n{drawn}\n{caption}\n</figure>\n"


def _words(drawn: int, total: int, shown: list[int]) -> str:
    which = f"Each point is one of the {total} test videos"
    if drawn < total:
        which = f"Each point is a test video; {drawn} of {total}, evenly spaced over the list, are drawn"
    said = f"{which}. Points of one class lying together is what a useful representation looks like; "
    said += "directions, distances between groups and their sizes mean nothing in such a map."
    if shown and shown[-1] >= len(COLOURS) * len(_MARKERS):
        said += f" Signs repeat every {len(COLOURS) * len(_MARKERS)} classes."
    return paragraph(text(said))


def _key(features: Features, shown: list[int]) -> str:
    items = "".join(f"<li>{_sign(label)}{text(features.classes[label])}</li>\n" for label in shown)
    return f'<ul class="key" aria-label="Classes">\n{items}</ul>\n'


def _sign(label: int) -> str:
    """A class's marker as a small SVG."""
    from matplotlib.markers import MarkerStyle

    colour, marker = look_of(label)
    style = MarkerStyle(marker)
    corners = np.asarray(style.get_path().transformed(style.get_transform()).to_polygons()[0])
    points = " ".join(f"{x:.2f},{-y:.2f}" for x, y in corners.tolist())
    return f'<svg viewBox="-.8 -.8 1.6 1.6" aria-hidden="true"><polygon points="{points}" fill="{colour}"/></svg>'
