"""`kinema.search.Index`: what is found is what NumPy finds."""

import json
import os
import shutil

import numpy as np
import pytest
import torch
from made_up import clustered, write_vectors
from PIL import Image

from kinema.data.decode import open_video
from kinema.errors import DataError, UsageError
from kinema.parquet import read_vectors
from kinema.search import Example, Index, database

pytest.importorskip("lancedb", reason="lancedb is not installed")


@pytest.fixture(scope="module")
def opened(whole):
    return Index.open(whole)


@pytest.fixture(scope="module")
def cut(windows):
    return Index.open(windows)


def numpy_order(vectors, query, left_out=()):
    """Rows by their cosine with a query, highest first, by another formula than the index's."""
    cosines = (vectors.astype(np.float64) @ query) / np.linalg.norm(query) / np.linalg.norm(vectors, axis=1)
    return [row for row in np.argsort(-cosines, kind="stable").tolist() if row not in left_out], cosines


def test_vector_of_a_whole_video_is_the_one_in_the_index(opened, whole):
    rows, vectors = read_vectors(whole)
    for row in (0, 7):
        found = opened._vectors([Example(rows[row]["path"])])[0]
        np.testing.assert_allclose(found.numpy(), vectors[row], atol=1e-6)


def test_vector_of_a_stretch_is_that_of_its_window(cut, windows):
    rows, vectors = read_vectors(windows)
    assert [(row["start"], row["end"]) for row in rows[:3]] == [(0, 0.16), (0.16, 0.32), (0.32, 0.48)]
    found = cut._vectors([Example(rows[1]["path"], 0.16, 0.32)])[0]
    np.testing.assert_allclose(found.numpy(), vectors[1], atol=1e-6)


def test_longer_example_is_the_mean_of_its_windows(cut, windows):
    rows, vectors = read_vectors(windows)
    mean = vectors[:3].mean(axis=0)
    found = cut._vectors([Example(rows[0]["path"])])[0]
    np.testing.assert_allclose(found.numpy(), mean / np.linalg.norm(mean), atol=1e-6)


def test_search_finds_what_numpy_finds_and_leaves_the_example_out(opened, whole):
    rows, vectors = read_vectors(whole)
    order, cosines = numpy_order(vectors, vectors[5], {5})
    hits = opened.query(rows[5]["path"], k=8)
    np.testing.assert_allclose([hit.cosine for hit in hits], cosines[order[:8]], atol=1e-5)
    assert [hit.path for hit in hits] == [rows[row]["path"] for row in order[:8]]


def test_unwanted_examples_change_the_order_as_the_formula_says(opened, whole):
    rows, vectors = read_vectors(whole)
    wanted, unwanted = [1, 4, 9], [2, 12]
    query = vectors[wanted].mean(axis=0, dtype=np.float64) - vectors[unwanted].mean(axis=0, dtype=np.float64)
    order, cosines = numpy_order(vectors, query, {*wanted, *unwanted})
    hits = opened.query(
        [rows[row]["path"] for row in wanted], without=[rows[row]["path"] for row in unwanted], k=len(order)
    )
    assert [hit.path for hit in hits] == [rows[row]["path"] for row in order]
    np.testing.assert_allclose([hit.cosine for hit in hits], cosines[order], atol=1e-4)
    plain = opened.query([rows[row]["path"] for row in wanted], k=len(rows))
    assert [hit.path for hit in plain if hit in hits] != [hit.path for hit in hits]


def test_examples_that_cancel_out_are_refused(opened, whole):
    path = read_vectors(whole)[0][0]["path"]
    with pytest.raises(UsageError, match="cancel out"):
        opened.query(path, without=path)


def test_frame_is_searched_for_as_a_clip_that_repeats_it(opened, whole, tmp_path):
    """From a video, from a file, and as a video of which every frame is the same."""
    rows, _ = read_vectors(whole)
    said = []
    index = Index(opened.vectors, opened.database, say=said.append)
    with open_video(rows[3]["path"]) as reader:
        frame = reader.at([5])[0]
    Image.fromarray(frame.numpy()).save(tmp_path / "frame.png")
    by_time, by_file = index._vectors([Example(rows[3]["path"], 0.2), Example(str(tmp_path / "frame.png"))])
    (tmp_path / "still").mkdir()
    for number in range(12):
        shutil.copyfile(tmp_path / "frame.png", tmp_path / "still" / f"{number}.png")
    expected = index.encoder.embed(tmp_path / "still")
    torch.testing.assert_close(by_time, expected)
    torch.testing.assert_close(by_file, expected)
    assert "nothing moves" in said[0]


def test_only_the_windows_of_a_stretch_are_left_out(cut, windows):
    rows, _ = read_vectors(windows)
    own = rows[0]["path"]
    found = {hit.start for hit in cut.query(f"{own}@0.16-0.32", k=len(rows)) if hit.path == own}
    assert found == {0, 0.32}
    found = {hit.start for hit in cut.query(f"{own}@0.4", k=len(rows)) if hit.path == own}
    assert found == {0, 0.16}


def test_label_and_folder_hold_for_all_that_is_found(opened, whole):
    rows, vectors = read_vectors(whole)
    label = rows[0]["label"]
    order, _ = numpy_order(vectors, vectors[0], {0})
    expected = [rows[row]["path"] for row in order if rows[row]["label"] == label]
    assert [hit.path for hit in opened.query(rows[0]["path"], k=100, labels=[label])] == expected
    tests = [rows[row]["path"] for row in order if "/test/" in rows[row]["path"]]
    assert 0 < len(tests) < len(rows)
    assert [hit.path for hit in opened.query(rows[0]["path"], k=100, folders=["test"])] == tests
    both = opened.query(rows[0]["path"], k=100, folders=["test/"], labels=[label])
    assert [hit.path for hit in both] == [path for path in tests if path in expected]
    whole_path = rows[0]["path"].rpartition("/train/")[0] + "/test"
    assert [hit.path for hit in opened.query(rows[0]["path"], k=100, folders=[whole_path])] == tests


def test_names_with_quotes_are_names(tmp_path):
    folder = write_vectors(tmp_path / "v", clustered(4, 8), ["o'clock", "a", "a", None], ["x/it's/a.mp4"] * 4)
    index = Index.open(folder)
    vector = torch.ones(8)
    hits = index.nearest(vector, among=database_condition(index, ["o'clock"], ["it's"]))
    assert [hit.label for hit in hits] == ["o'clock"]
    assert index.labels() == {"a": 2, "o'clock": 1}


def database_condition(index, labels, folders):
    from kinema.search.filters import condition

    return condition(index.database, labels, folders)


def test_unknown_label_or_folder_is_named_with_the_nearest(tmp_path):
    folder = write_vectors(
        tmp_path / "v", clustered(3, 8), ["walk", "run", "walk"], ["c/w/a.mp4", "c/r/b.mp4", "c/w/d"]
    )
    index = Index.open(folder)
    with pytest.raises(UsageError, match=r"no vector has the label 'wlak': did you mean 'walk'\? known: run, walk"):
        database_condition(index, ["wlak"], [])
    with pytest.raises(UsageError, match="folder 'c/ww': did you mean 'c/w'"):
        database_condition(index, [], ["c/ww"])
    with pytest.raises(UsageError, match="no vector of the labels run is below the folders w"):
        database_condition(index, ["run"], ["w"])


def test_vectors_without_labels_are_said_to_have_none(tmp_path):
    index = Index.open(write_vectors(tmp_path / "v", clustered(3, 8)))
    with pytest.raises(UsageError, match="none has a label"):
        database_condition(index, ["walk"], [])


@pytest.mark.parametrize(
    ("query", "said"),
    [("", "empty query"), ("  ", "empty query"), ([], "nothing to search for"), ("VIDEO@x", "'x' is no time")],
)
def test_query_that_says_nothing_is_refused(opened, whole, query, said):
    path = read_vectors(whole)[0][0]["path"]
    with pytest.raises(UsageError, match=said):
        opened.query(query.replace("VIDEO", path) if isinstance(query, str) else query)


def test_times_beyond_the_video_are_refused_with_its_length(opened, whole):
    path = read_vectors(whole)[0][0]["path"]
    for times in ("9", "9-12", "0-2"):
        with pytest.raises(UsageError, match=r"the video ends at 0\.48"):
            opened.query(f"{path}@{times}")
    with pytest.raises(UsageError, match="ends before it begins"):
        opened.query(f"{path}@2-1")


def test_file_that_is_no_video_is_refused(opened, tmp_path):
    (tmp_path / "notes.txt").write_text("no video")
    os.mkfifo(tmp_path / "pipe.jpg")
    for name, said in (("notes.txt", "notes.txt"), ("pipe.jpg", "not a regular file")):
        with pytest.raises(DataError, match=said):
            opened.query(str(tmp_path / name))


@pytest.mark.parametrize("name", ["absent.mp4", "absent.mp4@1-2", "absent.jpg", "a" * 5000, "b" * 300 + "/x.mp4@2"])
def test_file_that_is_not_there_is_a_mistake_in_the_question(opened, whole, tmp_path, name):
    with pytest.raises(UsageError, match="no such file"):
        opened.query(str(tmp_path / name))
    with pytest.raises(UsageError, match="no such file"):
        opened.query(read_vectors(whole)[0][0]["path"], without=str(tmp_path / name))


def test_name_with_an_at_sign_is_a_name_where_there_is_such_a_file(opened, whole, tmp_path):
    path = read_vectors(whole)[0][0]["path"]
    shutil.copyfile(path, tmp_path / "me@2-3")
    assert opened.query(str(tmp_path / "me@2-3"), k=1)[0].path == path


def test_network_that_did_not_make_the_vectors_is_refused(whole, run, tmp_path, clip_folder):
    path = read_vectors(whole)[0][0]["path"]
    other = tmp_path / "other"
    shutil.copytree(run, other)
    for checkpoint in (other / "checkpoints").glob("*.pt"):
        state = torch.load(checkpoint, weights_only=True)
        name = next(key for key in state["method"] if key.startswith("backbone.") and key.endswith("weight"))
        state["method"][name] += 0.01
        torch.save(state, checkpoint)
    with pytest.raises(UsageError, match="is not the network that made"):
        Index.open(whole, run=other).query(path)
    with pytest.raises(UsageError, match="is not there: give it by --run"):
        Index.open(whole, run=tmp_path / "moved").query(path)


def test_index_of_another_model_is_refused(tmp_path):
    place = str(tmp_path / "index")
    Index.open(write_vectors(tmp_path / "a", clustered(5, 8)), at=place)
    other = write_vectors(tmp_path / "b", clustered(5, 8, seed=1), model="another")
    with pytest.raises(UsageError, match="is of another model's vectors"):
        Index.open(other, at=place)


def test_part_of_another_model_is_refused(tmp_path):
    folder = write_vectors(tmp_path / "v", clustered(5, 8))
    card = json.loads((folder / "model.json").read_text()) | {"hash": "another"}
    (folder / "model.json").write_text(json.dumps(card))
    with pytest.raises(UsageError, match=r"part-00000.parquet was not made by the model"):
        Index.open(folder)


def test_index_is_built_once_and_again_when_vectors_change(tmp_path):
    said = []
    folder = write_vectors(tmp_path / "v", clustered(5, 8))
    Index.open(folder, say=said.append)
    assert [line.split()[0] for line in said] == ["building", "the"]
    said.clear()
    Index.open(folder, say=said.append)
    assert not said
    shutil.move(folder, tmp_path / "elsewhere")
    assert Index.open(tmp_path / "elsewhere", say=said.append).about.rows == 5
    assert not said, "vectors that have been moved are the same"
    write_vectors(tmp_path / "elsewhere", clustered(6, 8))
    assert Index.open(tmp_path / "elsewhere", say=said.append).about.rows == 6
    assert "have changed since the index was built" in said[0]


def test_index_that_was_not_finished_is_built_anew(tmp_path, monkeypatch):
    folder = write_vectors(tmp_path / "v", clustered(5, 8))
    monkeypatch.setattr(database, "described", lambda about: 1 / 0)
    monkeypatch.setattr(database, "About", lambda *values, **more: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Index.open(folder)
    monkeypatch.undo()
    assert len(Index.open(folder).nearest(torch.ones(8))) == 5


def damage(folder, pattern, content):
    files = [path for path in folder.rglob(pattern) if path.is_file()]
    assert files, pattern
    for path in files:
        path.write_bytes(content(path.read_bytes()))


@pytest.mark.parametrize(
    "pattern", ["kinema_windows.lance/data/*", "kinema_windows.lance/_versions/*", "kinema_about.lance/**/*"]
)
@pytest.mark.parametrize("content", [lambda old: old[: len(old) // 2], lambda old: b"", lambda old: bytes(len(old))])
def test_damaged_index_is_one_line(tmp_path, pattern, content):
    folder = write_vectors(tmp_path / "v", clustered(50, 8))
    Index.open(folder)
    damage(folder / "search", pattern, content)
    with pytest.raises(UsageError, match=r"cannot be read .*remove it, and the next search builds it anew") as found:
        Index.open(folder).nearest(torch.ones(8))
    assert "\n" not in str(found.value)


def test_vector_of_another_length_is_refused(tmp_path):
    index = Index.open(write_vectors(tmp_path / "v", clustered(50, 8)))
    with pytest.raises(UsageError, match=r"the shape \(7,\), and those in .* have 8 numbers"):
        index.nearest(torch.ones(7))
    with pytest.raises(UsageError, match=r"the shape \(1, 8\)"):
        index.nearest(torch.ones(1, 8))


def test_damaged_vectors_are_named(tmp_path):
    folder = write_vectors(tmp_path / "v", clustered(50, 8))
    part = folder / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-40])
    for read in (Index.open, read_vectors):
        with pytest.raises(UsageError, match=r"part-00000.parquet is damaged"):
            read(folder)
    (folder / "model.json").write_text("{")
    with pytest.raises(UsageError, match=r"model.json is damaged"):
        Index.open(folder)
    with pytest.raises(UsageError, match="holds no vectors: make them with"):
        Index.open(tmp_path)
