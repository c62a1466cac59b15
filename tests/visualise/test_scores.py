from collections.abc import Callable
from dataclasses import replace

from kinema.evaluate.protocol import Result
from kinema.visualise.scores import by_protocol, score_tables


def test_random_init_is_the_first_row_whatever_the_order(make_result: Callable[..., Result]) -> None:
    html = score_tables([make_result(), make_result("random init", 20.0)])
    assert html.index('<th scope="row">random init</th>') < html.index('<th scope="row">MCN (tiny_mcn)</th>')
    assert "60.0<small>[55.0, 65.0]</small>" in html


def test_sentence_says_what_the_figure_means_beside_random_init_and_guessing(
    make_result: Callable[..., Result],
) -> None:
    html = score_tables([make_result(), make_result("random init", 20.0)])
    assert "for this share of the 100 test videos the nearest of 400 train videos is of the same class" in html
    assert "Random init reaches 20.0 %" in html
    assert "8 equally frequent classes 12.5 %" in html
    assert "intervals do not overlap" in html


def test_overlapping_intervals_are_called_so(make_result: Callable[..., Result]) -> None:
    assert "may be chance" in score_tables([make_result(), make_result("random init", 56.0)])


def test_worse_than_random_init_is_called_so(make_result: Callable[..., Result]) -> None:
    assert "worse than random init" in score_tables([make_result(), make_result("random init", 90.0)])


def test_results_of_different_protocols_stand_in_different_tables(make_result: Callable[..., Result]) -> None:
    centred = make_result()
    centred = replace(centred, protocol=replace(centred.protocol, centred=True))
    results = [make_result(), centred, make_result("random init")]
    assert [len(group) for group in by_protocol(results)] == [2, 1]
    html = score_tables(results)
    assert html.count("<table>") == 2
    assert "random init was not measured" in html


def test_random_init_alone_is_called_so(make_result: Callable[..., Result]) -> None:
    assert "no trained network was measured" in score_tables([make_result("random init")])


def test_heading_names_the_view_unless_it_is_rgb(make_result: Callable[..., Result]) -> None:
    rgb = make_result()
    residual = replace(rgb, protocol=replace(rgb.protocol, view="residual"))
    headings = [line for line in score_tables([rgb, residual]).splitlines() if line.startswith("<h3>")]
    assert [line.endswith(", residual view</h3>") for line in headings] == [False, True]
