"""Layouts are recognised by their files, and every complaint names the file and the line."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from kinema.data.skip import read_skip, without, write_skip
from kinema.data.sources import VideoList, read_list, read_pair, read_source, require_classes
from kinema.errors import DataError, UsageError


def touch(root: Path, *names: str) -> Path:
    """Empty files: sources look at names only."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def names(videos: VideoList, root: Path) -> list[str]:
    return [str(Path(video.path).relative_to(root)) for video in videos.videos]


def labels(videos: VideoList) -> list[int]:
    return [video.label for video in videos.videos]


TWO = ("clips/a.mp4", "clips/b.mp4")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.csv", "path,label\nclips/a.mp4,1\nclips/b.mp4,0\n"),
        ("list.csv", "clips/a.mp4,1\nclips/b.mp4,0\n"),
        ("list.csv", "clips/a.mp4 1\nclips/b.mp4 0\n"),
        ("list.csv", "label,extra,path\n1,x,clips/a.mp4\n0,y,clips/b.mp4\n"),
        ("list.csv", '"clips/a.mp4", 1\r\n"clips/b.mp4", 0\r\n'),
        ("list.csv", "\ufeffpath,label\nclips/a.mp4,1\n\nclips/b.mp4,0"),
        ("list.tsv", "path\tlabel\nclips/a.mp4\t1\nclips/b.mp4\t0\n"),
        ("list.txt", "clips/a.mp4\t1\nclips/b.mp4\t0\n"),
        ("list.txt", "clips/a.mp4 1\nclips/b.mp4 0\n"),
        ("list.txt", "path label\nclips/a.mp4   1\nclips/b.mp4   0\n"),
        ("list.txt", "clips/a.mp4,1\nclips/b.mp4,0\n"),
    ],
)
def test_lists_are_read_whatever_separates_their_columns(tmp_path: Path, name: str, text: str) -> None:
    touch(tmp_path, *TWO)
    (tmp_path / name).write_text(text, newline="")
    source = read_source(tmp_path / name)
    assert (source.kind, source.test, source.split) == ("list", None, None)
    assert names(source.train, tmp_path) == list(TWO)
    assert labels(source.train) == [1, 0]
    assert source.train.classes == ("0", "1")
    assert source.train.name == f"{tmp_path.name}/list"


@pytest.mark.parametrize("text", ["clips/a.mp4\nclips/b.mp4\n", "path\nclips/a.mp4\nclips/b.mp4\n"])
@pytest.mark.parametrize("name", ["list.csv", "list.txt"])
def test_the_label_column_may_be_absent(tmp_path: Path, name: str, text: str) -> None:
    touch(tmp_path, *TWO)
    (tmp_path / name).write_text(text)
    videos = read_list(tmp_path / name)
    assert labels(videos) == [-1, -1]
    assert videos.classes == ()


def test_class_names_get_labels_in_sorted_order(tmp_path: Path) -> None:
    touch(tmp_path, *TWO)
    (tmp_path / "list.csv").write_text("path,label\nclips/a.mp4,walk\nclips/b.mp4,air drumming\n")
    videos = read_list(tmp_path / "list.csv")
    assert videos.classes == ("air drumming", "walk")
    assert labels(videos) == [1, 0]


@pytest.mark.parametrize("text", ["walk\njump\n", "0 walk\n1 jump\n"])
def test_a_classes_file_names_the_classes(tmp_path: Path, text: str) -> None:
    touch(tmp_path, *TWO)
    (tmp_path / "classes.txt").write_text(text)
    (tmp_path / "numbers.csv").write_text("clips/a.mp4,1\nclips/b.mp4,0\n")
    (tmp_path / "names.csv").write_text("clips/a.mp4,jump\nclips/b.mp4,walk\n")
    for name in ("numbers.csv", "names.csv"):
        videos = read_list(tmp_path / name)
        assert videos.classes == ("walk", "jump")
        assert labels(videos) == [1, 0]


def test_paths_may_hold_spaces_and_commas(tmp_path: Path) -> None:
    touch(tmp_path, "my clips/a, b.mp4", "my clips/c d.mp4")
    (tmp_path / "commas.csv").write_text('"my clips/a, b.mp4",x\nmy clips/c d.mp4,y\n')
    (tmp_path / "tabs.txt").write_text("my clips/a, b.mp4\tx\nmy clips/c d.mp4\ty\n")
    (tmp_path / "spaces.txt").write_text("my clips/a, b.mp4 x\nmy clips/c d.mp4 y\n")
    for name in ("commas.csv", "tabs.txt", "spaces.txt"):
        videos = read_list(tmp_path / name)
        assert names(videos, tmp_path) == ["my clips/a, b.mp4", "my clips/c d.mp4"]
        assert labels(videos) == [0, 1]
    (tmp_path / "bare.txt").write_text("my clips/a, b.mp4\nmy clips/c d.mp4\n")
    assert labels(read_list(tmp_path / "bare.txt")) == [-1, -1]


def test_a_list_that_find_wrote_may_hold_spaces_and_commas(tmp_path: Path) -> None:
    touch(tmp_path, "videos/a, b.mp4", "videos/c d.mp4", "videos/.e f.mp4", "lists/empty.txt")
    (tmp_path / "list.txt").write_text("./videos/a, b.mp4\n./videos/c d.mp4\n./videos/.e f.mp4\n")
    (tmp_path / "lists/up.txt").write_text("../videos/c d.mp4\n../videos/a, b.mp4\n")
    assert names(read_list(tmp_path / "list.txt"), tmp_path) == ["videos/a, b.mp4", "videos/c d.mp4", "videos/.e f.mp4"]
    assert labels(read_list(tmp_path / "lists/up.txt")) == [-1, -1]


def test_a_list_in_a_folder_of_its_own_is_relative_to_the_folder_above(tmp_path: Path) -> None:
    touch(tmp_path, *TWO)
    touch(tmp_path, "folds/train_1.csv")
    (tmp_path / "folds/train_1.csv").write_text("clips/a.mp4,0\nclips/b.mp4,1\n")
    assert names(read_list(tmp_path / "folds/train_1.csv"), tmp_path) == list(TWO)


def test_folders_of_frames_may_be_listed_with_their_number_of_frames(tmp_path: Path) -> None:
    touch(tmp_path, "frames/a/img_00001.jpg", "frames/b/img_00001.jpg")
    (tmp_path / "list.txt").write_text("frames/a 30 1\nframes/b 25 0\n")
    videos = read_list(tmp_path / "list.txt")
    assert names(videos, tmp_path) == ["frames/a", "frames/b"]
    assert labels(videos) == [1, 0]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("clips/a.mp4,0\nclips/b.mp4\n", 2, "no label, but"),
        ("clips/a.mp4\n\nclips/b.mp4,0\n", 3, "a number as label, but"),
        ("path,label\nclips/a.mp4,\nclips/b.mp4,0\n", 3, "a number as label"),
        ("clips/a.mp4,0\nclips/b.mp4,walk\n", 2, "a name as label"),
        ("clips/a.mp4,0\nclips/b.mp4,0,1\n", 2, "3 columns and no header"),
        ("path,label\nclips/a.mp4,0\n,1\n", 3, "no path"),
        ("clips/a.mp4,0\nclips/nothing.mp4,1\n", 2, "no file .*nothing.mp4 .1 of 2 listed"),
        ("clips/a.mp4,0\nclips/b.mp4,-1\n", 2, "a name as label"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, text: str, line: int, message: str) -> None:
    touch(tmp_path, *TWO)
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(UsageError, match=rf"list\.csv:{line}: {message}") as error:
        read_list(tmp_path / "list.csv")
    assert "\n" not in str(error.value)


def test_labels_beyond_the_classes_file_are_named(tmp_path: Path) -> None:
    touch(tmp_path, *TWO)
    (tmp_path / "classes.txt").write_text("walk\njump\n")
    (tmp_path / "list.csv").write_text("clips/a.mp4,0\nclips/b.mp4,2\n")
    with pytest.raises(UsageError, match=r"list\.csv:2: label 2, but there are only classes 0 to 1"):
        read_list(tmp_path / "list.csv")
    (tmp_path / "list.csv").write_text("clips/a.mp4,walk\nclips/b.mp4,jumo\n")
    with pytest.raises(UsageError, match=r"list\.csv:2: unknown class 'jumo'; did you mean 'jump'"):
        read_list(tmp_path / "list.csv")


def test_an_empty_list_and_other_files_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "empty.csv", "clip.mp4", "notes.pdf")
    (tmp_path / "header.csv").write_text("path,label\n")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x80" * 10)
    for name, message in {
        "empty.csv": "names no videos",
        "header.csv": "names no videos",
        "binary.csv": "no UTF-8 text",
        "clip.mp4": "a video; give a list",
        "notes.pdf": "not a list",
        "nowhere": "no such file or folder",
    }.items():
        with pytest.raises(UsageError, match=message):
            read_source(tmp_path / name)


def test_missing_files_are_counted_or_reported_as_asked(tmp_path: Path) -> None:
    touch(tmp_path, *TWO)
    (tmp_path / "list.csv").write_text("clips/x.mp4,0\nclips/a.mp4,0\nclips/b.mp4,1\nclips/y.mp4,1\n")
    with pytest.raises(UsageError, match=r"list\.csv:1: no file .*x\.mp4 \(2 of 4 listed videos are missing"):
        read_source(tmp_path / "list.csv")
    videos = read_source(tmp_path / "list.csv", allow_missing=True).train
    assert names(videos, tmp_path) == list(TWO)
    assert [Path(lost.path).name for lost in videos.missing] == ["x.mp4", "y.mp4"]
    assert [lost.where.rpartition(":")[2] for lost in videos.missing] == ["1", "4"]


def test_a_folder_with_two_lists_has_two_sides_with_the_same_classes(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4", "c.mp4")
    (tmp_path / "train.csv").write_text("path,label\na.mp4,walk\nb.mp4,run\n")
    (tmp_path / "test.csv").write_text("path,label\nc.mp4,walk\n")
    source = read_source(tmp_path)
    assert source.kind == "lists"
    assert source.test is not None
    assert source.train.classes == source.test.classes == ("run", "walk")
    assert (labels(source.train), labels(source.test)) == ([1, 0], [1])
    assert list(source.sides()) == ["train", "test"]


def test_a_pair_of_lists_shares_its_classes(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    (tmp_path / "one.csv").write_text("a.mp4,walk\n")
    (tmp_path / "other.csv").write_text("b.mp4,run\n")
    source = read_pair(tmp_path / "one.csv", tmp_path / "other.csv")
    assert source.test is not None
    assert source.train.classes == source.test.classes == ("run", "walk")
    assert (labels(source.train), labels(source.test)) == ([1], [0])
    with pytest.raises(UsageError, match="no such list file"):
        read_pair(tmp_path / "one.csv", tmp_path / "nothing.csv")


def test_groups_come_from_the_meta_file_or_the_list_or_ucf_names(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "v_Biking_g06_c03.mp4")
    (tmp_path / "list.csv").write_text("path,label\na.mp4,0\nv_Biking_g06_c03.mp4,1\n")
    assert [video.group for video in read_list(tmp_path / "list.csv").videos] == ["", "Biking_g06"]
    (tmp_path / "meta.csv").write_text("path,frames,person\na.mp4,10,eli\n")
    assert [video.group for video in read_list(tmp_path / "list.csv").videos] == ["eli", "Biking_g06"]
    (tmp_path / "list.csv").write_text("path,label,group\na.mp4,0,one\nv_Biking_g06_c03.mp4,1,two\n")
    assert [video.group for video in read_list(tmp_path / "list.csv").videos] == ["one", "two"]


def test_a_look_is_a_group_within_its_split(tmp_path: Path) -> None:
    """Rendered sets count the looks of each split from 0: an equal number on two sides is no leak."""
    touch(tmp_path, "a.mp4", "b.mp4", "c.mp4")
    (tmp_path / "list.csv").write_text("path,label\na.mp4,0\nb.mp4,1\nc.mp4,0\n")
    (tmp_path / "meta.csv").write_text("path,split,look\na.mp4,train,3\nb.mp4,train,3\nc.mp4,test,3\n")
    assert [video.group for video in read_list(tmp_path / "list.csv").videos] == ["train 3", "train 3", "test 3"]
    (tmp_path / "meta.csv").write_text(
        "path,split,look,person\na.mp4,train,3,eli\nb.mp4,train,3,ido\nc.mp4,test,3,eli\n"
    )
    assert [video.group for video in read_list(tmp_path / "list.csv").videos] == ["eli", "ido", "eli"]


def test_class_folders_give_labels_and_hidden_files_nothing(tmp_path: Path) -> None:
    touch(
        tmp_path, "walk/2.mp4", "walk/10.avi", "run/deeper/a.mkv", "walk/._2.mp4", "walk/notes.txt", "empty/readme.md"
    )
    source = read_source(tmp_path)
    assert (source.kind, source.train.classes) == ("folders", ("run", "walk"))
    assert names(source.train, tmp_path) == ["run/deeper/a.mkv", "walk/2.mp4", "walk/10.avi"]
    assert labels(source.train) == [0, 1, 1]


def test_a_flat_folder_has_no_labels(tmp_path: Path) -> None:
    touch(tmp_path, "b.mp4", "a.webm", "cover.jpg")
    source = read_source(tmp_path)
    assert (source.kind, source.train.classes) == ("flat", ())
    assert names(source.train, tmp_path) == ["a.webm", "b.mp4"]
    assert labels(source.train) == [-1, -1]


def test_train_and_test_folders_are_two_sides(tmp_path: Path) -> None:
    touch(tmp_path, "train/run/a.mp4", "train/walk/b.mp4", "val/walk/c.mp4")
    source = read_source(tmp_path)
    assert source.test is not None
    assert source.train.classes == source.test.classes == ("run", "walk")
    assert (labels(source.train), labels(source.test)) == ([0, 1], [1])


def test_folders_of_frames_are_videos_flat_and_in_class_folders(tmp_path: Path) -> None:
    touch(tmp_path / "flat", "one/img_1.jpg", "one/img_2.jpg", "two/img_1.png")
    source = read_source(tmp_path / "flat")
    assert names(source.train, tmp_path / "flat") == ["one", "two"]
    assert (source.kind, labels(source.train)) == ("flat", [-1, -1])
    touch(tmp_path / "classes", "run/one/1.jpg", "walk/two/1.jpg", "walk/three/1.jpg")
    source = read_source(tmp_path / "classes")
    assert names(source.train, tmp_path / "classes") == ["run/one", "walk/three", "walk/two"]
    assert labels(source.train) == [0, 1, 1]
    with pytest.raises(UsageError, match="the frames of one video"):
        read_source(tmp_path / "flat" / "one")


def test_folders_that_are_no_data_set_are_refused(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UsageError, match="no videos found"):
        read_source(tmp_path / "nothing")
    touch(tmp_path / "sides", "train/a.mp4", "train/walk/b.mp4", "test/walk/c.mp4")
    with pytest.raises(UsageError, match=r"both videos \(a.mp4\) and folders of videos \(walk\)"):
        read_source(tmp_path / "sides")


def test_videos_beside_folders_of_videos_are_all_taken_without_labels(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "walk/b.mp4", "2024/summer, at sea/c.mov", "notes.txt", "2024/._c.mov")
    source = read_source(tmp_path)
    assert (source.kind, source.train.classes) == ("a tree without labels", ())
    assert names(source.train, tmp_path) == ["2024/summer, at sea/c.mov", "a.mp4", "walk/b.mp4"]
    assert labels(source.train) == [-1, -1, -1]
    with pytest.raises(DataError, match="no videos beside them"):
        require_classes(source.train)


def test_a_link_to_a_folder_above_itself_is_refused_by_name(tmp_path: Path) -> None:
    """Followed, it showed each video again at every depth, until the system said that there are too many links."""
    videos = tmp_path / "videos"
    touch(tmp_path, "videos/walk/a.mp4", "videos/run/b.mp4", "elsewhere/c.mp4")
    (videos / "walk/aside").symlink_to(tmp_path / "elsewhere")
    assert names(read_source(videos).train, videos) == ["run/b.mp4", "walk/a.mp4", "walk/aside/c.mp4"]
    (videos / "walk/again").symlink_to("..")
    with pytest.raises(UsageError, match=r"walk/again: a link to a folder that it lies in"):
        read_source(videos)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look anywhere")
@pytest.mark.parametrize("mode", [0o000, 0o400])
def test_a_folder_that_may_not_be_looked_into_is_named(tmp_path: Path, mode: int) -> None:
    folder = touch(tmp_path / "closed", "walk/a.mp4")
    folder.chmod(mode)
    try:
        with pytest.raises(UsageError, match=r"closed.*Permission denied"):
            read_source(folder)
    finally:
        folder.chmod(0o700)


def test_a_split_of_a_layout_without_splits_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "walk/a.mp4", "run/b.mp4")
    assert read_source(tmp_path, split=1).split is None
    with pytest.raises(UsageError, match="split 2 was asked for"):
        read_source(tmp_path, split=2)


def ucf101(root: Path) -> Path:
    """A tiny UCF101 in which lists and folders disagree on a capital letter, as in the published ones; CRLF too."""
    touch(root, "UCF-101/ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi", "UCF-101/Biking/v_Biking_g01_c01.avi")
    touch(root, "UCF-101/HandStandPushups/v_HandstandPushups_g02_c01.avi", "ucfTrainTestlist/classInd.txt")
    lists = root / "ucfTrainTestlist"
    (lists / "classInd.txt").write_bytes(b"1 ApplyEyeMakeup\r\n2 Biking\r\n3 HandstandPushups\r\n")
    eye, bike = "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi", "Biking/v_Biking_g01_c01.avi"
    stand = "HandstandPushups/v_HandStandPushups_g02_c01.avi"
    (lists / "trainlist01.txt").write_bytes(f"{eye} 1\r\n{stand} 3\r\n".encode())
    (lists / "testlist01.txt").write_bytes(f"{bike}\r\n".encode())
    (lists / "trainlist02.txt").write_bytes(f"{bike} 2\r\n".encode())
    (lists / "testlist02.txt").write_bytes(f"{stand}\r\n{eye}\r\n".encode())
    return root


@pytest.mark.parametrize("given", [".", "UCF-101"])
def test_ucf101_is_recognised_from_above_and_from_inside(tmp_path: Path, given: str) -> None:
    source = read_source(ucf101(tmp_path) / given)
    assert (source.kind, source.split, source.train.name) == ("ucf101", 1, "ucf101/train1")
    assert source.train.classes == ("ApplyEyeMakeup", "Biking", "HandstandPushups")
    assert labels(source.train) == [0, 2]
    assert [video.group for video in source.train.videos] == ["ApplyEyeMakeup_g08", "HandstandPushups_g02"]
    assert source.train.videos[1].path.endswith("HandStandPushups/v_HandstandPushups_g02_c01.avi")
    assert source.test is not None
    assert labels(source.test) == [1]


def test_ucf101_splits_are_told_apart_and_limited_to_three(tmp_path: Path) -> None:
    source = read_source(ucf101(tmp_path), split=2)
    assert source.test is not None
    assert (labels(source.train), labels(source.test)) == ([1], [2, 0])
    for split in (0, 4):
        with pytest.raises(UsageError, match=f"no split {split}, only 1 to 3"):
            read_source(tmp_path, split=split)


def test_ucf101_missing_videos_are_named_by_list_and_line(tmp_path: Path) -> None:
    (ucf101(tmp_path) / "UCF-101/Biking/v_Biking_g01_c01.avi").unlink()
    with pytest.raises(UsageError, match=r"testlist01\.txt:1: no file .*v_Biking_g01_c01\.avi \(1 of 1"):
        read_source(tmp_path)


def test_ucf101_lists_without_videos_say_what_is_missing(tmp_path: Path) -> None:
    (ucf101(tmp_path) / "UCF-101").rename(tmp_path.with_suffix(".elsewhere"))
    with pytest.raises(UsageError, match="no class folder such as 'ApplyEyeMakeup'"):
        read_source(tmp_path)


def test_other_data_beside_the_lists_of_ucf101_is_not_taken_for_it(tmp_path: Path) -> None:
    ucf101(tmp_path)
    touch(tmp_path / "mine", "walk/a.mp4", "run/b.mp4")
    assert read_source(tmp_path / "mine").kind == "folders"


def test_ucf101_as_folders_of_frames(tmp_path: Path) -> None:
    for path in [*(ucf101(tmp_path) / "UCF-101").glob("*/*.avi")]:
        path.unlink()
        touch(path.with_suffix(""), "frame000001.jpg")
    assert len(read_source(tmp_path).train) == 2


def test_hmdb51_codes_choose_the_side(tmp_path: Path) -> None:
    odd = "#20_Rhythm_clap_u_nm_np1_fr_goo_0.avi"
    touch(tmp_path, f"hmdb51/clap/{odd}", "hmdb51/clap/b.avi", "hmdb51/clap/c.avi", "hmdb51/wave/(d)[x].avi")
    lists = tmp_path / "testTrainMulti_7030_splits"
    lists.mkdir()
    for split, codes in enumerate(["1 2 0 1", "2 1 1 2"], 1):
        one, two, three, four = codes.split()
        (lists / f"clap_test_split{split}.txt").write_text(f"{odd} {one} \nb.avi {two} \nc.avi {three} \n")
        (lists / f"wave_test_split{split}.txt").write_text(f"(d)[x].avi {four} \n")
    source = read_source(tmp_path)
    assert (source.kind, source.train.classes) == ("hmdb51", ("clap", "wave"))
    assert source.test is not None
    assert names(source.train, tmp_path / "hmdb51") == [f"clap/{odd}", "wave/(d)[x].avi"]
    assert names(source.test, tmp_path / "hmdb51") == ["clap/b.avi"]
    assert len(read_source(tmp_path / "hmdb51", split=2).train) == 2
    (lists / "wave_test_split1.txt").write_text("(d)[x].avi 7\n")
    with pytest.raises(UsageError, match=r"wave_test_split1\.txt:1: '7' where"):
        read_source(tmp_path)


KINETICS = "label,youtube_id,time_start,time_end,split\n"


def test_kinetics_finds_files_by_excerpt_wherever_they_are(tmp_path: Path) -> None:
    touch(tmp_path, "train/-7tDxxH2g6I_000016_000026.mp4", "train/air drumming/0wR5jVB-WPk_000417_000427.mkv")
    touch(tmp_path, "val/3caPS4FHFF8_000036_000046.mp4")
    (tmp_path / "train.csv").write_text(
        f"{KINETICS}archery,-7tDxxH2g6I,16,26,train\nair drumming,0wR5jVB-WPk,417.0,427.0,train\n"
    )
    (tmp_path / "val.csv").write_text(f"{KINETICS}archery,3caPS4FHFF8,36,46,validate\n")
    source = read_source(tmp_path)
    assert source.kind == "kinetics"
    assert source.test is not None
    assert source.train.classes == source.test.classes == ("air drumming", "archery")
    assert (labels(source.train), labels(source.test)) == ([1, 0], [1])
    assert [video.group for video in source.train.videos] == ["-7tDxxH2g6I", "0wR5jVB-WPk"]
    assert labels(read_list(tmp_path / "val.csv")) == [0]


def test_kinetics_with_missing_videos_reports_them(tmp_path: Path) -> None:
    touch(tmp_path, "train/aaaaaaaaaaa_000001_000011.mp4", "annotations/train.csv")
    rows = [f"archery,{letter * 11},1,11,train" for letter in "abc"]
    (tmp_path / "annotations/train.csv").write_text(KINETICS + "\n".join(rows))
    with pytest.raises(UsageError, match=r"train\.csv:3: no file .*bbb.* \(2 of 3 listed videos are missing"):
        read_source(tmp_path)
    assert len(read_source(tmp_path, allow_missing=True).train.missing) == 2
    (tmp_path / "annotations/train.csv").write_text(f"{KINETICS}archery,aaaaaaaaaaa,one,11,train\n")
    with pytest.raises(UsageError, match=r"train\.csv:2: time_start and time_end"):
        read_source(tmp_path)


def test_a_skip_file_leaves_videos_out_and_counts_them(tmp_path: Path) -> None:
    touch(tmp_path, *TWO, "clips/c.mp4")
    (tmp_path / "list.csv").write_text("clips/a.mp4\nclips/b.mp4\nclips/c.mp4\nclips/gone.mp4\n")
    (tmp_path / "bad.txt").write_text(f"# truncated\nclips/b.mp4\n\n{tmp_path}/clips/gone.mp4\n")
    skip = read_skip(tmp_path / "bad.txt")
    videos = read_list(tmp_path / "list.csv", skip=skip)
    assert names(videos, tmp_path) == ["clips/a.mp4", "clips/c.mp4"]
    assert videos.skipped == 2
    again, count = without(videos, skip)
    assert (again, count) == (videos, 0)


def test_a_written_skip_file_reads_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_skip(tmp_path / "elsewhere.txt", [("clips/a b.mp4", "empty"), ("/abs/../c.mp4", "missing")])
    assert read_skip(tmp_path / "elsewhere.txt") == {str(tmp_path / "clips/a b.mp4"), "/c.mp4"}
    with pytest.raises(UsageError, match="cannot be read"):
        read_skip(tmp_path / "nothing.txt")


def test_evaluation_asks_for_labels_of_two_classes(tmp_path: Path) -> None:
    touch(tmp_path, *TWO)
    (tmp_path / "list.csv").write_text("clips/a.mp4,walk\nclips/b.mp4,walk\n")
    with pytest.raises(DataError, match=r"1 class \(walk\)"):
        require_classes(read_list(tmp_path / "list.csv"))
    (tmp_path / "list.csv").write_text("clips/a.mp4\nclips/b.mp4\n")
    with pytest.raises(DataError, match="no labels"):
        require_classes(read_list(tmp_path / "list.csv"))
    (tmp_path / "list.csv").write_text("clips/a.mp4,walk\nclips/b.mp4,run\n")
    assert require_classes(read_list(tmp_path / "list.csv")).classes == ("run", "walk")


@pytest.mark.parametrize(
    ("name", "sizes", "classes"),
    [("asl18", (768, 217), 18), ("mocap15", (1200, 450), 15), ("fight2", (179, 60), 2), ("weizmann9", (47, 18), 9)],
)
def test_real_lists_have_the_sizes_and_groups_they_are_described_with(
    shared_data: Path, name: str, sizes: tuple[int, int], classes: int
) -> None:
    source = read_source(shared_data / name)
    assert source.test is not None
    assert (len(source.train), len(source.test)) == sizes
    assert len(source.train.classes) == classes
    train, test = ({video.group for video in side.videos} - {""} for side in (source.train, source.test))
    assert not train & test
    assert train
    assert all(video.group for video in source.train.videos) or name == "fight2"


def test_the_published_ucf101_lists_have_the_published_sizes(shared_data: Path, tmp_path: Path) -> None:
    lists = shared_data / "annotations" / "ucf101" / "ucfTrainTestlist"
    (tmp_path / "ucfTrainTestlist").symlink_to(lists)
    touch(tmp_path, "UCF-101/HandStandPushups/v_HandStandPushups_g01_c01.avi")
    for split, sizes in {1: (9537, 3783), 2: (9586, 3734), 3: (9624, 3696)}.items():
        source = read_source(tmp_path, split, allow_missing=True)
        found = [len(side) + len(side.missing) for side in source.sides().values()]
        assert tuple(found) == sizes
        assert len(source.train.classes) == 101
        one = [video for side in source.sides().values() for video in side.videos]
        assert [re.sub(".*/", "", video.path) for video in one] == ["v_HandStandPushups_g01_c01.avi"]


def test_the_published_hmdb51_lists_have_the_published_sizes(shared_data: Path, tmp_path: Path) -> None:
    lists = shared_data / "annotations" / "hmdb51" / "testTrainMulti_7030_splits"
    (tmp_path / "testTrainMulti_7030_splits").symlink_to(lists)
    (tmp_path / "wave").mkdir()
    for split in (1, 2, 3):
        source = read_source(tmp_path, split, allow_missing=True)
        assert source.test is not None
        assert (len(source.train.missing), len(source.test.missing)) == (3570, 1530)
        assert len(source.train.classes) == 51
