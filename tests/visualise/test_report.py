import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from kinema.encoder import Encoder
from kinema.errors import UsageError
from kinema.evaluate.features import Features
from kinema.evaluate.protocol import Result
from kinema.settings import Clip
from kinema.visualise.report import RunInfo, duration, write_report

EVIL = "<script>alert('x')</script>\"&"
INFO = RunInfo(
    name="first",
    method="mcn",
    recipe="tiny_mcn",
    backbone="r3d_18",
    width=0.25,
    parameters=2_080_000,
    clip=Clip(8, 4, 32),
    data="shapes",
    videos=400,
    epochs=20,
    seed=0,
    seconds=754.0,
    commit="abc1234",
)
METRICS = [{"step": 10 * e, "epoch": e, "train/loss": 12.0 - e, "train/contrast": 13.0 - e} for e in (1, 2)]


class Page(HTMLParser):
    """Checks that elements nest, and collects what a reader without pictures and a browser would need."""

    VOID = ("meta", "img", "link", "br")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def everything(
    encoder: Encoder,
    random_encoder: Encoder,
    frames_of: Callable[[str], Tensor],
    make_features: Callable[..., Features],
    make_result: Callable[..., Result],
) -> dict[str, Any]:
    return {
        "run_info": INFO,
        "results": [make_result(), make_result("random init", 20.0)],
        "metrics": METRICS,
        "query": make_features("test"),
        "gallery": make_features("train"),
        "random_query": make_features("test"),
        "random_gallery": make_features("train"),
        "encoder": encoder,
        "random_encoder": random_encoder,
        "frames_of": frames_of,
        "chance": {"contrast": 11.1},
    }


def test_page_has_every_part(tmp_path: Path, everything: dict[str, Any]) -> None:
    path = write_report(tmp_path / "new" / "report.html", **everything)
    html = path.read_text()
    page = Page(html)
    assert "left out" not in html
    assert [attributes["id"] for attributes in page.named("section")] == [
        "scores", "curves", "neighbours", "attention", "map",
    ]  # fmt: skip
    assert {attributes["href"] for attributes in page.named("a")} == {
        "#scores", "#curves", "#neighbours", "#attention", "#map",
    }  # fmt: skip
    for said in (
        "MCN, recipe tiny_mcn",
        "r3d_18 x 0.25, 2.08 M parameters",
        "8 frames, stride 4",
        "12 min 34 s",
        "abc1234",
    ):
        assert said in html


def test_page_needs_nothing_from_elsewhere(tmp_path: Path, everything: dict[str, Any]) -> None:
    html = write_report(tmp_path / "report.html", **everything).read_text()
    assert not re.search(r"https?://|//\w+\.|@import|<script|<link|<iframe", html)
    sources = [attributes["src"] or "" for attributes in Page(html).named("img")]
    assert sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    inside = set(re.findall(r'\bid="([^"]+)"', html))
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', html)) <= inside


def test_pictures_have_words(tmp_path: Path, everything: dict[str, Any]) -> None:
    page = Page(write_report(tmp_path / "report.html", **everything).read_text())
    assert all(attributes["alt"] for attributes in page.named("img"))
    assert all(attributes.get("aria-label") or attributes.get("aria-hidden") for attributes in page.named("svg"))


def test_the_same_input_gives_the_same_page(tmp_path: Path, everything: dict[str, Any]) -> None:
    one, two = (write_report(tmp_path / name, **everything).read_bytes() for name in ("a.html", "b.html"))
    assert one == two


def test_names_from_outside_are_escaped(
    tmp_path: Path,
    everything: dict[str, Any],
    make_features: Callable[..., Features],
    make_result: Callable[..., Result],
) -> None:
    classes = (EVIL, "run $x^2$", "jump")
    result = make_result()
    everything |= {
        "run_info": replace(INFO, name=EVIL, data=EVIL, command=EVIL, recipe=EVIL),
        "results": [replace(result, protocol=replace(result.protocol, data=EVIL))],
        "metrics": [{"step": 1, "epoch": 1, f"train/{EVIL}": 1.0, f"train/support_{EVIL}": 1.0, f"other/{EVIL}": 2.0}],
    }
    for name in ("query", "gallery", "random_query", "random_gallery"):
        everything[name] = make_features(f"{EVIL}/{name[-5:]}", classes=classes)
    html = write_report(tmp_path / "report.html", **everything).read_text()
    assert "<script" not in html
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&quot;&amp;" in html
    Page(html)


def test_run_without_anything_else_says_what_is_left_out_and_why(tmp_path: Path) -> None:
    html = write_report(tmp_path / "report.html", run_info=INFO).read_text()
    assert "Scores left out: the run has no result file yet" in html
    assert "Curves left out: the run has no metrics.jsonl" in html
    assert "Neighbours left out: there are no test videos." in html
    assert "Attention left out: there are no videos to show it on." in html
    assert "The map left out: there are no test videos." in html
    Page(html)


def unlabelled(features: Features) -> Features:
    return replace(features, labels=torch.full_like(features.labels, -1), classes=())


def test_videos_without_labels_keep_curves_and_attention(tmp_path: Path, everything: dict[str, Any]) -> None:
    for name in ("query", "gallery", "random_query", "random_gallery"):
        everything[name] = unlabelled(everything[name])
    html = write_report(tmp_path / "report.html", **everything).read_text()
    assert "Neighbours left out: 15 of 15 test videos have no label." in html
    assert "The map left out: 15 of 15 test videos have no label." in html
    assert "Attention left out" not in html
    assert "<b>0.mp4</b>" in html


def test_no_test_videos_show_attention_on_train_videos(tmp_path: Path, everything: dict[str, Any]) -> None:
    everything |= {"query": None, "random_query": None}
    html = write_report(tmp_path / "report.html", **everything).read_text()
    assert "Neighbours left out: there are no test videos." in html
    assert "Attention left out" not in html


def test_one_class_leaves_neighbours_out(
    tmp_path: Path, everything: dict[str, Any], make_features: Callable[..., Features]
) -> None:
    for name in ("query", "gallery", "random_query", "random_gallery"):
        everything[name] = make_features(name[-5:], classes=("walk",))
    html = write_report(tmp_path / "report.html", **everything).read_text()
    assert "Neighbours left out: all train videos are of one class." in html


@pytest.mark.parametrize(
    ("module", "package"), [("matplotlib.figure", "matplotlib"), ("sklearn.manifold", "scikit-learn")]
)
def test_missing_plot_package_is_named_with_the_command_that_installs_it(
    tmp_path: Path,
    everything: dict[str, Any],
    make_features: Callable[..., Features],
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    package: str,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    everything |= {"query": make_features("test", per_class=10), "random_query": None}
    with pytest.raises(UsageError, match=rf"{package}.*pip install 'kinema\[plots\]'"):
        write_report(tmp_path / "report.html", **everything)
    assert not (tmp_path / "report.html").exists()


def test_importing_the_report_imports_no_plot_package() -> None:
    code = "import sys, kinema.visualise.report; print([m for m in ('matplotlib', 'sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.25, "0.25 s"),
        (48, "48 s"),
        (59.7, "1 min 0 s"),
        (750, "12 min 30 s"),
        (11100, "3 h 5 min"),
        (187200, "2 d 4 h"),
    ],
)
def test_durations_are_told_in_two_units(seconds: float, said: str) -> None:
    assert duration(seconds) == said
