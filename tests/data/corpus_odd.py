"""Videos out of the ordinary, by the name of the file that each makes; what `corpus` does not spoil."""

from __future__ import annotations

from corpus_made import (
    B_FRAMES,
    X265,
    Make,
    blank_chunks,
    both_ways,
    encode,
    gigantic_picture,
    joined,
    one_way,
    open_gop,
    plain,
    remuxed,
    retimed,
    second_key,
    small,
    turned,
    with_cover,
)
from video_files import write_sound, write_video

JITTER = [40 * number + (17 * number) % 31 for number in range(40)]
GAPS = [0, 10, 500, 501, 502, 2000, *range(2100, 2100 + 34 * 33, 33)]

READABLE: dict[str, Make] = {
    "times jitter.mp4": lambda at: write_video(at, times=JITTER, options=B_FRAMES),
    "times with gaps.mkv": lambda at: write_video(at, times=GAPS, options=B_FRAMES),
    "a year between two frames.mkv": lambda at: write_video(at, 3, times=[0, 40, 31_536_000], options={"bf": "0"}),
    "turned by 90.mp4": turned(90),
    "turned by 180.mp4": turned(180),
    "turned by 270.mp4": turned(270),
    "10 bit.mp4": lambda at: write_video(at, 12, pixels="yuv420p10le", options=B_FRAMES),
    "10 bit hevc.mp4": lambda at: write_video(at, 12, codec="libx265", pixels="yuv420p10le", options=X265),
    "10 bit prores.mov": lambda at: write_video(at, 6, codec="prores_ks", pixels="yuv422p10le"),
    "16 bit.mkv": lambda at: write_video(at, 6, codec="ffv1", pixels="yuv420p16le"),
    "full colour.mp4": lambda at: write_video(at, 12, pixels="yuv444p", options=B_FRAMES),
    "grey.mp4": lambda at: encode(at, plain(32, 48), pixels="gray"),
    "rgb.mkv": lambda at: write_video(at, 6, codec="ffv1", pixels="bgr0"),
    "transparent.webm": lambda at: write_video(at, 6, codec="libvpx-vp9", pixels="yuva420p"),
    "interlaced.mp4": lambda at: write_video(at, 12, options={"x264-params": "tff=1:threads=1"}),
    "odd size.mp4": lambda at: encode(at, plain(33, 41), pixels="yuv444p"),
    "odd size.avi": lambda at: encode(at, plain(35, 53), "mpeg4", options={"g": "4"}),
    "odd size.mkv": lambda at: encode(at, plain(1, 1), "ffv1"),
    "2x2.mp4": lambda at: encode(at, plain(2, 2)),
    "very wide.mp4": lambda at: encode(at, plain(2, 4096, 3)),
    "very high.mp4": lambda at: encode(at, plain(4096, 2, 3)),
    "one frame.mp4": lambda at: write_video(at, 1),
    "one frame.avi": lambda at: write_video(at, 1, codec="mpeg4"),
    "one frame.mkv": lambda at: write_video(at, 1),
    "two frames.mp4": lambda at: write_video(at, 2),
    "one key frame.mp4": lambda at: write_video(at, 200, options={"g": "250", "bf": "3", "sc_threshold": "0"}),
    "only key frames.mp4": lambda at: write_video(at, 12, options={"g": "1"}),
    "wrong ending mkv.mp4": lambda at: (write_video(at.with_suffix(".mkv")), at.with_suffix(".mkv").rename(at)),
    "wrong ending avi.mp4": lambda at: (
        write_video(at.with_suffix(".avi"), codec="mpeg4"),
        at.with_suffix(".avi").rename(at),
    ),
    "wrong ending mp4.avi": lambda at: (write_video(at.with_suffix(".mp4")), at.with_suffix(".mp4").rename(at)),
    "no ending": lambda at: (write_video(at.with_suffix(".mp4")), at.with_suffix(".mp4").rename(at)),
    "name with a % and a #, [x].mp4": lambda at: write_video(at, 6),
    "intra refresh.mp4": lambda at: write_video(at, options={"x264-params": "keyint=12:intra-refresh=1:threads=1"}),
    "blank chunks.avi": blank_chunks,
    "times in seconds.mkv": lambda at: write_video(at, 5, times=[0, 1000, 2000, 3000, 4000], options={"bf": "0"}),
    "animation.gif": lambda at: encode(at, plain(32, 48), "gif", "rgb8", {}),
    "times from -200.mkv": lambda at: remuxed(at, retimed(lambda n, p: (40 * n - 200,) * 2), one_way),
    "times from an hour.mkv": lambda at: remuxed(at, retimed(lambda n, p: (40 * n + 3_600_000,) * 2), one_way),
}
"""Whole videos, which a reader has to read."""

STRANGE: dict[str, Make] = {
    "size changes.h264": lambda at: joined(at, lambda to: write_video(to, 12, options=B_FRAMES), small),
    "size changes.ts": lambda at: joined(at, lambda to: write_video(to, 12, options=B_FRAMES), small),
    "size changes and back.h264": lambda at: joined(at, small, lambda to: write_video(to, 12, options=B_FRAMES), small),
    "times twice.mkv": lambda at: remuxed(at, retimed(lambda n, p: (40 * (n // 2),) * 2), one_way),
    "times all zero.mkv": lambda at: remuxed(at, retimed(lambda n, p: (0, 0)), one_way),
    "times backwards.mkv": lambda at: remuxed(at, retimed(lambda n, p: (40 * (40 - n), n)), one_way),
    "no first key frame.mkv": lambda at: remuxed(at, lambda parts: parts[3:], both_ways),
    "b-frames at the start.mkv": lambda at: remuxed(at, lambda parts: parts[second_key(parts) :], open_gop),
    "b-frames at the start.mp4": lambda at: remuxed(at, lambda parts: parts[second_key(parts) :], open_gop),
    "no key frame at all.mkv": lambda at: remuxed(
        at, lambda parts: [part for part in parts if not part.is_keyframe], both_ways
    ),
    "a frame missing.mkv": lambda at: remuxed(at, lambda parts: parts[:15] + parts[16:], one_way),
    "frames shuffled.mkv": lambda at: remuxed(
        at, lambda parts: retimed(lambda n, p: (p.pts, n))([*parts[:5], *reversed(parts[5:])]), one_way
    ),
    "gigantic picture.avi": gigantic_picture,
}
"""What a reader may read or refuse, if it does not get it wrong."""

REFUSED: dict[str, Make] = {
    "sound.mp4": write_sound,
    "only sound.avi": lambda at: (write_sound(at.with_suffix(".mp4")), at.with_suffix(".mp4").rename(at)),
    "sound with a cover.mp4": with_cover,
    "no frames.mp4": lambda at: encode(at, [], "libx264"),
    "no frames.avi": lambda at: encode(at, [], "mpeg4"),
    "no frames.mkv": lambda at: encode(at, [], "libx264"),
}
"""Files of video containers without a video."""
