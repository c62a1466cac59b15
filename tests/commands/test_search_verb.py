"""`kinema search`: what a person types, and what is printed."""

import json
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from kinema.data.decode import open_video
from kinema.parquet import read_vectors

pytest.importorskip("lancedb", reason="lancedb is not installed")


@pytest.fixture(scope="module")
def searched(trained, clip_folder, tmp_path_factory):
    """The folder of vectors of all clips; to be read only."""
    from kinema import cli

    out = tmp_path_factory.mktemp("search") / "vectors"
    assert cli.run(["embed", str(trained), str(clip_folder), "--out", str(out), "--workers", "0"]) == 0
    return out


@pytest.fixture
def videos(searched):
    return [row["path"] for row in read_vectors(searched)[0]]


def test_table_json_and_sheet_have_the_same_results(command, searched, videos, tmp_path):
    pytest.importorskip("matplotlib")
    sheet = tmp_path / "found" / "sheet.png"
    table = command("search", searched, videos[0], "-k", 4, "--sheet", sheet)
    assert table.code == 0
    assert f"{videos[0]} is in the index itself" in table.err
    assert f"the contact sheet is {sheet}" in table.err
    lines = table.out.splitlines()
    assert lines[0].split() == ["cosine", "label", "seconds", "path"]
    found = json.loads(command("search", searched, videos[0], "-k", 4, "--json").out)
    assert found["query"] == [videos[0]]
    assert [line.split()[-1] for line in lines[1:]] == [hit["path"] for hit in found["results"]]
    assert [line.split()[1] for line in lines[1:]] == [f"{hit['cosine']:.4f}" for hit in found["results"]]
    with Image.open(sheet) as image:
        pixels = np.array(image.convert("RGB")).astype(int)
    coloured = (pixels.max(axis=2) - pixels.min(axis=2)) > 40
    strips = coloured.any(axis=0).mean()
    assert strips > 0.5, "the strips of three videos reach over most of the sheet"


def test_without_a_query_the_index_is_built_and_described(command, own_run, clip_folder, tmp_path):
    out = tmp_path / "vectors"
    command("embed", own_run, clip_folder / "test", "--out", out, "--workers", 0)
    first = command("search", out)
    assert first.code == 0
    assert "building the index of 4 vectors" in first.err
    assert "a search compares all of them" in first.out
    assert (first.out + first.err).count("took") == 1, "what has been built is described once"
    assert "labels: " in first.out
    second = command("search", out, "--json")
    assert second.err == ""
    told = json.loads(second.out)
    assert told["index"]["rows"] == 4
    assert sum(told["labels"].values()) == 4


def test_the_first_search_describes_the_index_that_it_builds(command, own_run, clip_folder, tmp_path):
    out = tmp_path / "vectors"
    command("embed", own_run, clip_folder / "test", "--out", out, "--workers", 0)
    query = next((clip_folder / "test").glob("*/*.mp4"))
    first = command("search", out, query)
    assert "a search compares all of them" in first.err
    assert "took" not in first.out
    assert "took" not in command("search", out, query).err


def test_copies_are_found_as_duplicates(command, trained, videos, tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    for number, video in enumerate(videos[:6]):
        shutil.copyfile(video, folder / f"{number}.mp4")
    shutil.copyfile(videos[0], folder / "copy.mp4")
    out, sheet = tmp_path / "vectors", tmp_path / "sheet.png"
    command("embed", trained, folder, "--out", out, "--workers", 0)
    ended = command("search", out, "--duplicates", 1, "--sheet", sheet)
    assert [line.split()[-1] for line in ended.out.splitlines()[1:]] == [
        str(folder / "0.mp4"),
        str(folder / "copy.mp4"),
    ]
    assert ended.err.splitlines()[-1] == "1 group of 2 vectors have a cosine of 1 or more"
    assert sheet.exists()
    [group] = json.loads(command("search", out, "--duplicates", 1, "--json").out)["groups"]
    assert [hit["cosine"] for hit in group] == pytest.approx([1, 1])


def test_result_that_is_gone_is_said_and_leaves_a_gap_on_the_sheet(command, trained, videos, tmp_path):
    pytest.importorskip("matplotlib")
    folder = tmp_path / "clips"
    folder.mkdir()
    for number, video in enumerate(videos[:3]):
        shutil.copyfile(video, folder / f"{number}.mp4")
    command("embed", trained, folder, "--out", tmp_path / "vectors", "--workers", 0)
    (folder / "1.mp4").unlink()
    ended = command("search", tmp_path / "vectors", folder / "0.mp4", "--sheet", tmp_path / "sheet.png")
    assert ended.code == 0
    assert "1.mp4: no such file" in ended.err
    assert (tmp_path / "sheet.png").exists()


def test_bad_input_is_one_line(command, searched, videos, tmp_path):
    (tmp_path / "notes.mp4").write_text("no video")
    some = videos[0]
    command("search", searched, "").refused(2, "empty query")
    command("search", searched, tmp_path / "absent.mp4").refused(2, "absent.mp4: no such file")
    command("search", searched, tmp_path / "notes.mp4").refused(3, "notes.mp4")
    command("search", searched, some, "--label", "no").refused(2, "no vector has the label 'no'")
    command("search", searched, some, "--folder", "no").refused(2, "below the folder 'no'")
    command("search", searched, some, "-k", 0).refused(2, "--k is 0")
    command("search", searched, "--label", "x").refused(2, "--label without anything to search for")
    command("search", searched, "-k", 3).refused(2, "--k without anything to search for")
    command("search", searched, "--duplicates", 0.9, "-k", 3).refused(2, "--k is of a search: leave it out")
    command("search", searched, "--duplicates", 0.9, "--exact").refused(2, "--exact is of a search: leave it out")
    sheet = tmp_path / "notes.mp4" / "sheet.png"
    command("search", searched, some, "--sheet", sheet).refused(
        2, "sheet.png: cannot be written", "notes.mp4 is a file"
    )
    command("search", searched, some, "--sheet", "sheet.jpg").refused(2, "give the name of a .png file")
    command("search", searched, some, "--duplicates", 0.9).refused(2, "give either it or a QUERY")
    command("search", searched, "--duplicates", 2).refused(2, "--duplicates is 2: give a cosine")
    command("search", searched, some, "--run", tmp_path).refused(2, "no checkpoint")
    command("search", searched, some, "--run", tmp_path / "gone").refused(2, "give it by --run")
    nowhere = tmp_path / "nowhere"
    command("search", nowhere, some).refused(
        2, f"holds no vectors: make them with `kinema embed RUN VIDEOS --out {nowhere}`"
    )
    command("search", tmp_path, some).refused(2, "make them with `kinema embed RUN VIDEOS --out DIR`, and give DIR")
    run = json.loads((searched / "model.json").read_text())["run"]
    command("search", run, some).refused(2, f"is a run and holds no vectors: make them with `kinema embed {run} VIDEOS")
    command("search", searched, tmp_path).refused(2, "a folder without frames: give the videos that are in it")
    command("search", searched, some, "--index", tmp_path / "notes.mp4").refused(2, "the index")


def test_videos_of_a_packed_store_are_searched_with_by_their_paths_in_it(command, trained, clip_folder, tmp_path):
    pytest.importorskip("matplotlib")
    store, vectors, sheet = tmp_path / "store", tmp_path / "vectors", tmp_path / "sheet.png"
    command("data", "pack", clip_folder / "test", "--out", store, "--short-side", 48, "--workers", 0)
    command("embed", trained, store, "--out", vectors, "--workers", 0)
    paths = [row["path"] for row in read_vectors(vectors)[0]]
    ended = command("search", vectors, paths[0], f"{paths[1]}@0.2", "--json", "--sheet", sheet)
    assert ended.code == 0, ended.err
    assert "no such file" not in ended.err
    assert {hit["path"] for hit in json.loads(ended.out)["results"]} == set(paths[2:])
    command("search", vectors, store / "nobody.mp4").refused(2, "nobody.mp4: no such file")


def test_line_breaks_in_names_are_not_obeyed(command, searched):
    ended = command("search", searched, "a\nb.mp4")
    ended.refused(2, "a?b.mp4: no such file")


def test_missing_packages_are_named_with_what_to_install(command, searched, videos, monkeypatch, tmp_path):
    for package, extra in (("lancedb", "search"), ("matplotlib.figure", "plots")):
        with monkeypatch.context() as without:
            without.setitem(sys.modules, package, None)
            ended = command("search", searched, videos[0], "--sheet", tmp_path / "sheet.png")
        ended.refused(2, f"pip install 'kinema[{extra}]'")


def test_sheet_is_never_drawn_over_what_is_searched_with(command, searched, videos, tmp_path):
    picture = tmp_path / "picture.png"
    with open_video(videos[0]) as reader:
        Image.fromarray(reader.at([0])[0].numpy()).save(picture)
    before = picture.read_bytes()
    for asked in ([picture], [videos[0], "--without", picture]):
        command("search", searched, *asked, "--sheet", tmp_path / "." / "picture.png").refused(2, "would be lost")
    assert picture.read_bytes() == before


def test_picture_is_searched_for_unless_the_vectors_are_of_change_alone(command, searched, trained, videos, tmp_path):
    pytest.importorskip("matplotlib")
    picture, sheet = tmp_path / "picture.webp", tmp_path / "sheet.png"
    with open_video(videos[0]) as reader:
        Image.fromarray(reader.at([0])[0].numpy()).save(picture)
    ended = command("search", searched, picture, "--without", f"{videos[1]}@0.2", "-k", 2, "--sheet", sheet)
    assert ended.code == 0
    assert "a still, searched for as a clip of 4 equal frames, in which nothing moves" in ended.err
    assert len(ended.out.splitlines()) == 3
    assert sheet.exists()
    command("search", searched, f"{picture}@2").refused(2, "a picture has no times")
    change = tmp_path / "change"
    command("embed", trained, videos[0], "--out", change, "--view", "residual", "--workers", 0)
    command("search", change, picture).refused(2, "in which nothing of it is left")
