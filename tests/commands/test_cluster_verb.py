"""`kinema cluster`: from the folder of vectors to a CSV file, a table and contact sheets."""

import csv
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from kinema.data.decode import open_video
from kinema.parquet import read_vectors, table_bytes
from kinema.stretch import frames
from kinema.visualise.contact_sheet import FRAMES
from kinema.visualise.pictures import spread

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def vectors_of(trained, clip_folder, tmp_path_factory):
    """The folder of vectors of all clips, in windows of half a clip; to be read only."""
    from kinema import cli

    out = tmp_path_factory.mktemp("vectors") / "windows"
    flags = ["--window", "0.24", "--allow-short", "--workers", "0"]
    assert cli.run(["embed", str(trained), str(clip_folder), "--out", str(out), *flags]) == 0
    return out


@pytest.fixture
def vectors(vectors_of, tmp_path):
    """A copy of it."""
    return shutil.copytree(vectors_of, tmp_path / "vectors")


def lines(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def rewrite(folder, **columns):
    """Put all vectors into one part, with other values in some columns."""
    rows, found = read_vectors(folder)
    for part in folder.glob("part-*"):
        part.unlink()
    kept = {name: [row[name] for row in rows] for name in rows[0]}
    other = {name: [value] * len(rows) for name, value in columns.items()}
    (folder / "part-00000.parquet").write_bytes(table_bytes(kept | other, torch.from_numpy(found.copy()), {}))


def test_every_window_has_its_line_and_its_cluster(command, vectors):
    ended = command("cluster", vectors, "--k", 3)
    assert ended.code == 0, ended.err
    rows, found = read_vectors(vectors)
    written = lines(vectors / "clusters.csv")
    assert len(rows) == 48
    assert list(written[0]) == ["path", "start", "end", "cluster", "distance"]
    for row, line in zip(rows, written, strict=True):
        assert (row["path"], row["start"], row["end"]) == (line["path"], float(line["start"]), float(line["end"]))
    of = np.array([int(line["cluster"]) for line in written])
    sizes = np.bincount(of)
    assert len(sizes) == 3 and sorted(sizes, reverse=True) == sizes.tolist()
    for vector, line in zip(found, written, strict=True):
        mean = found[of == int(line["cluster"])].astype(np.float64).mean(axis=0)
        assert float(line["distance"]) == pytest.approx(np.linalg.norm(vector - mean), abs=1e-6)
    said = " ".join(ended.out.split())
    assert "3 clusters of 48 vectors (k-means, 10 starts, seed 0)" in said
    for number, size in enumerate(sizes):
        assert f"│ {number} │ {size} │" in said
    assert "beside the labels of 48 vectors: purity " in said
    assert f"written to {vectors / 'clusters.csv'}" in " ".join(ended.err.split())


def test_sheets_are_drawn_of_each_cluster_into_a_new_folder_only(command, vectors, tmp_path):
    pytest.importorskip("matplotlib")
    call = ("cluster", vectors, "--k", 2, "--out", tmp_path / "found.csv", "--sheets", tmp_path / "sheets")
    ended = command(*call)
    assert ended.code == 0, ended.err
    assert sorted(path.name for path in (tmp_path / "sheets").iterdir()) == ["cluster_000.png", "cluster_001.png"]
    for path in (tmp_path / "sheets").iterdir():
        assert np.array(Image.open(path)).std() > 10
    assert not (vectors / "clusters.csv").exists()
    other = (*call[:3], 3, "--out", tmp_path / "other.csv", "--sheets", tmp_path / "sheets")
    command(*other).refused(2, f"--sheets {tmp_path / 'sheets'} is not empty: use --overwrite to replace its sheets")
    assert not (tmp_path / "other.csv").exists()


def test_clusters_that_are_there_are_refused_before_any_work_and_kept_where_they_are_replaced(
    command, vectors, tmp_path, monkeypatch
):
    pytest.importorskip("matplotlib")
    sheets = tmp_path / "sheets"
    call = ("cluster", vectors, "--sheets", sheets)
    assert command(*call, "--k", 2).code == 0
    before = {path: path.read_bytes() for path in (vectors / "clusters.csv", *sheets.iterdir())}
    with monkeypatch.context() as idle:
        idle.setattr("kinema.clustering.find_clusters", lambda *given: 1 / 0)
        command(*call, "--k", 3).refused(2, f"{vectors / 'clusters.csv'} is there: use --overwrite to replace it")
    assert {path: path.read_bytes() for path in before} == before

    assert command(*call, "--k", 3, "--overwrite").code == 0
    assert len({line["cluster"] for line in lines(vectors / "clusters.csv")}) == 3
    assert len(list(sheets.iterdir())) == 3
    assert (vectors / "clusters.csv.replaced-1").read_bytes() == before[vectors / "clusters.csv"]
    kept = {path.name: path.read_bytes() for path in (tmp_path / "sheets.replaced-1").iterdir()}
    assert kept == {path.name: content for path, content in before.items() if path.suffix == ".png"}
    assert command("cluster", vectors, "--k", 2, "--overwrite").code == 0
    assert len({line["cluster"] for line in lines(vectors / "clusters.csv.replaced-2")}) == 3


def test_overwrite_leaves_alone_what_is_no_clustering(command, vectors, untouched, tmp_path):
    part, sheets = next(vectors.glob("part-*")), tmp_path / "sheets"
    sheets.mkdir()
    for name in ("cluster_000.png", "holiday.png"):
        (sheets / name).write_text("mine")
    before, mine = untouched(vectors), untouched(sheets)
    command("cluster", vectors, "--k", 2, "--overwrite", "--out", part).refused(2, "is no file of clusters")
    command("cluster", vectors, "--k", 2, "--overwrite", "--out", vectors).refused(2, "is no file of clusters")
    command("cluster", vectors, "--k", 2, "--overwrite", "--sheets", sheets).refused(2, "other things than sheets")
    command("cluster", vectors, "--k", 2, "--overwrite", "--sheets", part).refused(2, "other things than sheets")
    assert (untouched(vectors), untouched(sheets)) == (before, mine)


def test_frames_of_a_window_are_spread_over_it(vectors):
    row = read_vectors(vectors)[0][1]
    assert (row["start"], row["end"]) == (0.24, 0.48)  # frames 6 to 11 of 12
    with open_video(row["path"]) as reader:
        expected = reader.at([6 + place for place in spread(FRAMES, 6)])
    assert (frames(row["path"], row["start"], row["end"]) == expected).all()


def test_without_labels_the_table_has_none(command, vectors):
    rewrite(vectors, label=None)
    ended = command("cluster", vectors, "--k", 2)
    assert ended.code == 0
    assert "label" not in ended.out and "purity" not in ended.out


def test_hdbscan_marks_what_lies_in_no_cluster(command, vectors):
    ended = command("cluster", vectors, "--method", "hdbscan", "--min-size", 2)
    assert ended.code == 0, ended.err
    written = lines(vectors / "clusters.csv")
    alone = [line for line in written if line["cluster"] == "-1"]
    assert alone and len(alone) < len(written)
    assert {line["distance"] for line in alone} == {""}
    assert f"│ none │ {len(alone)} │" in " ".join(ended.out.split())


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ("--k 49", "48 vectors do not make 49 clusters: give --k 48 or fewer"),
        ("--k 1", "--k is 1: give 2 or more"),
        ("--min-size 5", "--min-size is not for --method kmeans: drop it"),
        ("--method hdbscan --k 5", "--k is not for --method hdbscan: drop it"),
        ("--method hdbscan --min-size 49", "HDBSCAN finds no cluster of 49 or more"),
        ("--out /dev/null/clusters.csv", "cannot be written"),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_no_file(command, vectors, untouched, flags, complaint):
    before = untouched(vectors)
    command("cluster", vectors, *flags.split()).refused(2, complaint)
    assert untouched(vectors) == before


def test_folder_without_vectors_and_damaged_ones_are_one_line(command, vectors, tmp_path):
    command("cluster", tmp_path / "absent").refused(2, "holds no vectors: make them with `kinema embed RUN VIDEOS")
    part = next(vectors.glob("part-*"))
    part.write_bytes(part.read_bytes()[:-100])
    command("cluster", vectors).refused(2, f"{part} is damaged")
    part.write_bytes(b"")
    command("cluster", vectors).refused(2, f"{part} is damaged")


def test_video_that_is_gone_is_named_and_the_clusters_are_kept(command, vectors, tmp_path):
    rewrite(vectors, path="/gone/video.mp4")
    command("cluster", vectors, "--k", 2, "--sheets", tmp_path / "sheets").refused(3, "/gone/video.mp4")
    assert len(lines(vectors / "clusters.csv")) == 48
