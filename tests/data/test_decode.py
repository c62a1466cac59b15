"""Every decoder on every kind of file: the frames that come back must carry the numbers that were asked for."""

from __future__ import annotations

import gc
import os
import random
import struct
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import pytest
import torch
from PIL import Image
from video_files import number_in, numbers_in, rotate, write_frames, write_sound, write_video

from kinema.data import read_pyav, survey
from kinema.data.decode import DECODERS, open_video, why_not
from kinema.data.read_pyav import PyAVReader
from kinema.data.reader import TruncatedFile, UnsuitableFile
from kinema.errors import DataError, UsageError

LONG_GOP = {"g": "250", "bf": "3", "sc_threshold": "0"}
OPEN_GOP = {"x264-params": "keyint=12:min-keyint=12:scenecut=0:bframes=3:b-pyramid=2:open-gop=1"}
JITTERED = [40 * number + (17 * number) % 31 for number in range(40)]
GAPS = [0, 10, 500, 501, 502, 2000, *range(2100, 2100 + 34 * 33, 33)]

CLIPS: dict[str, Callable[[Path], Path]] = {
    "mpeg4.avi": lambda at: write_video(at, codec="mpeg4", options={"g": "12"}),
    "h264 long gop, b-frames.mp4": lambda at: write_video(at, 300, options=LONG_GOP),
    "h264 open gop.mp4": lambda at: write_video(at, options=OPEN_GOP),
    "h264 intra only.mkv": lambda at: write_video(at, options={"g": "1"}),
    "vfr jitter.mp4": lambda at: write_video(at, times=JITTERED, options={"g": "10", "bf": "2"}),
    "vfr gaps.mkv": lambda at: write_video(at, times=GAPS, options={"g": "15"}),
    "fragmented.mp4": lambda at: write_video(
        at, options={"g": "10"}, container_options={"movflags": "frag_keyframe+empty_moov"}
    ),
    "single frame.mp4": lambda at: write_video(at, 1),
}
UNTIMED: dict[str, Callable[[Path], Path]] = {
    "mpeg4 b-frames.avi": lambda at: write_video(at, codec="mpeg4", options={"g": "12", "bf": "2"}),
    "mpeg4 b-frames.mp4": lambda at: write_video(at, codec="mpeg4", options={"g": "12", "bf": "2"}),
    "h264 b-frames.avi": lambda at: write_video(at, options={"g": "12", "bf": "2"}),
    "mpeg1.mpg": lambda at: write_video(at, codec="mpeg1video", options={"g": "12"}),
    "raw.h264": lambda at: write_video(at, options={"g": "12", "bf": "2"}),
}
EVERY_CLIP = CLIPS | UNTIMED


@pytest.fixture(params=DECODERS)
def decoder(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if why_not(name):
        pytest.skip(f"{name}: {why_not(name)}")
    return name


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("clips")

    def made(name: str) -> Path:
        path = folder / name
        return path if path.exists() else EVERY_CLIP[name](path)

    return made


def test_every_decoder_can_be_tried_here_or_says_why_not() -> None:
    assert why_not("pyav") == ""
    assert all(isinstance(why_not(name), str) for name in DECODERS)


@pytest.mark.parametrize("name", CLIPS)
def test_frames_in_order_carry_their_numbers(decoder: str, clip: Callable[[str], Path], name: str) -> None:
    with open_video(clip(name), decoder) as reader:
        frames = reader.at(range(reader.num_frames))
        assert frames.shape == (reader.num_frames, reader.height, reader.width, 3)
        assert frames.dtype == torch.uint8
        assert numbers_in(frames) == list(range({"single frame.mp4": 1}.get(name, 300 if "long" in name else 40)))


@pytest.mark.parametrize("name", CLIPS)
def test_any_order_with_repeats_gives_the_frames_asked_for(
    decoder: str, clip: Callable[[str], Path], name: str
) -> None:
    rng = random.Random(name)
    with open_video(clip(name), decoder) as reader:
        for _ in range(6):
            wanted = [rng.randrange(reader.num_frames) for _ in range(rng.randint(1, 9))]
            assert numbers_in(reader.at(wanted)) == wanted
        backwards = list(range(reader.num_frames))[::-7]
        assert numbers_in(reader.at(backwards)) == backwards


@pytest.mark.parametrize("name", CLIPS)
def test_one_far_frame_of_a_fresh_file_is_the_right_one(decoder: str, clip: Callable[[str], Path], name: str) -> None:
    with open_video(clip(name), decoder) as reader:
        last = reader.num_frames - 1
    for index in {last, last // 2, min(1, last)}:
        with open_video(clip(name), decoder) as reader:
            assert number_in(reader.at([index])[0]) == index


@pytest.mark.parametrize("decoder", ["pyav", "opencv", "auto"])
@pytest.mark.parametrize("name", UNTIMED)
def test_files_without_usable_times_are_counted_from_the_start(
    decoder: str, clip: Callable[[str], Path], name: str
) -> None:
    if decoder == "opencv" and why_not("opencv"):
        pytest.skip(why_not("opencv"))
    with open_video(clip(name), decoder) as reader:
        assert numbers_in(reader.at(range(reader.num_frames))) == list(range(40))
        assert numbers_in(reader.at([33, 2, 39, 2, 20])) == [33, 2, 39, 2, 20]


@pytest.mark.parametrize("name", UNTIMED)
def test_torchcodec_refuses_by_name_what_it_would_miscount(clip: Callable[[str], Path], name: str) -> None:
    if why_not("torchcodec"):
        pytest.skip(why_not("torchcodec"))
    with pytest.raises(UnsuitableFile, match="use the decoder 'pyav'"):
        open_video(clip(name), "torchcodec")


ODD = {
    "interlaced": lambda at: write_video(at, 12, options={"x264-params": "tff=1"}),
    "10 bit": lambda at: write_video(at, 12, pixels="yuv420p10le"),
}


@pytest.mark.parametrize("kind", ODD)
def test_what_others_convert_differently_is_left_to_pyav(tmp_path: Path, kind: str) -> None:
    path = ODD[kind](tmp_path / "odd.mp4")
    with open_video(path) as reader:
        assert isinstance(reader, PyAVReader)
        assert numbers_in(reader.at([11, 0, 6])) == [11, 0, 6]
    for other in others():
        with pytest.raises(UnsuitableFile, match=f"not for {other}, as it .* use the decoder 'pyav' or 'auto'"):
            open_video(path, other)


def others() -> list[str]:
    """The decoders that PyAV looks after, of those that work here."""
    return [name for name in DECODERS if name != "pyav" and not why_not(name)]


def test_auto_takes_the_decoder_that_tells_of_damage(clip: Callable[[str], Path]) -> None:
    with open_video(clip("mpeg4.avi")) as reader:
        assert isinstance(reader, PyAVReader)


def spoil(path: Path, frame: int) -> None:
    """Overwrite most of a frame's bytes."""
    with av.open(str(path)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][frame]
        start, size = packet.pos, packet.size
    data = bytearray(path.read_bytes())
    data[start + size // 4 : start + size] = bytes(size - size // 4)
    path.write_bytes(data)


def test_no_frame_is_given_that_is_predicted_from_a_damaged_one(tmp_path: Path) -> None:
    path = write_video(tmp_path / "damaged.mp4", 36, options={"g": "12", "bf": "0", "sc_threshold": "0"})
    spoil(path, 12)
    for index in (12, 13, 20, 23):
        with open_video(path) as reader, pytest.raises(DataError, match=r"damaged\.mp4: "):
            reader.at([index])
    with open_video(path) as reader:
        with pytest.raises(DataError, match=r"damaged\.mp4: "):
            reader.at(range(36))
        assert numbers_in(reader.at([11, 24, 35])) == [11, 24, 35], "what is not touched by the damage can be read"


def test_no_frame_is_given_that_is_predicted_from_a_damaged_one_shown_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "damaged.mp4", 36, options={"g": "12", "bf": "2", "b_strategy": "0"})
    with av.open(str(path)) as container:
        stored = [packet.pts for packet in container.demux(video=0) if packet.size]
    shown = [sorted(stored).index(time) for time in stored]
    assert shown[12:18] == [12, 15, 13, 14, 18, 16], "frame 15 is stored, and decoded, before 13 and 14"

    class Marked:
        """A frame as the decoder gives it where it has painted over the damage of number 15."""

        def __init__(self, frame: av.VideoFrame) -> None:
            self.frame = frame
            self.is_corrupt = frame.time * 25 == pytest.approx(15)

        def __getattr__(self, name: str) -> object:
            return getattr(self.frame, name)

    decoded = read_pyav.decoded
    monkeypatch.setattr(read_pyav, "decoded", lambda packets: map(Marked, decoded(packets)))
    monkeypatch.setattr(PyAVReader, "_pixels", lambda self, frame, index: torch.full((48, 80, 3), index))
    for index in range(36):
        with open_video(path) as reader:
            if 12 < index < 24:
                with pytest.raises(DataError, match=r"damaged\.mp4: frame 15 is damaged"):
                    reader.at([index])
            else:
                assert reader.at([index]).unique().tolist() == [index]


def test_closed_reader_keeps_no_frame_alive(clip: Callable[[str], Path]) -> None:
    gc.collect()
    gc.disable()
    try:
        reader = open_video(clip("h264 open gop.mp4"), "pyav")
        reader.at([20])
        reader.close()
        kept = weakref.ref(reader)
        del reader
        assert kept() is None, "its file and frames would stay until Python looks for circles"
    finally:
        gc.enable()


def test_decoders_that_keep_silent_about_damage_read_no_damaged_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "damaged.mp4", 36, options={"g": "12", "bf": "0", "sc_threshold": "0"})
    for other in others():
        with open_video(path, other) as reader:
            assert numbers_in(reader.at([20])) == [20]
    spoil(path, 12)
    for other in others():
        with pytest.raises(DataError, match=r"damaged\.mp4: "):
            open_video(path, other)


def test_key_frame_that_is_none_is_found_out(tmp_path: Path) -> None:
    path = write_video(tmp_path / "lie.mp4", 36, codec="mpeg4", options={"g": "12", "bf": "0"})
    data = path.read_bytes()
    table = data.index(b"stss") + 12  # the numbers of the key frames, from 1
    path.write_bytes(data[:table] + struct.pack(">3I", 1, 17, 29) + data[table + 12 :])
    with open_video(path, "pyav") as reader:
        assert [number_in(reader.at([index])[0]) for index in (35, 20, 17, 30)] == [35, 20, 17, 30]


def test_reading_goes_from_the_nearest_key_frame_where_nothing_is_amiss(clip: Callable[[str], Path]) -> None:
    for name in ("mpeg4.avi", "h264 open gop.mp4", "vfr gaps.mkv", "fragmented.mp4"):
        with PyAVReader(clip(name)) as reader:
            reader.at([39])
            assert reader.table is not None
            assert reader._start == reader.table.keys[-1] > 0


@pytest.fixture
def with_spare_frames(tmp_path: Path) -> Path:
    """H.264 of which most frames are B-frames that no other is predicted from."""
    return write_video(tmp_path / "spare.mp4", 60, options={"g": "60", "bf": "3", "sc_threshold": "0"})


@pytest.mark.parametrize("threads", [1, 2])
def test_on_the_way_frames_that_no_other_needs_are_left_out_and_the_wanted_stay_the_same(
    with_spare_frames: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    given: list[int] = []
    real = PyAVReader._numbered

    def counting(*args: Any, **more: Any) -> Iterator[tuple[int, Any]]:
        for number, frame in real(*args, **more):
            given.append(number)
            yield number, frame

    monkeypatch.setattr(PyAVReader, "_numbered", counting)
    with open_video(with_spare_frames, "pyav") as reader:
        every = reader.at(range(60))
    assert given == list(range(60))
    for wanted in ([41], [40, 41, 42, 43], list(range(3, 60, 7)), [59], [50, 11]):
        given.clear()
        with open_video(with_spare_frames, "pyav", threads=threads) as reader:
            assert torch.equal(reader.at(wanted), every[wanted])
        assert len(given) < 0.9 * max(wanted)


def test_every_frame_is_decoded_where_leaving_some_out_fails(
    with_spare_frames: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, tried = PyAVReader._ahead, []

    def refusing(reader: PyAVReader, index: int) -> Any:
        found = real(reader, index)
        tried.append(reader._skipped)
        if reader._skipped:
            raise DataError("a frame that another needs is marked as spare")
        return found

    monkeypatch.setattr(PyAVReader, "_ahead", refusing)
    with open_video(with_spare_frames, "pyav") as reader:
        assert numbers_in(reader.at([30, 31])) == [30, 31]
    assert tried == [True, False, False]


def test_file_whose_name_means_something_else_to_ffmpeg_is_read(
    decoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("pipe:0", "concat:a|b", "http:", "frame%03d.mp4"):
        write_video(tmp_path / "made.mp4", 6).rename(name)
        with open_video(name, decoder) as reader:
            assert numbers_in(reader.at([5, 0])) == [5, 0]


def test_name_that_is_no_text_is_left_to_pyav(tmp_path: Path) -> None:
    path = write_video(tmp_path / "made.mp4", 6).rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    with open_video(path) as reader:
        assert numbers_in(reader.at([5])) == [5]
    for other in others():
        with pytest.raises(UnsuitableFile, match="its name is no UTF-8"):
            open_video(path, other)


def test_pipe_among_the_frames_of_a_folder_is_an_error_and_not_waited_for(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "frames", 3)
    (folder / "img_2.png").unlink()
    os.mkfifo(folder / "img_2.png")
    with open_video(folder) as reader, pytest.raises(DataError, match=r"img_2\.png: not a regular file"):
        reader.at([1])


@pytest.mark.parametrize("name", CLIPS)
def test_decoders_agree_within_three_grey_levels(clip: Callable[[str], Path], name: str) -> None:
    with open_video(clip(name), "pyav") as reader:
        expected = reader.at(range(0, reader.num_frames, 5)).int()
        facts = (reader.num_frames, reader.height, reader.width)
    others = [other for other in ("torchcodec", "opencv") if not why_not(other)]
    if not others:
        pytest.skip("neither torchcodec nor OpenCV is installed")
    for other in others:
        with open_video(clip(name), other) as reader:
            assert (reader.num_frames, reader.height, reader.width) == facts
            assert (reader.at(range(0, reader.num_frames, 5)).int() - expected).abs().max() <= 3


def test_each_stretch_is_decoded_once_whatever_the_order(
    clip: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with PyAVReader(clip("h264 long gop, b-frames.mp4")) as reader:
        decoded = 0
        frames = read_pyav.decoded

        def counted(*packets: object) -> object:
            nonlocal decoded
            for frame in frames(*packets):  # type: ignore[arg-type]
                decoded += 1
                yield frame

        monkeypatch.setattr(read_pyav, "decoded", counted)
        reader.at([240, 3, 120, 3, 60, 0])
        assert decoded <= 241
        decoded = 0
        reader.at([299, 260])  # behind the second key frame, number 250
        assert decoded <= 50


def test_average_rate_is_frames_per_second(decoder: str, clip: Callable[[str], Path]) -> None:
    with open_video(clip("mpeg4.avi"), decoder) as reader:
        assert reader.fps == pytest.approx(25)
    with open_video(clip("vfr gaps.mkv"), decoder) as reader:
        assert reader.fps == pytest.approx(40 / (GAPS[-1] / 1000), rel=0.2)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_rotated_file_stands_upright_with_every_decoder(decoder: str, tmp_path: Path, degrees: int) -> None:
    path = write_video(tmp_path / "phone.mp4", 5)
    with open_video(path, decoder) as reader:
        flat = reader.at([3])[0].int()
    rotate(path, degrees)
    with open_video(path, decoder) as reader:
        turned = reader.at([3])[0].int()
        assert (reader.height, reader.width) == tuple(turned.shape[:2])
    expected = torch.rot90(flat, -degrees // 90)
    assert turned.shape == expected.shape
    assert (turned - expected).abs().max() <= 3


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_folder_of_frames_is_read_in_natural_order(tmp_path: Path, suffix: str) -> None:
    folder = write_frames(tmp_path / "frames", 12, suffix=suffix)
    (folder / "notes.txt").write_text("not a frame")
    (folder / ".img_0.png").write_text("hidden")
    with open_video(folder) as reader:
        assert (reader.num_frames, reader.height, reader.width, reader.fps) == (12, 48, 80, 0.0)
        assert numbers_in(reader.at([11, 0, 1, 9, 10])) == [11, 0, 1, 9, 10]


def test_a_frame_of_another_size_is_an_error(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "frames", 3)
    Image.new("RGB", (10, 10)).save(folder / "img_2.png")
    with open_video(folder) as reader, pytest.raises(DataError, match=r"img_2\.png: 10x10 pixels"):
        reader.at([1])


def test_a_broken_frame_in_a_folder_is_an_error(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "frames", 3, suffix=".jpg")
    (folder / "img_3.jpg").write_bytes((folder / "img_3.jpg").read_bytes()[:300])
    with open_video(folder) as reader, pytest.raises(DataError, match=r"img_3\.jpg"):
        reader.verify()


def test_no_indices_give_no_frames(decoder: str, clip: Callable[[str], Path]) -> None:
    with open_video(clip("mpeg4.avi"), decoder) as reader:
        assert reader.at([]).shape == (0, 48, 80, 3)


@pytest.mark.parametrize("index", [-1, 40])
def test_an_index_outside_is_a_usage_error(decoder: str, clip: Callable[[str], Path], index: int) -> None:
    with open_video(clip("mpeg4.avi"), decoder) as reader, pytest.raises(UsageError, match="only 0 to 39"):
        reader.at([0, index])


def test_closing_twice_is_harmless(decoder: str, clip: Callable[[str], Path]) -> None:
    reader = open_video(clip("mpeg4.avi"), decoder)
    reader.close()
    reader.close()


def _missing(folder: Path) -> Path:
    return folder / "nothing.mp4"


def _empty(folder: Path) -> Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def _text(folder: Path) -> Path:
    (folder / "text.mp4").write_text("this is no video\n" * 100)
    return folder / "text.mp4"


def _noise(folder: Path) -> Path:
    (folder / "noise.mp4").write_bytes(random.Random(0).randbytes(20_000))
    return folder / "noise.mp4"


def _image(kind: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        Image.new("RGB", (64, 64), "green").save(folder / "image.mp4", format=kind)
        return folder / "image.mp4"

    return make


def _folder(folder: Path) -> Path:
    (folder / "nothing inside").mkdir()
    return folder / "nothing inside"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_missing, "no such file"),
        (_empty, "0 bytes"),
        (_text, "video"),
        (_noise, "video"),
        (_image("JPEG"), "a still image .JPEG., not a video"),
        (_image("PNG"), "a still image .PNG., not a video"),
        (_folder, "without frames"),
        (lambda folder: write_sound(folder / "sound.mp4"), "video"),
    ],
    ids=["missing", "empty", "text", "noise", "jpeg", "png", "folder", "sound"],
)
def test_what_is_no_video_is_refused_in_one_line(
    decoder: str, tmp_path: Path, make: Callable[[Path], Path], reason: str
) -> None:
    path = make(tmp_path)
    with pytest.raises(DataError, match=reason) as error:
        open_video(path, decoder)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_sound_without_picture_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no video stream \(audio only\)"):
        open_video(write_sound(tmp_path / "sound.mp4"), "pyav")


@pytest.mark.parametrize(
    "name", ["mpeg4.avi", "mpeg4 b-frames.avi", "h264 open gop.mp4", "fast start.mp4", "fragmented.mp4", "vfr gaps.mkv"]
)
def test_a_truncated_file_is_refused_wherever_it_ends(
    decoder: str, clip: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    if name == "fast start.mp4":
        whole = write_video(tmp_path / name, container_options={"movflags": "faststart"}).read_bytes()
    else:
        whole = clip(name).read_bytes()
    path = tmp_path / f"cut{Path(name).suffix}"
    for twentieth in range(2, 20, 3):
        path.write_bytes(whole[: len(whole) * twentieth // 20])
        with pytest.raises(DataError, match=r": (truncated|the file is empty)"):
            open_video(path, decoder)


def test_damage_in_the_middle_is_an_error_when_its_frames_are_decoded(tmp_path: Path) -> None:
    path = write_video(tmp_path / "damaged.mp4", options={"g": "10"}, container_options={"movflags": "faststart"})
    data = bytearray(path.read_bytes())
    middle = (data.index(b"mdat") + len(data)) // 2
    data[middle : middle + 400] = bytes(400)
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"frame \d+|cannot be decoded"), open_video(path, "pyav") as reader:
        reader.verify()


def test_a_file_whose_end_is_missing_is_told_apart_from_other_errors(
    clip: Callable[[str], Path], tmp_path: Path
) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(clip("h264 open gop.mp4").read_bytes()[:-500])
    with pytest.raises(TruncatedFile):
        open_video(path, "pyav")


def test_an_unknown_decoder_is_a_usage_error_with_a_hint(clip: Callable[[str], Path]) -> None:
    with pytest.raises(UsageError, match="unknown decoder 'pyaw': did you mean 'pyav'"):
        open_video(clip("mpeg4.avi"), "pyaw")


def test_a_decoder_that_is_not_installed_is_a_usage_error(
    clip: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kinema.data.decode.why_not", lambda name: "No module named 'cv2'")
    with pytest.raises(UsageError, match="pip install opencv-python-headless"):
        open_video(clip("mpeg4.avi"), "opencv")
    with pytest.raises(UsageError, match="no video decoder works"):
        open_video(clip("mpeg4.avi"))


def test_the_environment_decides_what_auto_is_and_nothing_else(
    clip: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KINEMA_DECODER", "pyav")
    with open_video(clip("mpeg4.avi")) as reader:
        assert isinstance(reader, PyAVReader)
    monkeypatch.setenv("KINEMA_DECODER", "nonsense")
    with pytest.raises(UsageError, match="unknown decoder 'nonsense'"):
        open_video(clip("mpeg4.avi"))
    with open_video(clip("mpeg4.avi"), "pyav") as reader:
        assert reader.num_frames == 40


def test_a_file_is_surveyed_once_and_again_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []
    whole = survey.survey_anew
    monkeypatch.setattr(survey, "survey_anew", lambda path: (made.append(path), whole(path))[1])
    path = write_video(tmp_path / "a.mp4", 12)
    for _ in range(3):
        with open_video(path, "pyav") as reader:
            assert numbers_in(reader.at([11, 4])) == [11, 4]
    assert made == [path]
    write_video(path, 9)
    with open_video(path, "pyav") as reader:
        assert reader.num_frames == 9
    assert made == [path, path]


def test_surveys_are_remembered_up_to_so_many_frames(tmp_path: Path) -> None:
    memory = survey.Memory(frames=25)
    paths = [write_video(tmp_path / f"{number}.mp4", 10) for number in range(4)]
    for path in (paths[0], paths[1], paths[0], paths[2]):
        memory.survey(path)
    assert [Path(key[0]) for key in memory.known] == [paths[0], paths[2]], "the one not asked for longest goes"
    assert memory.frames == 20
    long = write_video(tmp_path / "long.mp4", 30)
    assert memory.survey(long).num_frames == 30
    assert not memory.known
    assert memory.frames == 0
