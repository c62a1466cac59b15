"""Starting a program as several processes that know one another, on this machine."""

import os
import socket
import subprocess
import sys
from pathlib import Path


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def start(size, *arguments, cwd=None, further=()):
    """The processes of `python arguments...`, one a rank; their output is to be read. The last gets `further` too."""
    port = str(free_port())
    told = {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    return [
        subprocess.Popen(
            [sys.executable, *map(str, arguments), *(map(str, further) if rank == size - 1 else ())],
            env=os.environ | told | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=cwd,
        )
        for rank in range(size)
    ]


def finish(processes, timeout=300):
    """What each process said, and how it ended; none is left behind."""
    try:
        return [(process.communicate(timeout=timeout)[0], process.returncode) for process in processes]
    finally:
        for process in processes:
            process.kill()


def run(size, *arguments, cwd=None):
    """What the processes said; all must end well."""
    ended = finish(start(size, *arguments, cwd=cwd))
    assert [code for _, code in ended] == [0] * size, "\n".join(said for said, _ in ended)
    return [said for said, _ in ended]


HERE = Path(__file__).parent
