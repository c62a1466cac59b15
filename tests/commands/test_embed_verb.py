"""`kinema embed`: vectors of whole videos and of windows, in Parquet files."""

import io
import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

import kinema
from kinema import embedded_parts, embedding, precision
from kinema.data.decode import open_video
from kinema.data.loader import crop, read
from kinema.data.windows import Windows, spans
from kinema.errors import UsageError
from kinema.parquet import read_metadata, read_vectors
from kinema.precision import has_bf16
from kinema.sampler import uniform_clips


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(embedding, "PART", 8)


@pytest.fixture
def vectors(command, trained, clip_folder, tmp_path):
    """The folder of vectors of all clips."""
    assert command("embed", trained, clip_folder, "--out", tmp_path / "vectors", "--workers", 0).code == 0
    return tmp_path / "vectors"


def parts(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("part-*"))}


def test_vector_of_a_video_is_the_one_that_python_gives(vectors, trained, clip_folder):
    rows, found = read_vectors(vectors)
    encoder = kinema.load(trained)
    assert len(rows) == len(list(clip_folder.glob("*/*/*.mp4")))
    assert len({row["id"] for row in rows}) == len(rows)
    for row, vector in list(zip(rows, found, strict=True))[::7]:
        torch.testing.assert_close(torch.from_numpy(vector.copy()), encoder.embed(row["path"]))
        assert row["label"] == row["path"].split("/")[-2]
        assert row["start"] == 0
        assert row["end"] == pytest.approx(12 / 25)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)


def test_same_bytes_for_any_number_of_reading_processes(command, vectors, trained, clip_folder, tmp_path):
    command("embed", trained, clip_folder, "--out", tmp_path / "other", "--workers", 2)
    assert parts(tmp_path / "other") == parts(vectors)
    assert len(parts(vectors)) > 2


def test_what_is_done_is_not_done_again_and_what_is_missing_is(command, vectors, trained, clip_folder):
    before = parts(vectors)
    times = {path.name: path.stat().st_mtime_ns for path in vectors.glob("part-*")}
    (vectors / "part-00001.parquet").unlink()
    again = command("embed", trained, clip_folder, "--out", vectors, "--workers", 0)
    total = len(read_vectors(vectors)[0])
    assert f"{total - 8} of {total} videos are embedded already" in again.err
    assert parts(vectors) == before
    kept = {path.name: path.stat().st_mtime_ns for path in vectors.glob("part-*")}
    assert {name for name in times if times[name] != kept[name]} == {"part-00001.parquet"}


@pytest.fixture
def own(clip_folder, tmp_path):
    """A folder of twelve clips of one's own, over two parts."""
    folder = tmp_path / "own"
    folder.mkdir()
    for number, path in enumerate(sorted(clip_folder.glob("*/*/*.mp4"))[:12], 1):
        shutil.copyfile(path, folder / f"{number:02d}.mp4")
    return folder


def test_only_videos_that_have_come_or_changed_are_read_wherever_they_stand(
    command, trained, own, tmp_path, monkeypatch
):
    command("embed", trained, own, "--out", tmp_path / "vectors", "--workers", 0)
    shutil.copyfile(own / "05.mp4", own / "00.mp4")
    shutil.copyfile(own / "01.mp4", own / "11.mp4")
    (own / "12.mp4").unlink()
    (own / "03.mp4").write_bytes(b"no video")
    read = []
    monkeypatch.setattr(embedding, "embed_here", watched(read))
    again = command("embed", trained, own, "--out", tmp_path / "vectors", "--workers", 0)
    again.refused(3, "1 of 12 videos", "03.mp4", "--skip")
    assert "9 of 12 videos are embedded already" in again.err
    assert "1 of the videos embedded before are gone, the first:" in again.err
    assert [name[-6:] for name in read] == ["00.mp4", "03.mp4", "11.mp4"]
    read.clear()
    command("embed", trained, own, "--out", tmp_path / "vectors", "--workers", 0).refused(3, "03.mp4")
    assert [name[-6:] for name in read] == ["03.mp4"]
    monkeypatch.undo()
    monkeypatch.setattr(embedding, "PART", 8)
    command("embed", trained, own, "--out", tmp_path / "anew", "--workers", 0)
    assert parts(tmp_path / "vectors") == parts(tmp_path / "anew")


def watched(read):
    """`embed_here` that notes which videos it is given."""
    real = embedding.embed_here

    def note(encoder, videos, windows, workers, **how):
        read.extend(video.video.path for video in videos)
        return real(encoder, videos, windows, workers, **how)

    return note


def test_what_is_done_of_a_part_is_kept_when_the_program_ends(trained, own, tmp_path, monkeypatch):
    """Twelve videos in parts of eight; it ends after the sixth, and half a minute is over after each."""
    monkeypatch.setattr(embedding, "SAVE_SECONDS", 0)
    monkeypatch.setattr(embedded_parts, "PATIENCE", 0)

    def ended(done, total):
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embedding.embed(trained, own, tmp_path / "vectors", workers=0, progress=ended)
    rows, _ = read_vectors(tmp_path / "vectors")
    assert [row["path"][-6:] for row in rows] == [f"{number:02d}.mp4" for number in range(1, 7)]
    read, said = [], []
    monkeypatch.setattr(embedding, "embed_here", watched(read))
    embedding.embed(trained, own, tmp_path / "vectors", workers=0, say=said.append)
    assert [name[-6:] for name in read] == [f"{number:02d}.mp4" for number in range(7, 13)]
    assert "6 of 12 videos are embedded already" in said
    embedding.embed(trained, own, tmp_path / "anew", workers=0)
    assert parts(tmp_path / "vectors") == parts(tmp_path / "anew"), "halves leave no trace"


def test_video_of_which_windows_are_missing_is_not_taken_for_done(trained, own, tmp_path, monkeypatch):
    """Windows of a video come a few at a time; the program ends between those of the third."""
    monkeypatch.setattr(embedding, "SAVE_SECONDS", 0)
    monkeypatch.setattr(embedded_parts, "PATIENCE", 0)
    monkeypatch.setattr("kinema.data.windows.AT_A_TIME", 1)
    real, seen = embedding.embed_here, []

    def ending(*given, **how):
        for piece in real(*given, **how):
            seen.append(piece)
            if len(seen) == 6:
                raise KeyboardInterrupt
            yield piece

    monkeypatch.setattr(embedding, "embed_here", ending)
    cut = Windows(seconds=0.24, hop=None, clips=1)
    with pytest.raises(KeyboardInterrupt):
        embedding.embed(trained, own, tmp_path / "vectors", windows=cut, workers=0, allow_short=True)
    assert [piece.last for piece in seen] == [False, True] * 3
    rows, _ = read_vectors(tmp_path / "vectors")
    assert [row["path"][-6:] for row in rows] == ["01.mp4", "01.mp4", "02.mp4", "02.mp4"]
    monkeypatch.setattr(embedding, "embed_here", real)
    embedding.embed(trained, own, tmp_path / "vectors", windows=cut, workers=0, allow_short=True)
    embedding.embed(trained, own, tmp_path / "anew", windows=cut, workers=0, allow_short=True)
    assert parts(tmp_path / "vectors") == parts(tmp_path / "anew")


def test_windows_that_are_shorter_than_a_clip_are_refused_before_any_work_unless_told(command, trained, own, tmp_path):
    """A clip of 4 frames at stride 2 spans 7; 0.24 s are 6 frames at 25 a second, and 0.28 s are 7."""
    out = tmp_path / "vectors"
    call = ("embed", trained, own, "--out", out, "--workers", 0)
    command(*call, "--window", 0.24).refused(
        2, "--window 0.24 is 6 frames of", "spans 7: give --window 0.28 or more, or --allow-short"
    )
    assert not out.exists()
    told = command(*call, "--window", 0.24, "--allow-short")
    assert "24 windows are shorter than the 7 frames that a clip of this network spans" in told.err
    enough = command(*call[:4], tmp_path / "enough", *call[5:], "--window", 0.28)
    assert enough.code == 0
    assert "12 windows are shorter" in enough.err, "what is left of a video, if it is half a window or more"


def test_videos_that_are_shorter_than_a_clip_are_counted(command, trained, own, tmp_path):
    assert "shorter" not in command("embed", trained, own, "--out", tmp_path / "a", "--workers", 0).err
    with open_video(own / "01.mp4") as reader:
        frames = reader.at(list(range(6)))
    folder = tmp_path / "short" / "one"
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames):
        Image.fromarray(frame.numpy()).save(folder / f"{number:04d}.png")
    told = command("embed", trained, folder.parent, "--out", tmp_path / "b", "--workers", 0)
    assert "1 video is shorter than the 7 frames that a clip of this network spans" in told.err


def test_videos_named_in_a_skip_file_are_left_out(command, trained, own, tmp_path):
    (own / "03.mp4").write_bytes(b"no video")
    (tmp_path / "bad.txt").write_text(f"# damaged\n{own / '03.mp4'}\n")
    found = command(
        "embed", trained, own, "--out", tmp_path / "vectors", "--skip", tmp_path / "bad.txt", "--workers", 0
    )
    assert found.code == 0
    assert "1 of 12 videos left out, as" in found.err
    assert len(read_vectors(tmp_path / "vectors")[0]) == 11


def test_vectors_of_other_videos_are_not_lost_unsaid(command, trained, own, tmp_path):
    out = tmp_path / "vectors"
    command("embed", trained, own, "--out", out, "--workers", 0)
    before = parts(out)
    command("embed", trained, own / "01.mp4", "--out", out).refused(2, "11 more videos", "which would be lost", "--out")
    assert parts(out) == before
    for path in sorted(own.iterdir())[3:]:
        path.unlink()
    command("embed", trained, own, "--out", out, "--workers", 0)
    assert [path.name for path in out.glob("part-*")] == ["part-00000.parquet"]
    assert len(read_vectors(out)[0]) == 3


def test_labels_that_come_later_are_written_without_reading_a_video_again(command, trained, own, tmp_path, monkeypatch):
    out = tmp_path / "vectors"
    command("embed", trained, own, "--out", out, "--workers", 0)
    lines = [f"{path},{'even' if number % 2 else 'odd'}\n" for number, path in enumerate(sorted(own.iterdir()))]
    (tmp_path / "list.csv").write_text("".join(lines))
    read = []
    monkeypatch.setattr(embedding, "embed_here", watched(read))
    assert command("embed", trained, tmp_path / "list.csv", "--out", out, "--workers", 0).code == 0
    assert {row["label"] for row in read_vectors(out)[0]} == {"even", "odd"}
    assert read == []


def test_windows_are_the_clips_of_their_seconds(command, trained, clip_folder, tmp_path):
    """12 frames at 25 a second, in windows of 6 frames every 3; of the second, two clips from frame 3 to frame 8."""
    video, out = next(clip_folder.glob("train/*/*.mp4")), tmp_path / "windows"
    flags = ["--window", 0.24, "--allow-short", "--hop", 0.12, "--clips", 2, "--workers", 0]
    assert command("embed", trained, video, "--out", out, *flags).code == 0
    rows, found = read_vectors(out)
    assert [(row["start"], row["end"]) for row in rows] == [(0, 0.24), (0.12, 0.36), (0.24, 0.48), (0.36, 0.48)]
    encoder = kinema.load(trained)
    indices = 3 + uniform_clips(6, 2, frames=encoder.clip.frames, stride=encoder.clip.stride)
    with open_video(video) as reader:
        [clips] = crop(read(reader.at, indices, encoder.clip.loaded_side), encoder.clip.size, 1)
    with torch.no_grad():
        expected = torch.nn.functional.normalize(encoder(clips).mean(dim=0), dim=0)
    torch.testing.assert_close(torch.from_numpy(found[1].copy()), expected)
    assert json.loads((out / "model.json").read_text())["windows"] == {"seconds": 0.24, "hop": 0.12, "clips": 2}


@pytest.mark.parametrize(
    ("seconds", "hop", "expected"),
    [
        (None, None, [(0, 90)]),
        (4, None, [(0, 40), (40, 80)]),
        (4, 2, [(0, 40), (20, 60), (40, 80), (60, 90)]),
        (20, None, [(0, 90)]),
        (3, None, [(0, 30), (30, 60), (60, 90)]),
    ],
)
def test_windows_cover_a_video_and_leave_out_less_than_half_of_one(seconds, hop, expected):
    assert spans(90, 10.0, Windows(seconds, hop)) == expected


def test_unreadable_video_is_named_and_tried_again_and_the_others_are_embedded(command, trained, listed, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video")
    videos, out = listed([bad]), tmp_path / "vectors"
    command("embed", trained, videos, "--out", out, "--workers", 0).refused(3, "1 of 9 videos", "bad.mp4")
    assert len(read_vectors(out)[0]) == 8
    assert read_metadata(out / "part-00001.parquet")["failed"] == "1"
    shutil.copyfile(read_vectors(out)[0][0]["path"], bad)
    assert command("embed", trained, videos, "--out", out, "--workers", 0).code == 0
    assert len(read_vectors(out)[0]) == 9


def test_view_that_there_is_not_is_refused_in_python_too(trained):
    with pytest.raises(
        UsageError, match=r"there is no view 'residuals': did you mean 'residual'\? known: rgb, residual"
    ):
        kinema.load(trained, view="residuals")
    with pytest.raises(UsageError, match="there is no view 'optical'"):
        kinema.Encoder.from_pretrained(trained, view="optical")


@pytest.mark.skipif(not has_bf16(), reason="this CPU does not multiply in bf16")
def test_vectors_in_bf16_are_nearly_those_of_float32_and_do_not_go_among_them(
    command, vectors, trained, clip_folder, tmp_path
):
    given = ["embed", trained, clip_folder, "--workers", 0, "--out"]
    in_bf16 = [*given, tmp_path / "bf16", "--precision", "bf16-mixed"]
    assert command(*in_bf16).code == 0
    (_, plain), (_, rounded) = read_vectors(vectors), read_vectors(tmp_path / "bf16")
    assert not np.array_equal(rounded, plain)
    assert (rounded * plain).sum(axis=1).min() > 0.999
    command(*given, tmp_path / "bf16").refused(2, "another model (precision: bf16-mixed, now 32-true)")
    command(*in_bf16[:-3], vectors, *in_bf16[-2:]).refused(2, "another model (precision: 32-true, now bf16-mixed)")
    about = json.loads((vectors / "model.json").read_text())
    del about["precision"]  # as it was before there was a choice
    (vectors / "model.json").write_text(json.dumps(about))
    assert "are embedded already" in command(*given, vectors).err


def test_paths_on_standard_input(command, trained, clip_folder, tmp_path, monkeypatch):
    some = sorted(clip_folder.glob("train/*/*.mp4"))[:3]
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{path}\n" for path in some)))
    assert command("embed", trained, "-", "--out", tmp_path / "vectors", "--workers", 0).code == 0
    assert [row["path"] for row in read_vectors(tmp_path / "vectors")[0]] == [str(path) for path in some]


def test_bad_input_is_one_line(command, vectors, trained, clip_folder, tmp_path, monkeypatch):
    command("embed", trained, clip_folder, "--out", vectors, "--view", "both").refused(2, "another model", "view")
    command("embed", trained, clip_folder, "--out", trained).refused(2, "holds no vectors")
    (tmp_path / "file").touch()
    command("embed", trained, clip_folder, "--out", tmp_path / "file").refused(2, "file is a file: use another --out")
    with pytest.raises(UsageError, match="--precision bf16-mixed is for this machine, and --ray for others"):
        embedding.embed(trained, clip_folder, tmp_path / "no", spread=lambda work, items: [], precision="bf16-mixed")
    monkeypatch.setattr(precision, "has_bf16", lambda: False)
    flags = ["--out", tmp_path / "no", "--precision", "bf16-mixed", "--device", "cpu"]
    command("embed", trained, clip_folder, *flags).refused(2, "--precision bf16-mixed needs a GPU")
    command("embed", trained, clip_folder, "--out", tmp_path / "no", "--hop", 1).refused(2, "give --window")
    command("embed", trained, clip_folder, "--out", tmp_path / "no", "--window", -1).refused(2, "window")
    command("embed", trained, tmp_path / "absent", "--out", tmp_path / "no").refused(2, "no such file")
    command("embed", tmp_path, clip_folder, "--out", tmp_path / "no").refused(2, "no checkpoint")
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    command("embed", trained, "-", "--out", tmp_path / "no").refused(2, "no videos to embed")
    assert not (tmp_path / "no").exists()
