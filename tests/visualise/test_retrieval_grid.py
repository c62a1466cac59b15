import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from kinema.errors import UsageError
from kinema.evaluate.features import Features
from kinema.visualise.retrieval_grid import matches, retrieval_grid

CLASSES = ("walk", "run")


def line(angles: list[float], labels: list[int], kind: str) -> Features:
    """Features on the unit circle, so that neighbours can be told by eye."""
    turned = torch.tensor(angles)
    vectors = torch.stack([turned.cos(), turned.sin()], dim=1)
    return Features(vectors, torch.tensor(labels), tuple(f"{kind}{n}" for n in range(len(angles))), CLASSES)


@pytest.fixture
def query() -> Features:
    return line([0.0, 1.0], [0, 1], "q")


@pytest.fixture
def gallery() -> Features:
    return line([0.05, 0.2, 0.3, 1.1, 2.0], [1, 0, 0, 1, 0], "g")


def test_neighbours_come_nearest_first_with_their_cosine(query: Features, gallery: Features) -> None:
    found = matches(query, gallery, [0])[0]
    assert [match.path for match in found] == ["g0", "g1", "g2"]
    assert [match.right for match in found] == [False, True, True]
    assert found[1].cosine == pytest.approx(float(torch.tensor(0.2).cos()), abs=1e-6)


def test_small_gallery_shows_what_there_is(query: Features, gallery: Features) -> None:
    assert len(matches(query, gallery.rows(torch.tensor([0, 1])), [0, 1])[0]) == 2


def test_wrong_neighbours_are_marked_by_frame_sign_and_alt_text(
    query: Features, gallery: Features, frames_of: Callable[[str], Tensor]
) -> None:
    html = retrieval_grid(query, gallery, None, None, frames_of)
    figures = re.findall(r'<figure class="match (\w+)">.*?alt="([^"]*)">.*?<b>(.*?)</b>', html)
    assert figures[:3] == [
        ("wrong", "Wrong class: run", "✗ run"),
        ("right", "Right class: walk", "✓ walk"),
        ("right", "Right class: walk", "✓ walk"),
    ]
    assert "this run: 1 of 2 nearest" in html


def test_random_init_stands_beside_the_run(
    query: Features, gallery: Features, frames_of: Callable[[str], Tensor]
) -> None:
    html = retrieval_grid(query, gallery, query, gallery, frames_of)
    assert html.count("<b>random init</b>") == html.count("<b>this run</b>") == 2


def test_random_init_of_other_videos_is_refused(
    query: Features, gallery: Features, frames_of: Callable[[str], Tensor]
) -> None:
    with pytest.raises(UsageError, match="other videos"):
        retrieval_grid(query, gallery, line([0.0, 1.0], [0, 1], "x"), gallery, frames_of)


def test_each_video_is_decoded_once(query: Features, gallery: Features, frames_of: Callable[[str], Tensor]) -> None:
    asked = []

    def counted(path: str) -> Tensor:
        asked.append(path)
        return frames_of(path)

    retrieval_grid(query, gallery, query, gallery, counted)
    assert len(asked) == len(set(asked)) >= 5
