"""A process that tells of itself, for tests of those who start it."""

import ctypes
import os
import resource
import time

import msgspec

from infra.shut_in import serve

_asked: list[str] = []  # what one that is taken over would remember


class Ask(msgspec.Struct, array_like=True):
    what: str = ""


class Told(msgspec.Struct, array_like=True):
    pid: int
    asked: list[str]
    processes: int  # that it may start
    cpu_s: int  # that it may compute
    reached: list[str]  # of what it must not


def answer(ask: Ask) -> Told:
    _asked.append(ask.what)
    if ask.what == "stay":  # by all means
        ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)
        os.setsid()
        time.sleep(600)
    if ask.what == "die":
        os._exit(0)
    reached = []
    for name, tried in (("memory", f"/proc/{os.getppid()}/mem"), ("other", "/etc/passwd")):
        libc = ctypes.CDLL(None)
        libc.fopen.restype = ctypes.c_void_p
        if libc.fopen(tried.encode(), b"r"):
            reached.append(name)
    processes, cpu_s = (resource.getrlimit(what)[0] for what in (resource.RLIMIT_NPROC, resource.RLIMIT_CPU))
    return Told(os.getpid(), [*_asked], processes, cpu_s, reached)


if __name__ == "__main__":
    serve(Ask, answer, lambda: None)
