"""What the page is told: clips, pictures, neighbours, the map, the probe and the runs."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from asking import embedded, running
from PIL import Image

from kinema import cli
from kinema.data import sources
from kinema.parquet import read_vectors
from kinema.search import Index
from kinema.serve.plane import neighbourhood, plane
from kinema.serve.probe import probe


def test_clips_are_listed_a_few_at_a_time_and_by_label(page):
    about = page.ask("/api/index").json
    assert about["clips"] == 24 and sum(about["labels"].values()) == 24 and about["network"] and about["runs"] == 2
    first = page.ask("/api/clips?count=5").json
    assert first["total"] == 24 and len(first["clips"]) == 5
    rest = page.ask("/api/clips?offset=5&count=500").json["clips"]
    assert len({clip["id"] for clip in [*first["clips"], *rest]}) == 24
    label = next(iter(about["labels"]))
    own = page.ask(f"/api/clips?label={label}&count=500").json["clips"]
    assert len(own) == about["labels"][label] and {clip["label"] for clip in own} == {label}
    refused = page.ask("/api/clips?label=nonsense")
    assert refused.status == 400 and "no clip has the label 'nonsense'" in refused.json["error"]
    assert page.ask("/api/clips?count=many").status == 400


def test_where_files_are_the_page_does_not_learn(page, clip_folder):
    told = page.ask("/api/clips?count=500").body + page.ask("/api/index").body
    assert str(clip_folder).encode() not in told


def test_a_still_and_a_moving_picture_are_made_once_and_kept(page):
    clip = page.clips()[3]
    still, moving = (page.ask(f"/api/clips/{clip['id']}/{kind}.webp") for kind in ("still", "moving"))
    assert (still.status, still.headers["content-type"]) == (200, "image/webp")
    assert getattr(Image.open(io.BytesIO(still.body)), "n_frames", 1) == 1
    assert Image.open(io.BytesIO(moving.body)).n_frames == 12
    [kept] = (page.folder / "previews").rglob(f"{clip['id']}-*.moving.webp")
    assert kept.read_bytes() == moving.body
    before = kept.stat().st_mtime_ns
    assert page.ask(f"/api/clips/{clip['id']}/moving.webp").body == moving.body
    assert kept.stat().st_mtime_ns == before


def test_attention_is_drawn_on_request(page):
    clip = page.clips()[0]
    drawn = page.ask(f"/api/clips/{clip['id']}/attention.webp")
    assert drawn.status == 200
    assert Image.open(io.BytesIO(drawn.body)).n_frames == 4
    assert page.ask(f"/api/clips/{clip['id']}/nonsense.webp").status == 404


def test_neighbours_of_a_clip_are_those_that_numpy_finds(page, vectors):
    rows, found = read_vectors(vectors)
    cosines = found @ found[7]
    expected = [rows[i]["id"] for i in np.argsort(-cosines) if i != 7][:5]
    near = page.ask(f"/api/clips/{rows[7]['id']}/near?count=5").json
    assert near["query"]["id"] == rows[7]["id"]
    told = [clip["cosine"] for clip in near["clips"]]
    assert told == pytest.approx(sorted(cosines[np.arange(len(rows)) != 7], reverse=True)[:5], abs=1e-4)
    assert {clip["id"] for clip in near["clips"]} == set(expected)
    label = rows[0]["label"]
    among = page.ask(f"/api/clips/{rows[7]['id']}/near?count=5&label={label}").json["clips"]
    assert {clip["label"] for clip in among} == {label}


def test_a_dropped_video_of_the_index_finds_itself_and_is_deleted(page, vectors):
    rows, _ = read_vectors(vectors)
    found = page.upload(Path(rows[4]["path"]).read_bytes(), "?count=3")
    assert found.status == 200, found.body
    best = found.json["clips"][0]
    assert (best["id"], best["cosine"]) == (rows[4]["id"], pytest.approx(1, abs=1e-4))
    assert len(found.json["clips"]) == 3
    assert not list(page.uploads.iterdir())


def test_the_map_holds_every_clip_once_and_the_share_of_variance(page):
    found = page.ask("/api/map").json
    assert len(set(found["ids"])) == len(found["x"]) == len(found["y"]) == 24
    assert 0 < found["share"] <= 1 and max(map(abs, found["x"] + found["y"])) == pytest.approx(1, abs=1e-3)
    chosen = page.post("/api/chosen", found["ids"][3:5]).json["clips"]
    assert [clip["id"] for clip in chosen] == found["ids"][3:5]


def test_the_map_may_be_coloured_by_cluster(page):
    clusters = page.ask("/api/clusters").json["cluster"]
    sizes = [clusters.count(number) for number in range(8)]
    assert sum(sizes) == 24 and sizes == sorted(sizes, reverse=True) and sizes[-1] > 0


def test_the_map_of_neighbours_holds_every_clip_once(page):
    found = page.ask("/api/map?by=neighbours").json
    assert found["ids"] == page.ask("/api/map").json["ids"] and found["share"] is None
    assert max(map(abs, found["x"] + found["y"])) == pytest.approx(1, abs=1e-3)
    assert page.ask("/api/map?by=distance").status == 400


def test_neighbours_lie_beside_one_another_where_two_components_mix_them():
    rng = np.random.default_rng(0)
    centres = np.eye(40, dtype=np.float32)  # forty groups as far from one another each: no plane has room for them
    group = np.repeat(np.arange(40), 8)
    vectors = (centres[group] + 0.05 * rng.normal(size=(320, 40))).astype(np.float32)

    def together(points):
        apart = np.square(points[:, None] - points).sum(axis=2) + np.diag(np.full(320, np.inf))
        return (group[apart.argmin(axis=1)] == group).mean()

    points = neighbourhood(vectors)
    assert together(points) > 0.98 > 0.7 > together(plane(vectors)[0])
    assert np.abs(points).max() == pytest.approx(1)
    assert np.array_equal(points, neighbourhood(vectors))


@pytest.mark.parametrize("vectors", [np.ones((9, 3)), np.eye(3), np.eye(4), np.eye(6)[:, :1]])
def test_few_or_equal_vectors_have_a_map_of_neighbours_too(vectors):
    points = neighbourhood(vectors.astype(np.float32))
    assert points.shape == (len(vectors), 2) and np.isfinite(points).all()


def test_the_plane_is_that_of_a_singular_value_decomposition():
    vectors = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32) * [5, 3, 1, 1, 1, 1]
    points, share = plane(vectors.astype(np.float32))
    u, s, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    expected = u[:, :2] * s[:2]
    expected /= np.abs(expected).max()
    assert np.abs(np.abs(points) - np.abs(expected)).max() < 1e-5
    assert share == pytest.approx((s[:2] ** 2).sum() / (s**2).sum())
    assert plane(np.ones((5, 3), np.float32))[1] == 0
    assert plane(np.arange(4, dtype=np.float32)[:, None])[0].shape == (4, 2)


def test_a_probe_of_a_few_labels_tells_the_rest_of_two_clouds():
    rng = np.random.default_rng(1)
    vectors = np.concatenate([rng.normal(0, 1, (50, 8)), rng.normal(3, 1, (50, 8))]).astype(np.float32)
    found = probe(vectors, {row: "a" if row < 50 else "b" for row in (0, 1, 2, 50, 51, 52)})
    guesses = [found.best(row)[0] for row in range(100)]
    assert np.mean([guess == "ab"[row // 50] for row, guess in enumerate(guesses)]) > 0.95
    assert (found.tried, found.right) == (6, 6)
    assert probe(vectors, {0: "a", 50: "b"}).tried == 0


def test_labels_sort_the_others_and_are_exported_as_a_list_that_data_takes(page, tmp_path):
    clips = page.clips()
    labels = {clip["id"]: clip["label"] for clip in clips[::3]}
    found = page.post("/api/probe", labels).json
    assert {clip["id"] for clip in found["clips"]} == {clip["id"] for clip in clips} - set(labels)
    shares = [clip["share"] for clip in found["clips"]]
    assert shares == sorted(shares, reverse=True) and min(shares) >= 0.5
    exported = page.post("/api/labels.csv", labels)
    assert "attachment" in exported.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(exported.body.decode())))
    assert [row["label"] for row in rows] == list(labels.values()) and {row["given"] for row in rows} == {"yes"}
    listed = tmp_path / "labels.csv"
    listed.write_bytes(page.post("/api/labels.csv?guesses=true", labels).body)
    source = sources.read_source(listed)
    assert len(source.train) == 24 and set(source.train.classes) == set(labels.values())


@pytest.mark.parametrize("label", ["", "  ", "a\nb", "x" * 101])
def test_what_is_no_label_is_refused(page, label):
    one, two = (clip["id"] for clip in page.clips()[:2])
    refused = page.post("/api/probe", {one: "fine", two: label})
    assert refused.status == 400 and "is no label" in refused.json["error"]


def test_one_class_and_unknown_clips_are_refused(page):
    [clip] = page.clips()[:1]
    assert "at least two different labels" in page.post("/api/probe", {clip["id"]: "a"}).json["error"]
    assert page.post("/api/probe", {"0000": "a"}).status == 404
    assert page.post("/api/probe", ["a"]).status == 400


def test_runs_are_told_with_curves_and_tables(page):
    found = page.ask("/api/runs").json
    assert len(found["runs"]) == 2
    loss = next(chart for chart in found["charts"] if chart["title"] == "Loss")
    assert [len(line["values"]) for line in loss["lines"]] == [2, 2]
    [table] = found["tables"]
    assert table["header"][2] == "R@1" and table["rows"][0][0] == "random init"


def test_without_its_run_an_index_is_shown_but_not_searched_by_video(vectors, tmp_path):
    folder = moved(vectors, tmp_path / "vectors", tmp_path / "gone")
    with running(folder) as alone:
        about = alone.ask("/api/index").json
        assert not about["network"] and "is not there: give it by --run" in about["why"] and about["runs"] == 0
        refused = alone.upload(b"anything")
        assert refused.status == 400 and "without its network" in refused.json["error"]
        assert alone.ask(f"/api/clips/{alone.clips()[0]['id']}/still.webp").status == 200


def test_vectors_of_a_checkpoint_have_its_run_beside_them_and_exported_ones_have_none(run, clip_folder, tmp_path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    exported = tmp_path / "exported"
    assert cli.run(["export", str(run), "--out", str(exported)]) == 0
    for source, names in ((run / "checkpoints" / "last.pt", [run.name]), (exported, [])):
        folder = embedded(source, clip_folder / "test", tmp_path / f"of_{source.stem}")
        with running(folder) as page:
            about = page.ask("/api/index").json
            assert about["network"] and about["runs"] == len(names)
            assert [each["name"] for each in page.ask("/api/runs").json["runs"]] == names


def test_a_page_whose_vectors_have_changed_says_so_and_what_to_do(run, clip_folder, tmp_path):
    """It gave the digest of new vectors with old clips, called the new index damaged, and could end in a 500."""
    folder = embedded(run, clip_folder / "test", tmp_path / "vectors")
    with running(folder) as page:
        before, near = page.ask("/api/index").json, f"/api/clips/{page.clips()[0]['id']}/near"
        embedded(run, clip_folder, folder)
        assert page.ask("/api/index").json == before, "labels in the browser are kept under this digest"
        assert page.ask(near).status == 200, "the index is still the old one"
        assert Index.open(folder).about.rows > before["clips"]
        for answer in (page.ask(near), page.upload(next(clip_folder.glob("test/*/*.mp4")).read_bytes())):
            assert answer.status == 400
            assert answer.json["error"].endswith("export your labels, and start it again")
        for part in folder.glob("part-*"):
            part.unlink()
        assert page.ask("/api/index").json == before


def moved(vectors, folder, run):
    """A copy of some vectors whose run is elsewhere."""
    shutil.copytree(vectors, folder)
    told = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(told | {"run": str(run)}))
    return folder


def test_mistakes_are_refused_in_one_line(vectors, run, tmp_path, capsys):
    for flags, code, said in [
        ([str(tmp_path)], 2, "holds no vectors"),
        ([str(vectors), "--token", "short"], 2, "--token has 5 signs"),
        ([str(vectors), "--upload-mb", "0"], 2, "--upload-mb is 0"),
        ([str(vectors), "--port", "99999"], 2, "--port is 99999"),
        ([str(vectors), "--port", "1", "--host", "no.such.host.invalid"], 2, "cannot listen at no.such.host.invalid"),
        ([str(vectors), "--run", str(tmp_path)], 2, "run"),
        ([str(vectors), "--against", str(run)], 2, str(run)),
        ([str(vectors), "--against", str(tmp_path / "gone")], 2, "gone is not a run"),
        ([str(vectors), "--allow", str(tmp_path / "gone")], 2, "gone: no such folder"),
    ]:
        assert cli.run(["serve", *flags]) == code
        assert said in capsys.readouterr().err.splitlines()[-1]
