"""Runs of `kinema` that die at a chosen moment, forked from a process that has imported what they need.

Started as a script, it reads one run a line from its standard input, the arguments of `forked`, and answers with how
that run ended. Nothing in kinema knows of it: a moment is a call that a run makes on its way, of which this process is
told by Python's audit hook or by a function that stands in the place of another.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path


class Mortals:
    """The process that such runs are forked from, seen from a test."""

    def __init__(self) -> None:
        self.server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(
        self, words: list[str], folder: Path, die_at: tuple[str, int] | None = None, by: int = signal.SIGKILL
    ) -> dict:
        """Run a command line that writes into `folder`, and send it a signal at the n-th moment of a name.

        Returns its exit code (minus the signal's number where it was killed), what it said, and the names of the
        moments it went through, in order.
        """
        assert self.server.stdin and self.server.stdout
        asked = {"words": [str(word) for word in words], "folder": str(folder), "die_at": die_at, "by": by}
        self.server.stdin.write(json.dumps(asked) + "\n")
        self.server.stdin.flush()
        return json.loads(self.server.stdout.readline())

    def close(self) -> None:
        """End the process."""
        assert self.server.stdin
        self.server.stdin.close()
        self.server.wait()


class Moments:
    """Counts the moments of a run, and ends it at one of them."""

    def __init__(self, folder: str, die_at: list | None, by: int, record: Path) -> None:
        self.folder, self.die_at, self.by, self.record, self.seen = folder, die_at, by, record, []

    def at(self, name: str) -> None:
        """A moment."""
        self.seen.append(name)
        with self.record.open("a") as file:
            file.write(name + "\n")
        if self.die_at is not None and self.die_at == [name, self.seen.count(name)]:
            os.kill(os.getpid(), self.by)

    def name(self, path: object) -> str | None:
        """A path within the run's folder, or None."""
        if not isinstance(path, str | os.PathLike):
            return None
        inside = os.path.relpath(path, self.folder)
        return None if inside.startswith("..") else inside

    def hook(self, event: str, details: tuple) -> None:
        """Told by Python before files are opened, made, renamed and removed."""
        if event == "open" and (name := self.name(details[0])) and details[2] & (os.O_WRONLY | os.O_RDWR):
            self.at(f"open {name}")
        elif event in ("os.rename", "os.link") and (name := self.name(details[1])):
            self.at(f"{event.removeprefix('os.')} {name}")
        if event in ("os.mkdir", "os.remove") and (name := self.name(details[0])):
            self.at(f"{event.removeprefix('os.')} {name}")


class Torn:
    """A file of which the first write and every hundredth are made in two parts, with a moment between them."""

    def __init__(self, file, moments: Moments, name: str) -> None:
        self.file, self.moments, self.called, self.writes = file, moments, name, -1

    def write(self, content) -> int:
        """Write half, be seen, write the rest."""
        self.writes += 1
        if self.writes % 100:
            return self.file.write(content)
        middle = len(content) // 2
        self.file.write(content[:middle])
        self.file.flush()
        self.moments.at(f"write {self.called}")
        self.file.write(content[middle:])
        return len(content)

    def __getattr__(self, name: str):
        return getattr(self.file, name)


def watch(moments: Moments) -> None:
    """Put functions in the place of others, that tell of their moment and then do the same."""
    import torch

    from kinema.engine import log, train
    from kinema.methods.base import Method

    sync, save, write = os.fsync, torch.save, log.Log.write

    def synced(number: int) -> None:
        if name := moments.name(str(Path(f"/proc/self/fd/{number}").readlink())):
            moments.at(f"fsync {name}")
        sync(number)

    def saved(content, file) -> None:
        save(content, Torn(file, moments, moments.name(file.name)))

    def written(self, *row) -> None:
        if not isinstance(self.file, Torn):
            self.file = Torn(self.file, moments, moments.name(self.file.name))
        write(self, *row)

    os.fsync, torch.save, log.Log.write = synced, saved, written
    for place, name in ((train, "gradient"), (train, "update"), (Method, "commit")):
        setattr(place, name, told(getattr(place, name), moments, name))
    sys.addaudithook(moments.hook)


def told(function, moments: Moments, name: str):
    """A function before which there is a moment."""

    def call(*arguments):
        moments.at(name)
        return function(*arguments)

    return call


def forked(words: list[str], folder: str, die_at: list | None, by: int) -> dict:
    """One run, in a process of its own."""
    notes = Path(folder + ".moments"), Path(folder + ".said")
    for note in notes:
        note.write_text("")
    child = os.fork()
    if child == 0:
        from kinema import cli

        with notes[1].open("w") as said, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            watch(Moments(folder, die_at, by, notes[0]))
            code = cli.run(words)
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return {"code": code, "said": notes[1].read_text(), "moments": notes[0].read_text().splitlines()}


def prepare() -> None:
    """Import once what every run needs, which takes longer than such a run itself."""
    import torch

    from kinema import console, pretraining, recipes  # noqa: F401
    from kinema.data import decode

    decode.check_decoder()
    with contextlib.suppress(ImportError):  # an optional extra
        import torch.utils.tensorboard
    torch.set_num_threads(1)


if __name__ == "__main__":
    prepare()
    for line in sys.stdin:
        print(json.dumps(forked(**json.loads(line))), flush=True)
