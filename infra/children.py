"""Processes apart that read hostile bytes, a few of them kept warm: starting one takes more than half a second.

A process that is killed, hangs or grows costs what it was asked and is replaced; the app never reads hostile bytes
itself. What a process does is in infra/shut_in.py: on Linux the warm one forks another off for each thing asked.
"""

import asyncio
import contextlib
import os
import struct
import sys
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from infra.shut_in import MOST_FRAME, REPLY

ROOT = Path(__file__).parents[1]
START_S = 60.0  # for a start, on a machine that is busy
GRACE_S = 0.5  # in which a process ends by itself, and those that it started before
PIECE = 256 << 10  # bytes given to a process at once: a frame of 50 MB at once would keep the loop for half a second
# The environment has secrets; a reader needs none of it. One thread each: numpy's own would only take memory.
_ENVIRONMENT = {
    "PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1",
    "ORT_DISABLE_TELEMETRY": "1",
}  # fmt: skip

A = TypeVar("A")


class Broke(Exception):
    """The process died, hung, or said what makes no sense, over what it was asked. `late` when its time was over."""

    def __init__(self, late: bool) -> None:
        super().__init__("late" if late else "died")
        self.late = late


class NotStarted(Exception):
    """The process itself does not start: no fault of what is asked, so another try may mend it."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """What is started, and its limits."""

    module: str
    arguments: tuple[str, ...] = ()
    deadline_s: float  # for one thing asked, by the clock
    cpu_s: int  # its computing
    memory: int  # bytes of address space of a process
    served: int = 500  # asked of one process before it is replaced: whatever leaks, leaks no longer than that
    grown: int = 500 << 20  # bytes that a process may hold on to afterwards
    idle_s: float | None = None  # after which a process that waits is ended, None for never


class _Child:
    """One process and how much it has read."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.served = 0
        self.memory = 0
        self.most = 0
        self.ends: asyncio.TimerHandle | None = None
        self.gone = asyncio.Event()

    @classmethod
    async def start(cls, kind: Kind) -> "_Child":
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-s", "-m", kind.module, str(os.getpid()), str(kind.cpu_s), str(kind.memory),
            *kind.arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            cwd="/", env=_ENVIRONMENT, start_new_session=True, limit=1 << 20,
        )  # fmt: skip
        child = cls(process)
        try:
            async with asyncio.timeout(START_S):
                await child._read()
        except BaseException:
            await child.end()
            raise
        return child

    async def ask(self, body: bytes, deadline_s: float) -> bytes:
        """Raises OSError, EOFError or TimeoutError when it broke over what is asked."""
        writer = self.process.stdin
        assert writer is not None  # noqa: S101 - it was started with a pipe
        async with asyncio.timeout(deadline_s):
            writer.write(struct.pack(">I", len(body)))
            whole = memoryview(body)
            for start in range(0, len(body), PIECE):
                writer.write(whole[start : start + PIECE])
                await writer.drain()
            answer = await self._read()
        self.served += 1
        return answer

    async def _read(self) -> bytes:
        reader = self.process.stdout
        assert reader is not None  # noqa: S101
        size, self.memory, self.most = REPLY.unpack(await reader.readexactly(REPLY.size))
        if size > MOST_FRAME:
            raise OSError("a frame that no answer makes")
        return await reader.readexactly(size)

    def spent(self, kind: Kind) -> bool:
        return self.served >= kind.served or self.memory > kind.grown or self.process.returncode is not None

    def stop(self) -> None:
        """Tell it that nobody waits: it ends, and before that the one that it may have forked off."""
        if self.ends is not None:
            self.ends.cancel()
        if self.process.stdin is not None and not self.process.stdin.transport.is_closing():
            self.process.stdin.transport.abort()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    async def end(self) -> None:
        """End it and wait, so that nothing is left; it holds nothing that would have to be saved.

        One that does not hear that nobody waits is killed.
        """
        self.stop()
        deadline = asyncio.get_running_loop().call_later(GRACE_S, self.kill)
        # What it wrote last is read away: a pipe that is full would keep its end from being noticed.
        with contextlib.suppress(OSError, ValueError):
            await self.process.communicate()
        deadline.cancel()
        self.gone.set()


class Children(Generic[A]):
    """At most `count` things are read at once, others wait. Close it, from its own loop."""

    def __init__(self, kind: Kind, answer: type[A], count: int) -> None:
        self._kind, self._answer = kind, answer
        self._free = asyncio.Semaphore(count)
        self._idle: list[_Child] = []
        self._busy: set[_Child] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False
        self.most = 0  # bytes that anything took, where processes are forked off

    @property
    def pids(self) -> set[int]:
        return {child.process.pid for child in [*self._idle, *self._busy]}

    @property
    def busy(self) -> int:
        return len(self._busy)

    async def ask(self, ask: object) -> A:
        """Return what a process answers. Raises Broke and NotStarted."""
        body = await asyncio.to_thread(msgspec.msgpack.encode, ask)
        if len(body) > MOST_FRAME:
            raise Broke(late=False)
        async with self._free:
            child = await self._take()
            self._busy.add(child)
            whole = False
            try:
                said = await child.ask(body, self._kind.deadline_s)
                self.most = max(self.most, child.most)
                answer = await asyncio.to_thread(msgspec.msgpack.decode, said, type=self._answer)
                whole = True
            except (OSError, EOFError, TimeoutError, msgspec.MsgspecError) as broken:
                raise Broke(late=isinstance(broken, TimeoutError)) from broken
            finally:
                self._busy.discard(child)
                if whole and not child.spent(self._kind) and not self._closed:
                    self._keep(child)
                else:  # also when whoever asked went away: it is still busy with that
                    await asyncio.shield(child.end())
        return answer

    def _keep(self, child: _Child) -> None:
        self._idle.append(child)
        if self._kind.idle_s is not None:
            child.ends = asyncio.get_running_loop().call_later(self._kind.idle_s, self._rest, child)

    def _rest(self, child: _Child) -> None:
        if child in self._idle:
            self._idle.remove(child)
            task = asyncio.ensure_future(child.end())
            self._ending.add(task)  # a loop keeps no strong reference of its own
            task.add_done_callback(self._ending.discard)

    async def _take(self) -> _Child:
        """Return a warm process. One that died while it waited is no error of what is asked."""
        while self._idle:
            child = self._idle.pop()
            if child.ends is not None:
                child.ends.cancel()
            if child.process.returncode is None:
                return child
            await child.end()
        if self._closed:
            raise NotStarted
        try:
            return await _Child.start(self._kind)
        except (OSError, EOFError, TimeoutError, msgspec.MsgspecError) as wrong:
            raise NotStarted from wrong

    async def close(self) -> None:
        """End every process; what is being read is broken off."""
        self._closed = True
        busy = list(self._busy)
        for child in busy:  # whoever waits for its answer reads what it says last, and ends it
            child.stop()
            asyncio.get_running_loop().call_later(GRACE_S, child.kill)
        for child in self._idle:
            await child.end()
        self._idle.clear()
        for child in busy:
            await child.gone.wait()
        if self._ending:
            await asyncio.gather(*self._ending)
