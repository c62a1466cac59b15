"""As much of the Hugging Face Hub as huggingface_hub needs to make a model, commit files to it and fetch them again."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

SHA = "ab" * 20
TOKEN = "hf_" + "x" * 34


class Hub(ThreadingHTTPServer):
    """A Hub with no models; `models` has their files, `asked` each request, `made` what was said of a new model."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.models: dict[str, dict[str, bytes]] = {}
        self.made: list[dict[str, object]] = []
        self.asked: list[str] = []
        self.address = f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    """One request."""

    server: Hub

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        self.server.asked.append(f"POST {path}")
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.tell({"error": "Invalid username or password."}, 401)
        if path == "/api/repos/create":
            said = json.loads(body)
            name = f"{said['organization']}/{said['name']}" if said.get("organization") else said["name"]
            self.server.made.append(said | {"full_name": name})
            self.server.models.setdefault(name, {})
            return self.tell({"url": f"{self.server.address}/{name}"})
        if path == "/api/validate-yaml":
            return self.tell({"errors": [], "warnings": []})
        model = "/".join(path.split("/")[3:5])
        if "/preupload/" in path:
            files = json.loads(body)["files"]
            regular = {"uploadMode": "regular", "shouldIgnore": False}
            return self.tell({"files": [{"path": each["path"], **regular} for each in files]})
        for line in body.splitlines():
            said = json.loads(line)
            if said["key"] == "file":
                self.server.models[model][said["value"]["path"]] = base64.b64decode(said["value"]["content"])
        url = f"{self.server.address}/{model}/commit/{SHA}"
        return self.tell({"success": True, "commitOid": SHA, "commitUrl": url})

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.server.asked.append(f"{self.command} {path}")
        parts = path.strip("/").split("/")
        model = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
        files = self.server.models.get(model)
        if files is None:
            return self.tell({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        if parts[0] == "api" and "tree" in parts:
            tree = [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in files.items()
            ]
            return self.tell(tree)
        if parts[0] == "api":
            siblings = [{"rfilename": name} for name in files]
            return self.tell({"id": model, "modelId": model, "sha": SHA, "siblings": siblings, "tags": []})
        content = files[parts[-1]]
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", SHA)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)
        return None

    def do_HEAD(self) -> None:
        self.do_GET()

    def tell(self, content: object, code: int = 200, headers: dict[str, str] | None = None) -> None:
        """Answer in JSON."""
        text = json.dumps(content).encode()
        self.send_response(code)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)


@contextmanager
def serving() -> Iterator[Hub]:
    """A Hub at 127.0.0.1 while it lasts."""
    with Hub() as hub:
        thread = threading.Thread(target=hub.serve_forever)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
