"""Ends any Python process that has this folder on its path, and its children, when it reaches for the network.

Python imports a module of this name by itself, in a reading process as in the first one. What Python code asks for, a
name to look up above all, is seen by an audit hook; what compiled code asks for is seen by the kernel, which ends a
process that makes a socket of IPv4 or IPv6. Sockets between processes of one machine (AF_UNIX) are left alone.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

FORBIDDEN = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "urllib.Request"}
EXIT = 97
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
KILL, ALLOW = 0x80000000, 0x7FFF0000
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
SOCKET = {"x86_64": 41, "aarch64": 198}
"""The number of the system call, by processor."""
AF_INET, AF_INET6 = 2, 10


def refuse(event: str, given: tuple[object, ...]) -> None:
    if event in FORBIDDEN:
        os.write(2, f"{event} {given}\n".encode())
        os._exit(EXIT)


def forbid_sockets() -> None:
    """Have the kernel end this process, and those that it starts, at the first socket of the internet's."""

    def step(code: int, then: int, otherwise: int, value: int) -> bytes:
        return struct.pack("HBBI", code, then, otherwise, value)

    program = b"".join(
        [
            step(LOAD, 0, 0, 0),  # the call's number
            step(JUMP_IF_EQUAL, 0, 4, SOCKET[platform.machine()]),
            step(LOAD, 0, 0, 16),  # its first argument, the family
            step(JUMP_IF_EQUAL, 1, 0, AF_INET),
            step(JUMP_IF_EQUAL, 0, 1, AF_INET6),
            step(RETURN, 0, 0, KILL),
            step(RETURN, 0, 0, ALLOW),
        ]
    )
    steps = ctypes.create_string_buffer(program, len(program))
    filter_ = struct.pack("HP", len(program) // 8, ctypes.addressof(steps))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.create_string_buffer(filter_, len(filter_)), 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel took no filter")


sys.addaudithook(refuse)
forbid_sockets()
