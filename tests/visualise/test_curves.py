import re
from pathlib import Path

import pytest

from kinema.engine.log import Log, read
from kinema.visualise.curves import curves, panels, points, training_seconds


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    """As training writes it: a probe every second epoch, MCN's terms, times."""
    with Log(tmp_path) as log:
        for epoch in range(1, 5):
            figures = {
                "train/contrast": 12.0 - epoch,
                "train/binary": 9.0,
                "train/binary_acc": 0.75,
                "train/support_contrast": 12.5 - epoch,
                "train/loss": 11.0 - epoch,
                "train/grad_norm": 2.0,
                "train/data_time": 0.25,
                "train/step_time": 0.5,
                "train/lr": 0.01,
            }
            if epoch % 2 == 0:
                figures |= {"probe/knn_top1": 10.0 * epoch, "probe/feature_std": 0.5, "probe/effective_rank": 9.0}
            log.write(10 * epoch, epoch, figures)
    return tmp_path / "metrics.jsonl"


def test_every_logged_figure_is_in_one_panel(metrics: Path) -> None:
    rows = read(metrics)
    drawn = [name for panel in panels(rows, {}) for name in panel.figures]
    assert sorted(drawn) == sorted({name for row in rows for name in row} - {"step", "epoch"})
    assert drawn[0] == "train/loss"


def test_a_term_on_the_support_half_shares_the_panel_of_the_query_half(metrics: Path) -> None:
    assert ("train/contrast", "train/support_contrast") in [panel.figures for panel in panels(read(metrics), {})]


def test_chance_belongs_to_its_term_only(metrics: Path) -> None:
    at = {panel.title: panel.chance for panel in panels(read(metrics), {"contrast": 11.09})}
    assert at.pop("Contrast") == 11.09
    assert set(at.values()) == {None}


def test_dashed_line_is_drawn_at_chance(metrics: Path) -> None:
    rows = [{name: row[name] for name in ("step", "epoch", "train/contrast")} for row in read(metrics)]
    without, with_chance = (curves(rows, chance) for chance in ({}, {"contrast": 11.09}))
    assert with_chance.count("stroke-dasharray") == without.count("stroke-dasharray") + 2  # the line and its legend
    assert "chance 11.09" in with_chance


def test_figure_missing_from_some_epochs_is_drawn_from_the_others(metrics: Path) -> None:
    assert points(read(metrics), "probe/knn_top1") == ([2.0, 4.0], [20.0, 40.0])


def test_first_and_last_value_are_said_in_words(metrics: Path) -> None:
    assert re.search(r'aria-label="Loss over epochs. 10 after epoch 1, 7 after epoch 4."', curves(read(metrics), {}))


def test_one_epoch_can_be_drawn() -> None:
    assert curves([{"step": 3, "epoch": 1, "train/loss": 4.0}], {}).count("<svg") == 1


def test_ids_of_different_charts_differ(metrics: Path) -> None:
    ids = re.findall(r'id="([^"]+)"', curves(read(metrics), {"contrast": 11.0}))
    assert len(ids) == len(set(ids)) > 10


def test_training_time_is_steps_times_step_time(metrics: Path) -> None:
    assert training_seconds(read(metrics)) == pytest.approx(40 * 0.5)
