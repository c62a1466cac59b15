"""What a person without a screen reads while something long runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kinema import console
from kinema.console import Bars
from kinema.engine.train import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    yield now


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_the_time_left_is_what_is_left_at_the_pace_so_far(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    bars = Bars()
    bars.show("features", 0, 100)
    clock[0] = 20.0
    bars.show("features", 10, 100)
    assert lines(capsys) == ["features: 10/100, 3:00 left"]


def test_what_was_done_before_a_resume_does_not_count_towards_the_pace(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    bars = Bars()
    bars.show("training", 500, 1000)
    clock[0] = 60.0
    bars.show("training", 600, 1000)
    assert lines(capsys) == ["training: 600/1000, 4:00 left"]


def test_no_time_is_promised_before_there_is_a_pace(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    Bars().show("features", 3, 100, now=True)
    assert lines(capsys) == ["features: 3/100"]


def test_the_first_epoch_of_training_counts_towards_its_pace(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    bars = Bars()
    for step in range(1, 12):
        clock[0] = 10.0 * (step - 1)
        bars.training(Progress(step, 44, (step - 1) // 11, 4, dict))
    assert lines(capsys) == ["training: 11/44, 5:30 left; epoch 1/4  "]


def test_an_epoch_of_hours_says_every_five_minutes_how_far_it_is(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    bars = Bars()
    for step in range(1, 8):
        clock[0] = 100.0 * (step - 1)
        bars.training(Progress(step, 1000, 0, 1, dict))
    assert lines(capsys) == [
        "training: 4/1000, 27:40:00 left; epoch 1/1  ",
        "training: 7/1000, 27:35:00 left; epoch 1/1  ",
    ]


def test_a_bar_asks_for_figures_once_a_second_since_that_waits_for_a_gpu(clock: list[float]) -> None:
    bars, asked = Bars(), []
    bars.live = True
    for step in range(1, 101):
        clock[0] = 0.1 * (step - 1)
        bars.training(Progress(step, 200, 0, 2, lambda: asked.append(clock[0]) or {}))
    assert asked == pytest.approx([*range(10), 9.9], abs=0.11)  # the last at the epoch's end
