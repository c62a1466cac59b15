"""The shipped figures against figures typed in here by hand, and how many of them each table has."""

import tomllib
from collections import Counter
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import pytest

from kinema import published
from kinema.errors import UsageError
from kinema.published import peers

# Rows of Tables 1-10 as read from the paper: table, method, backbone, frames, figures in the order of the table.
ROWS = [
    (1, "CMC (RGB + residual)", "S3D", 32, [76.7, 45.5]),
    (1, "MCN", "S3D", 32, [82.9, 53.8]),
    (1, "CMC (RGB + residual)", "R(2+1)D", 32, [77.3, 46.2]),
    (1, "MCN", "R(2+1)D", 32, [84.8, 54.5]),
    (1, "CMC (RGB + residual)", "R3D-18", 32, [78.6, 47.1]),
    (1, "MCN", "R3D-18", 32, [85.4, 54.8]),
    (2, "MCN", "S3D", 32, [71.6, 40.8]),
    (2, "CMC (RGB + residual)", "R3D-18", 32, [64.6, 37.3]),
    (2, "MCN", "R(2+1)D", 32, [72.4, 41.2]),
    (3, "MCN, alpha 0.1", "R(2+1)D", 32, [84.1]),
    (3, "MCN, alpha 0.2", "R(2+1)D", 32, [84.8]),
    (3, "MCN, alpha 0.3", "R(2+1)D", 32, [83.4]),
    (3, "MCN, alpha 0.4", "R(2+1)D", 32, [82.7]),
    (4, "CMC (RGB + residual)", "R(2+1)D", 16, [74.6]),
    (4, "MCN", "R(2+1)D", 16, [81.3]),
    (4, "MCN", "R(2+1)D", 64, [86.7]),
    (5, "CL", "R(2+1)D", 32, [77.3]),
    (5, "CL + BL", "R(2+1)D", 32, [79.2]),
    (5, "CL + BL + meta stages", "R(2+1)D", 32, [84.8]),
    (6, "CoCLR", "S3D", None, [70.2, 39.1]),
    (6, "MCN", "R(2+1)D", 32, [72.4, 42.2]),
    (6, "MCN", "R3D-18", 32, [73.1, 42.9]),
    (7, "Jigsaw", "", None, [51.5, 22.5]),
    (7, "IIC", "R3D", None, [74.4, 38.3]),
    (7, "MCN", "R3D-18", 32, [85.4, 54.8]),
    (8, "CVRL", "R3D", None, [92.1, 65.4]),
    (8, "PP", "R(2+1)D", None, [75.9, 35.9]),
    (8, "MCN", "R(2+1)D", 32, [89.2, 58.8]),
    (8, "MCN", "R3D-18", 32, [89.7, 59.3]),
    (9, "CoCLR", "", None, [53.3, 69.4, 76.6, 82.0]),
    (9, "MCN", "R(2+1)D", 32, [52.5, 69.5, 77.9, 83.1, 89.3]),
    (9, "MCN", "R3D-18", 32, [53.8, 70.2, 78.3, 83.4, 89.7]),
    (10, "VCOP", "", None, [7.6, 22.9, 34.4, 48.8, 68.9]),
    (10, "MCN", "R(2+1)D", 32, [23.7, 46.5, 58.9, 72.4, 87.3]),
    (10, "MCN", "R3D-18", 32, [24.1, 46.8, 59.7, 74.2, 87.6]),
]
FIGURES = {1: 12, 2: 12, 3: 4, 4: 6, 5: 3, 6: 10, 7: 26, 8: 18, 9: 54, 10: 39}
METHODS = {1: 6, 2: 6, 3: 4, 4: 6, 5: 3, 6: 5, 7: 13, 8: 9, 9: 11, 10: 8}


@pytest.mark.parametrize(("table", "method", "backbone", "frames", "values"), ROWS)
def test_row_has_the_figures_of_the_paper(table, method, backbone, frames, values):
    found = [
        figure.value
        for figure in published.figures(table)
        if (figure.method, figure.backbone, figure.frames) == (method, backbone, frames)
    ]
    assert found == values


def test_every_table_is_whole():
    assert Counter(figure.table for figure in published.figures()) == FIGURES
    rows = {(f.table, f.method, f.backbone, f.frames) for f in published.figures()}
    assert Counter(table for table, *_ in rows) == METHODS


def test_no_figure_is_there_twice():
    keys = [(f.table, f.method, f.backbone, f.frames, f.data, f.metric) for f in published.figures()]
    assert len(set(keys)) == len(keys) == sum(FIGURES.values())


def test_the_authors_own_figures_say_how_they_were_made_and_are_quoted_from_nowhere():
    own = [f for f in published.figures() if f.method.startswith(("MCN", "CL")) or f.method == "CMC (RGB + residual)"]
    assert len(own) == 12 + 12 + 4 + 6 + 3 + 4 + 4 + 4 + 10 + 10
    assert all((f.size, f.quoted) == (128, "") and f.frames in (16, 32, 64) and f.pretrain for f in own)
    assert all(f.quoted for f in published.figures() if f not in own)


def test_each_table_has_one_task():
    tasks = {table: {figure.task for figure in published.figures(table)} for table in published.TABLES}
    others = {2: "linear", 6: "linear", 9: "retrieval", 10: "retrieval"}
    assert tasks == {table: {others.get(table, "finetune")} for table in published.TABLES}


@pytest.mark.parametrize(
    ("note", "rows"),
    [
        ("probe-twice", {(2, "MCN"), (6, "MCN")}),
        ("jigsaw-backbone", {(7, "Jigsaw")}),
        ("pp-kinetics", {(8, "PP")}),
        ("puzzle", {(8, "ST-Puzzle")}),
        ("dpc", {(8, "DPC")}),
        ("opn", {(7, "OPN")}),
        ("vcop-net", {(7, "VCOP")}),
        ("retrieval-r21d", {(9, "VCOP"), (9, "VCP")}),
        ("retrieval-r3d", {(10, "VCOP")}),
        ("coclr-weights", {(9, "CoCLR")}),
        ("other-inputs", {(6, "CBT"), (6, "MemDPC"), (6, "CoCLR")}),
        ("s3d", {(t, m) for t in (1, 2) for m in ("MCN", "CMC (RGB + residual)")}),
        ("backbone-not-stated", {(4, "MCN"), (4, "CMC (RGB + residual)")}),
        ("two-views", {(9, "MCN"), (10, "MCN")}),
    ],
)
def test_contradiction_is_noted_at_the_rows_it_concerns_and_nowhere_else(note, rows):
    assert {(f.table, f.method) for f in published.figures() if note in f.notes} == rows


def test_every_note_is_used():
    assert {note for figure in published.figures() for note in figure.notes} == set(published.notes())


def test_unknown_table_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="no table 11: the paper has tables 1 to 10"):
        published.figures(11)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"value": 848.0}, "no percentage"),
        ({"notes": ("nothing",)}, "no such note"),
        ({"task": "lunch"}, "no such table, method or task"),
        ({"metric": "R@1"}, "no such figure of finetune"),
    ],
)
def test_figure_that_makes_no_sense_is_refused(values, complaint):
    with pytest.raises(ValueError, match=complaint):
        replace(published.figures(1)[0], **values)


def test_the_files_are_part_of_the_package_that_is_built():
    root = Path(__file__).parents[1]
    patterns = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["kinema"]
    for name in ("mcn.csv", "notes.csv", "peers.csv", "ladder.csv"):
        assert (root / "src" / "kinema" / "published" / name).is_file()
        assert any(fnmatch(f"published/{name}", pattern) for pattern in patterns)


def test_one_figure_of_a_method_is_of_ucf101_and_the_usual_clips_where_there_is_a_choice():
    assert peers.best("mcn", "MCN", "finetune") == peers.Peer(
        "mcn", "R3D-18", "UCF101", "finetune", 85.4, "MCN's Table 1"
    )
    assert peers.best("pace", "PP", "finetune").value == 75.9
    assert peers.best("speednet", "SpeedNet", "finetune").pretrain == "Kinetics-400"
    assert peers.best("tclr", "", "retrieval").value == 56.1
    assert peers.best("dpc", "DPC", "retrieval") is None


def test_ladder_of_one_network_is_that_of_pcls_readme():
    ladder = {
        peer.method: peer.value for peer in peers.peers() if (peer.source, peer.task) == (peers.SAME_NET, "retrieval")
    }
    assert ladder == {"random init": 15.3, "rotnet": 14.2, "vcp": 22.1, "pace": 23.8, "iic": 36.8, "pcl": 55.1}
