"""The page gives its own files and clips to those who may have them, and nothing else to nobody."""

from __future__ import annotations

import re
import shutil
import socket
import time

import pytest
import stuck_reader
from asking import embedded, running

from kinema.errors import DataError, UsageError
from kinema.serve import apart, guard, impatient, server, upload
from kinema.serve.page import FILES

TOKEN = "a-token-that-nobody-guesses"
OUTSIDE = [
    *("/../../../../etc/passwd", "/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc%2fpasswd", "//etc/passwd"),
    *("/server.py", "/static/index.html", "/../server.py", "/..\\server.py", "/index.html%00.css", "/.", "/%2e%2e"),
    *("/api/clips/..%2f..%2fetc%2fpasswd/still.webp", "/api/clips/../../../etc/passwd/still.webp"),
    *("/api/clips//etc/passwd/still.webp", "/docs", "/openapi.json", "/api/clips/0000000000000000/still.webp"),
]


@pytest.mark.parametrize("address", OUTSIDE)
def test_no_address_leads_to_another_file(page, address):
    found = page.ask(address)
    assert found.status in (400, 404), found.body[:200]
    assert b"root:" not in found.body and b"import" not in found.body and b"openapi" not in found.body


def test_a_link_that_leads_out_of_the_data_is_not_followed_unless_allowed(run, clip_folder, tmp_path):
    shutil.copytree(clip_folder, tmp_path / "data")
    vectors = embedded(run, tmp_path / "data", tmp_path / "vectors")
    other = tmp_path / "private" / "other.mp4"
    other.parent.mkdir()
    video = next((tmp_path / "data").glob("*/*/*.mp4"))
    shutil.move(video, other)
    video.symlink_to(other)
    inside = sorted((tmp_path / "data").glob("*/*/*.mp4"))[-1]
    renamed = inside.with_name("renamed.mp4")
    shutil.move(inside, renamed)
    inside.symlink_to(renamed)
    with running(vectors) as found:
        named = {clip["name"]: clip["id"] for clip in found.clips()}
        [id] = [id for name, id in named.items() if (tmp_path / "data" / name) == video]
        for kind in ("still", "moving", "attention"):
            refused = found.ask(f"/api/clips/{id}/{kind}.webp")
            assert refused.status == 422 and "a link that leads out of the data" in refused.json["error"]
        [id_inside] = [id for name, id in named.items() if (tmp_path / "data" / name) == inside]
        assert found.ask(f"/api/clips/{id_inside}/still.webp").status == 200
    with running(vectors, allow=[other.parent]) as found:
        assert found.ask(f"/api/clips/{id}/still.webp").status == 200


def test_an_upload_that_is_too_large_is_refused_whether_it_says_so_or_not(page):
    large = b"x" * (2**20 + 1)
    assert page.upload(b"", **{"content-length": str(2**40)}).status == 413
    pieces = (large[start : start + 2**16] for start in range(0, len(large), 2**16))
    refused = page.ask("/api/search", "POST", pieces, {"content-type": "application/octet-stream"}, encode_chunked=True)
    assert refused.status in (400, 413) and b"larger than 1 MB" in refused.body
    assert not list(page.uploads.iterdir())


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"hello, this is text\n" * 50, id="text"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"\x00" * 64, id="picture"),
        pytest.param(
            b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", id="playlist"
        ),
        pytest.param(b"ffconcat version 1.0\nfile /etc/passwd\n", id="concat"),
        pytest.param(b"\x00\x00\x00\x18ftypmp42" + b"\xff" * 500, id="broken mp4"),
    ],
)
def test_what_is_no_video_is_refused_and_deleted(page, content):
    refused = page.upload(content)
    assert refused.status == 422, refused.body
    assert "the video" in refused.json["error"] and str(page.uploads) not in refused.json["error"]
    assert not list(page.uploads.iterdir())
    assert page.ask("/api/index").status == 200


def test_a_file_that_takes_too_long_or_kills_its_reader_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(apart, "SECONDS", 0.5)
    began = time.monotonic()
    with pytest.raises(DataError, match=r"^the video: not read within 0\.5 s"):
        apart.apart(stuck_reader.act, tmp_path / "sleeps", called="the video")
    assert time.monotonic() - began < 60
    with pytest.raises(DataError, match=r"^the video: the process that read it ended \(SIGSEGV\)"):
        apart.apart(stuck_reader.act, tmp_path / "crashes", called="the video")
    with pytest.raises(DataError, match=r"^the video: is odd"):
        apart.apart(stuck_reader.act, tmp_path / "refuses", called="the video")


def test_a_client_that_sends_no_request_is_let_go(page, monkeypatch):
    monkeypatch.setattr(impatient, "HEAD_SECONDS", 0.5)
    for sent in (b"", b"GET / HTTP/1.1\r\nHost: loc"):
        with socket.create_connection(("127.0.0.1", page.port), timeout=30) as slow:
            slow.sendall(sent)
            assert slow.recv(100) == b"", "the server closed the connection"
    # Nor does a second request get more time.
    head = f"GET /api/index HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", page.port), timeout=30) as twice:
        twice.sendall(head)
        assert twice.recv(10**6).startswith(b"HTTP/1.1 200")
        twice.sendall(head[:20])
        while twice.recv(10**6):  # what is left of the answer; without an end the socket's time runs out
            pass


def test_a_client_that_sends_its_video_too_slowly_is_given_up(page, monkeypatch):
    monkeypatch.setattr(upload, "PAUSE", 0.5)
    assert b"408" in begun(page, "/api/search").split(b"\r\n")[0]
    assert not list(page.uploads.iterdir())
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.5)
    assert b"408" in begun(page, "/api/probe").split(b"\r\n")[0]


def test_who_is_refused_may_finish_a_short_body_and_then_hears_why(locked):
    head = f"POST /api/search HTTP/1.1\r\nHost: 127.0.0.1:{locked.port}\r\nContent-Length: 6\r\n\r\nabc".encode()
    with socket.create_connection(("127.0.0.1", locked.port), timeout=60) as slow:
        slow.sendall(head)
        slow.settimeout(0.2)
        with pytest.raises(TimeoutError):  # hanging up on what is still sent may take the answer with it
            slow.recv(1)
        slow.settimeout(60)
        slow.sendall(b"def")
        said = b""
        while more := slow.recv(10**5):
            said += more
    assert said.startswith(b"HTTP/1.1 401") and b"The token is missing or wrong" in said


def begun(page, address) -> bytes:
    """What is answered to a body of which only the beginning comes."""
    head = f"POST {address} HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nContent-Length: 1000\r\n\r\nabc".encode()
    with socket.create_connection(("127.0.0.1", page.port), timeout=60) as slow:
        slow.sendall(head)
        return slow.recv(1000)


def test_a_body_without_a_length_or_of_any_length_is_not_taken(page):
    assert page.ask("/api/probe", "POST", iter([b"{}"]), encode_chunked=True).status == 411
    assert page.ask("/api/probe", "POST", b"", {"content-length": str(2**30)}).status == 413


@pytest.fixture(scope="module")
def locked(vectors):
    """A page with a token."""
    with running(vectors, token=TOKEN) as found:
        yield found


def test_without_the_right_token_nothing_is_answered(locked):
    for headers in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {TOKEN}"},
        {"cookie": f"kinema-{locked.port}=wrong"},
        {"cookie": "kinema=\x7f"},
        {"authorization": "Bearer t\xf6ken"},
    ):
        for address in ("/api/index", "/main.js", "/api/clips/0000/still.webp"):
            assert locked.ask(address, headers=headers).status == 401
        assert locked.upload(b"x", **headers).status == 401
    asks = locked.ask("/")
    assert asks.status == 401 and b"<form>" in asks.body and TOKEN.encode() not in asks.body
    wrong = locked.ask("/?token=wrong")
    assert wrong.status == 401 and b"not the token" in wrong.body and "set-cookie" not in wrong.headers


def test_with_the_token_a_browser_is_let_in_and_the_address_is_clean(locked):
    assert locked.url == f"http://127.0.0.1:{locked.port}/?token={TOKEN}"
    let_in = locked.ask(f"/?token={TOKEN}")
    assert (let_in.status, let_in.headers["location"]) == (303, "/")
    cookie = let_in.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite" in cookie
    assert locked.ask("/", headers={"cookie": cookie.split(";")[0]}).status == 200
    assert locked.ask("/api/index", headers={"authorization": f"Bearer {TOKEN}"}).status == 200


def test_another_address_than_this_machines_needs_a_token():
    assert server.checked_token("127.0.0.1", None) is None and server.checked_token("::1", None) is None
    one, two = server.checked_token("0.0.0.0", None), server.checked_token("192.168.1.5", None)
    assert one and two and one != two and len(one) >= 32
    for bad in ("", "short", "with a space in it", "; Path=/evil-and-long", "ümlauts-are-not-sent-well"):
        with pytest.raises(UsageError, match="--token has"):
            server.checked_token("0.0.0.0", bad)


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil.example:80", "[::1", "10.0.0.5"]
)
def test_a_name_that_somebody_made_point_here_is_not_answered(page, host):
    assert page.ask("/api/index", headers={"host": host}).status == 421


def test_the_machines_own_names_are_answered(page):
    for host in (f"127.0.0.1:{page.port}", f"localhost:{page.port}", "localhost:9000", "[::1]:80"):
        assert page.ask("/api/index", headers={"host": host}).status == 200
    assert guard.Guard(None, "0.0.0.0", TOKEN).knows("192.168.1.5:8600")
    assert not guard.Guard(None, "0.0.0.0", TOKEN).knows("evil.example:8600")
    assert guard.Guard(None, "box.lan", TOKEN).knows("box.lan:8600")


def test_another_site_can_neither_post_nor_embed(page):
    own = f"http://127.0.0.1:{page.port}"
    [clip] = page.clips()[:1]
    for origin in ("http://evil.example", "null", f"http://127.0.0.1:{page.port + 1}", own + ".evil.example"):
        assert page.post("/api/chosen", [clip["id"]], origin=origin).status == 403
    assert page.post("/api/chosen", [clip["id"]], origin=own).status == 200
    still = f"/api/clips/{clip['id']}/still.webp"
    for site in ("cross-site", "same-site"):
        embeds = {"sec-fetch-site": site, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
        assert page.ask(still, headers=embeds).status == 403
        frames = {"sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}
        assert page.ask("/", headers=frames).status == 403
        assert (
            page.post("/api/chosen", [clip["id"]], **{"sec-fetch-site": site, "sec-fetch-mode": "navigate"}).status
            == 403
        )
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert page.ask("/", headers=link).status == 200


def test_every_answer_tells_browsers_to_load_nothing_from_elsewhere(page):
    for address in ("/", "/main.js", "/api/index", "/nothing"):
        headers = page.ask(address).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "unsafe" not in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
        assert "access-control-allow-origin" not in headers and "server" not in headers


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_file_of_the_page_names_another_server_or_has_a_script_or_style_in_it(name):
    text = FILES[name].decode()
    assert set(re.findall(r"\w+://[^\s\"'`)]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\bon\w+=|\bstyle=|<style|innerHTML|eval\(", text)


def test_nothing_is_told_to_a_collector_whatever_the_environment_says(vectors, monkeypatch):
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    with running(vectors) as found:
        assert found.ask("/api/index").status == 200
    from kinema.serve.app import NO_TELEMETRY

    assert not any(NO_TELEMETRY.values())


def test_uploads_are_gone_with_the_server(vectors):
    with running(vectors) as found:
        assert found.uploads.is_dir()
    assert not found.uploads.exists()
