"""Files made wrong: bytes cut, flipped and put in, and JSON with a value in another's place."""

from __future__ import annotations

import copy
import json

from hypothesis import strategies as st

AT = st.integers(0, 2**20)
"""A place in a file, counted round and round."""

TOKENS = [
    *(
        b"\0",
        b"\n",
        b"\r",
        b"\r\n",
        b"\t",
        b" ",
        b",",
        b'"',
        b"'",
        b"/",
        b"\\",
        b"#",
        b":",
        b";",
        b"{",
        b"}",
        b"[",
        b"]",
    ),
    *(b"..", b"../../x", b"/etc/passwd", b"/dev/zero", b".", b"a" * 300 + b".mp4", b"a/" * 3000, b"\xff", b"\xc3\xa9"),
    *(b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\xc2\x85", b"\x1b[31m", b"0", b"1", b"-1", b"1e999", b"nan", b"-inf", b"0.5"),
    *(b"999999999999", b"9" * 5000, b"\xd9\xa3", b"\xc2\xb2", b"NaN", b"Infinity", b"null", b"true", b'"\\ud800"'),
    *(b"[" * 3000, b'{"a":' * 3000, b"PK\x01\x02", b"PK\x05\x06", b"\x80\x02", b"\xff\xff\xff\xff", b"\xff" * 8),
    *(b"path,label\n", b"youtube_id,time_start,time_end\n", b"label", b"x" * 140_000, b".mp4 ", b" 1 1", b"\x93NUMPY"),
]
"""What parsers are known to stumble over, and pieces of the formats that are read here."""

EDIT = st.tuples(st.sampled_from(["flip", "cut", "drop", "put", "over", "copy"]), AT, AT, st.sampled_from(TOKENS))


def edited(content: bytes, edits: list) -> bytes:
    """A file after some edits."""
    for kind, first, second, token in edits:
        at = first % (len(content) + 1)
        length = second % 64
        if kind == "flip" and at < len(content):
            content = content[:at] + bytes([content[at] ^ (1 << second % 8)]) + content[at + 1 :]
        elif kind == "cut":
            content = content[:at]
        elif kind == "drop":
            content = content[:at] + content[at + length :]
        elif kind == "put":
            content = content[:at] + token + content[at:]
        elif kind == "over":
            content = content[:at] + token + content[at + len(token) :]
        elif kind == "copy":
            content = content[:at] + content[at - length : at] + content[at:]
    return content


@st.composite
def damaged(draw, *wholes: bytes) -> bytes:
    """One of some files after a few edits; now and then any bytes at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=200))
    return edited(draw(st.sampled_from(wholes)), draw(st.lists(EDIT, max_size=5)))


VALUES = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    st.sampled_from(
        [10**30, -1, 0, 1e308, float("nan"), float("inf"), "", "../../x", "/dev/zero", "\0", "a\nb", "\ud800"]
    ),
    st.sampled_from([[], {}, [[]], {"name": 1}, [1, 2], ["a"], [None], {"": {}}, "9" * 5000, [0.1] * 40]),
)
"""JSON values that are seldom what was asked for."""

PIECES = st.tuples(st.sampled_from(["replace", "remove", "add"]), AT, VALUES, st.text(max_size=6))


def places(content: object, path: tuple = ()) -> list[tuple]:
    """The path of every value in a JSON object."""
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [path, *(found for key, value in inner for found in places(value, (*path, key)))]


def rearranged(content: object, changes: list) -> bytes:
    """JSON after some changes of its values."""
    content = copy.deepcopy(content)
    for kind, at, value, name in changes:
        found = places(content)
        path = found[at % len(found)]
        if not path:
            content = copy.deepcopy(value) if kind == "replace" and at % 7 == 0 else content
            continue
        holder = content
        for key in path[:-1]:
            holder = holder[key]
        if kind == "remove":
            del holder[path[-1]]
        elif kind == "add" and isinstance(holder, dict):
            holder[name] = copy.deepcopy(value)
        else:
            holder[path[-1]] = copy.deepcopy(value)
    return json.dumps(content).encode()


@st.composite
def damaged_json(draw, whole: bytes) -> bytes:
    """JSON in which values were changed, or which is none any more."""
    if draw(st.integers(0, 2)) == 0:
        return draw(damaged(whole))
    return rearranged(json.loads(whole), draw(st.lists(PIECES, min_size=1, max_size=3)))
