"""What a process does that reads hostile bytes: it shuts itself in, then answers what infra/children.py asks.

`python -m MODULE PARENT CPU_S MEMORY` reads frames (four bytes of length, then MessagePack) on standard input and
answers each on standard output (length, bytes held, bytes held at most, MessagePack). Before the first it gives up what
it does not need: no more memory than MEMORY, nothing written, no file read but code, no sockets and no processes, no
network where the kernel lets it leave, and it dies with its parent. Limits that a system lacks are left out.

On Linux each frame is answered by a process of its own, forked off the warm one, which itself understands none of it:
whoever takes one over by a file meets no other file, and nobody's next one.
"""

import contextlib
import ctypes
import gc
import os
import resource
import select
import signal
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec

ALL_CPU_S = 3_600  # of the life of a process
MOST_FRAME = 64 << 20
# Of an answer: its length, the bytes that the process holds, the most that the one held that made it.
REPLY = struct.Struct(">IQQ")
FORKS = sys.platform == "linux"  # elsewhere system libraries mind
_CLONE_NEWUSER, _CLONE_NEWNET, _PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 0x10000000, 0x40000000, 1, 38
# Landlock (Linux 5.13 and later): system calls, and what is asked for (write, make, remove, read; TCP; signals).
_CREATE, _ADD, _RESTRICT, _BENEATH = 444, 445, 446, 1
_READ = 1 << 2 | 1 << 3
# Audit events that nothing here causes, unless somebody made it.
_NEVER = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "os.remove", "os.rename")
_HOME = Path(__file__).parents[1]
_OURS = {_HOME / "domain", _HOME / "infra", _HOME / "functions"}
_CODE = tuple(f"{place}{os.sep}" for place in {sys.prefix, sys.base_prefix, *_OURS})
_SHARED = ("/lib", "/lib64", "/usr/lib")  # what C libraries load late; the hook below lets Python open none of it
_FILES = 32

Asked = TypeVar("Asked")


def _limit(what: int, most: int, hard: int | None = None) -> None:
    with contextlib.suppress(ValueError, OSError):  # macOS refuses some, a smaller limit may be in force
        resource.setrlimit(what, (most, most if hard is None else hard))


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def dies_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it was gone before that
            os._exit(0)


def leave(more: Sequence[str] = ()) -> None:
    """Leave the network, and all files but code and `more`: this thread, and those that it starts from now on."""
    if sys.platform == "linux":
        _libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        # Without privileges a network namespace of one's own needs a user namespace too; neither may be allowed.
        if _libc().unshare(_CLONE_NEWNET) != 0:
            _libc().unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
        _only((*_CODE, *_SHARED, *more))


def _only(places: Sequence[str]) -> None:
    """Have the kernel refuse all files but these to read: a C library's opening passes no hook of Python's.

    Nothing may be written, made, removed or executed anywhere, no TCP bound or connected, no signal sent out.
    """
    call = _libc().syscall
    version = call(_CREATE, None, 0, 1)
    if version < 1:
        return
    files = (1 << (13 + (version >= 2) + (version >= 3) + (version >= 5))) - 1
    rules = struct.pack("QQQ", files, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    made = call(_CREATE, rules[:size], size, 0)
    if made < 0:
        return
    for place in places:
        with contextlib.suppress(OSError):
            at = os.open(place, os.O_PATH)
            kind = _READ if os.path.isdir(place) else 1 << 2
            call(_ADD, made, _BENEATH, struct.pack("=Qi", kind, at), 0)
            os.close(at)
    call(_RESTRICT, made, 0)
    os.close(made)


def keep_within(most_memory: int) -> None:
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, _FILES)  # not none at all: libraries import modules when they first need them
    if sys.platform == "linux":  # elsewhere address space says nothing of memory, and shared libraries take more
        _limit(resource.RLIMIT_AS, most_memory)


def alone() -> None:
    """Start no process from now on."""
    if hasattr(resource, "RLIMIT_NPROC"):
        _limit(resource.RLIMIT_NPROC, 0)
    sys.addaudithook(guard)


def guard(event: str, args: tuple[Any, ...]) -> None:
    """Refuse what a reader never does. A hook of the interpreter; it cannot be taken away again."""
    if event.startswith(_NEVER):
        raise PermissionError(event)
    if event == "open" and not isinstance(args[0], int):  # an int is what is open already
        writes = isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes or not os.path.abspath(os.fsdecode(args[0])).startswith(_CODE):
            raise PermissionError(event)


def more_time(seconds: int) -> None:
    """CPU time is counted over the life of a process: move the limit on for each thing that is asked."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + 1 + seconds, ALL_CPU_S)


class Memory:
    """How much is held now. getrusage tells the most ever, on Linux even that of the parent that forked us."""

    def __init__(self) -> None:
        self._file = os.open("/proc/self/statm", os.O_RDONLY) if sys.platform == "linux" else -1

    def held(self) -> int:
        if self._file < 0:
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
        return int(os.pread(self._file, 100, 0).split()[1]) * resource.getpagesize()


def read(source: BinaryIO) -> bytes:
    """Return the next frame, b"" when the parent has closed its end."""
    head = source.read(4)
    if len(head) < 4:
        return b""
    size = struct.unpack(">I", head)[0]
    if size > MOST_FRAME:
        return b""
    body = source.read(size)
    return body if len(body) == size else b""


def write(target: BinaryIO, body: bytes, held: int, most: int = 0) -> None:
    target.write(REPLY.pack(len(body), held, most))
    target.write(body)
    target.flush()


def serve(
    asked: type[Asked], answer: Callable[[Asked], object], warm: Callable[[], None], forks: bool = FORKS
) -> None:
    """Warm up, shut in, answer until the parent closes its end. `answer` raises nothing.

    `forks`: each in a process of its own; not for libraries with threads, which no fork takes along.
    """
    parent, cpu_s, most_memory = map(int, sys.argv[1:4])
    dies_with_parent(parent)
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints is not to break a frame
    memory = Memory()
    warm()
    leave()
    keep_within(most_memory)
    if forks:
        gc.collect()
        gc.freeze()  # or collecting would copy all of it
    else:
        alone()
    write(target, b"", memory.held())

    def made(frame: bytes) -> bytes:
        more_time(cpu_s)
        return msgspec.msgpack.encode(answer(msgspec.msgpack.decode(frame, type=asked)))

    while frame := read(source):
        if not forks:
            write(target, made(frame), memory.held())
        elif (said := _by_another(frame, made, target)) is not None:
            write(target, said[0], memory.held(), said[1])
        else:
            break
    os._exit(0)


def _by_another(frame: bytes, made: Callable[[bytes], bytes], target: BinaryIO) -> tuple[bytes, int] | None:
    """Return an answer and how much memory it took, both of a process that is gone by then.

    None when it died over it, or when nobody waits for its answer any more.
    """
    here, there = os.pipe()
    warm = os.getpid()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            for mine in (0, target.fileno(), here):
                os.close(mine)
            dies_with_parent(warm)
            if sys.platform == "linux":
                _only(_CODE)  # once more: that keeps its parent's memory from it, and of newer kernels its signals
            alone()
            with os.fdopen(there, "wb") as out:
                write(out, made(frame), 0)
            os._exit(0)
        os._exit(1)
    os.close(there)
    try:
        said = _heard(here)
    finally:
        os.close(here)
        os.kill(pid, signal.SIGKILL)
        usage = os.wait4(pid, 0)[2]
    return None if said is None else (said, usage.ru_maxrss << 10)


def _heard(here: int) -> bytes | None:
    """Return what comes, None when it ends early or is too much, or when standard input says that nobody waits."""
    came = bytearray()
    while len(came) < REPLY.size or len(came) < REPLY.size + REPLY.unpack_from(came)[0]:
        if 0 in select.select([here, 0], [], [])[0]:
            return None
        piece = os.read(here, 1 << 20)
        came += piece
        if not piece or len(came) > MOST_FRAME + REPLY.size:
            return None
    return bytes(came[REPLY.size :])
