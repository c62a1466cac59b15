import pytest

from kinema.data import factors, sources
from kinema.data.video import Video
from kinema.errors import UsageError

META = "Path,label,person,Camera\nclips/a.mp4,0,eva,still\nclips/b.mp4,1,ira,\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "set" / "lists").mkdir(parents=True)
    (tmp_path / "set" / "meta.csv").write_text(META)
    return tmp_path / "set"


def videos(folder, *names):
    return [Video(str(folder / "clips" / name)) for name in names]


def test_columns_are_found_in_a_folder_above_whatever_the_order_asked_for(folder):
    rows = factors.rows_of(videos(folder, "b.mp4", "a.mp4"))
    assert factors.values(rows, "person") == ["ira", "eva"]
    assert factors.values(rows, "CAMERA") == ["", "still"]
    assert factors.look_column(rows) == "person"


def test_relative_paths_are_those_of_the_working_folder(folder, monkeypatch):
    monkeypatch.chdir(folder / "lists")
    assert factors.values(factors.rows_of([Video("../clips/a.mp4")]), "person") == ["eva"]


def test_meta_that_does_not_list_the_video_is_passed_by_for_one_further_up(folder):
    (folder / "clips").mkdir()
    (folder / "clips" / "meta.csv").write_text("path,person\nother.mp4,uma\n")
    assert factors.values(factors.rows_of(videos(folder, "a.mp4")), "person") == ["eva"]


def test_looks_of_rendered_videos_are_kept_apart_by_split(clip_folder):
    source = sources.read_source(clip_folder)
    looks = {side: set(factors.values(factors.rows_of(each.videos), "look")) for side, each in source.sides().items()}
    assert looks["train"] == {f"train {number}" for number in range(10)}
    assert looks["test"] == {"test 10", "test 11"}


def test_synthetic_set_records_motion_and_look_of_every_clip(clip_folder):
    rows = factors.rows_of(sources.read_source(clip_folder).train.videos)
    assert len(rows) == 20
    assert set(factors.values(rows, "motion")) == {"slide", "rise"}
    assert factors.look_column(rows) == "look"


def test_video_that_no_meta_lists_is_named(folder, tmp_path):
    with pytest.raises(UsageError, match=r"c\.mp4: no meta\.csv in a folder above lists it"):
        factors.rows_of(videos(folder, "a.mp4", "c.mp4"))


def test_unknown_column_is_refused_with_the_nearest(folder):
    rows = factors.rows_of(videos(folder, "a.mp4"))
    with pytest.raises(UsageError, match="no column 'persn': did you mean 'person'"):
        factors.values(rows, "persn")


def test_meta_without_any_grouping_column_asks_for_its_name(tmp_path):
    (tmp_path / "meta.csv").write_text("path,camera\na.mp4,still\n")
    with pytest.raises(UsageError, match="name the column with --look"):
        factors.look_column(factors.rows_of([Video(str(tmp_path / "a.mp4"))]))
