"""Containers: the real entrypoint of the modal package in a process of its own, from start to end."""

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from grpclib.server import Server
from modal_proto import api_pb2

from infra.local.apps import Function
from infra.local.bell import Bell
from infra.local.calls import Input, Result
from infra.local.container import AGAIN_S
from infra.local.container import Container as Container
from infra.local.definitions import startup_timeout_of, timeout_of
from infra.local.faults import CapacityRefused
from infra.local.launch import Reaper, command, environment, prepare
from infra.local.pool import PoolState

if TYPE_CHECKING:
    from infra.local.plane import Plane

EXIT_S = 30.0  # for exit hooks when one is told to end, as on Modal
CLOSE_S = 10.0  # ... and when the whole plane ends
HELLO_S = 120.0  # for the entrypoint to appear; a busy laptop needs a while to import it
CANCEL_S = 10.0  # for code to react to its cancellation
SILENT_S = 120.0  # without a sign of life for so long, one is given up
REFUSED_S = 1.0  # before capacity is asked for again


class Containers:
    """Those that live, by id."""

    def __init__(self, plane: "Plane") -> None:
        self._plane = plane
        self.by_id: dict[str, Container] = {}
        self.logs: dict[str, list[Path]] = {}  # of every container that an app ever had
        self.listen: Callable[[Container, str], Awaitable[Server]]  # given by the server
        self._reaper = Reaper()
        self._folder: Path | None = None
        self._closing = False
        self._gone = Bell()  # rung whenever one has ended
        self._made = 0

    # -- what the autoscaler says ------------------------------------------------------------------

    def start(self, container_id: str, function: Function, pool: PoolState) -> None:
        """Begin a container; the pool hears when it is ready."""
        container = Container(
            container_id, function, function.definition, pool, self._plane.folder / "logs" / f"{container_id}.log"
        )
        self.by_id[container_id] = container
        self.logs.setdefault(function.app_id, []).append(container.log)
        self._plane.spawn(self._live(container), f"container {container_id}")

    def stop(self, container_id: str) -> None:
        """End an idle container: its exit hooks run."""
        container = self.by_id.get(container_id)
        if container is not None:
            self.end(container, "no longer needed")

    # -- what happens while it lives ---------------------------------------------------------------

    def booted(self, container: Container) -> None:
        """It asks for inputs: its hooks have run."""
        if container.booted or container.leaving:
            return
        container.booted = True
        now = self._plane.clock()
        self._plane.bill.booted(now, container.id)
        name, faults = container.function.name, self._plane.faults
        if faults.should_crash(name):
            self._in(container, faults.crash_after_s(name), lambda: self.kill(container.id, "crashed on demand"))
        preempt_after = faults.preempt_after_s(name)
        if preempt_after is not None:
            self._in(container, preempt_after, lambda: self.preempt(container.id))
        self._plane.autoscaler.booted(container)

    def hello(self, container: Container) -> None:
        """The entrypoint is there, the app's own code comes now: its time to start runs."""
        container.seen = self._plane.clock()
        limit = startup_timeout_of(container.definition)
        self._in(container, limit, lambda: self._too_slow(container, limit))

    def begin(self, container: Container, entry: Input) -> None:
        """An input is handed out: its time runs."""
        entry.started = self._plane.clock()
        limit = timeout_of(container.definition)
        entry.timer = asyncio.get_running_loop().call_later(limit, self._timed_out, container, entry, limit)

    def cancel(self, container_id: str, entry: Input) -> None:
        """Tell the container at once; code that does not react is ended with it."""
        container = self.by_id.get(container_id)
        if container is None:
            return
        container.cancels[entry.id] = None
        container.bell.ring()
        self._in(container, AGAIN_S, container.bell.ring)
        self._in(container, CANCEL_S, lambda: self._still(container, entry))

    def kill(self, container_id: str, why: str) -> None:
        """End it at once; what it has runs elsewhere."""
        container = self.by_id.get(container_id)
        if container is not None:
            container.leaving = True
            container.why = container.why or why
            container.signal(signal.SIGKILL)

    def preempt(self, container_id: str) -> None:
        """Its machine is wanted back: an interrupt, 30 s for its hooks, then the end. What it has runs elsewhere."""
        container = self.by_id.get(container_id)
        if container is not None and not container.leaving:
            container.leaving = True
            container.why = "preempted"
            container.signal(signal.SIGINT)
            self._in(container, EXIT_S, lambda: container.signal(signal.SIGKILL))

    def end(self, container: Container, why: str, grace: float = EXIT_S) -> None:
        """Let it finish what it has, run its exit hooks and go; after `grace` seconds it is killed."""
        if container.leaving:
            return
        container.leaving = True
        container.why = why
        if container.booted:
            self._plane.autoscaler.leave(container)
        else:
            container.signal(signal.SIGTERM)
        self._in(container, grace, lambda: container.signal(signal.SIGKILL))

    def _still(self, container: Container, entry: Input) -> None:
        if entry.container == container.id and entry.cancelled:
            self.kill(container.id, "an input did not react to its cancellation")

    def _timed_out(self, container: Container, entry: Input, limit: float) -> None:
        if entry.container == container.id:
            self.kill(container.id, "an input timed out")  # first, or the place that this frees would be given away
            why = f"Task's current input hit its timeout of {limit:g}s"
            self._plane.calls.fail(entry, Result.GENERIC_STATUS_TIMEOUT, why)

    def _in(self, container: Container, seconds: float, do: Callable[[], object]) -> None:
        container.timers.append(asyncio.get_running_loop().call_later(seconds, do))

    # -- its life ----------------------------------------------------------------------------------

    async def _live(self, container: Container) -> None:
        server: Server | None = None
        begun = self._plane.clock()
        try:
            if failures := self._plane.autoscaler.failures(container.function):
                await asyncio.sleep(min(0.25 * 2**failures, 30.0))  # do not burn a core on code that cannot start
            await self._plane.faults.before_boot(container.function.name)
            if container.leaving or self._closing:
                return
            container.started = container.seen = begun
            self._made += 1
            socket = str(self._sockets() / f"{self._made}.sock")
            server = await self.listen(container, socket)
            await self._run(container, socket)
        except CapacityRefused:
            container.why = "no capacity"
            await asyncio.sleep(REFUSED_S)
        finally:
            for timer in container.timers:
                timer.cancel()
            if server is not None:
                server.close()
            del self.by_id[container.id]
            self._gone.ring()
            if not self._closing:
                self._plane.autoscaler.ended(container)

    def _sockets(self) -> Path:
        """Return the folder of the sockets: a short path, as a socket's has 104 bytes at most."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="plane-"))
            self._reaper.clean(self._folder)
        return self._folder

    async def _run(self, container: Container, socket: str) -> None:
        """Start the process and wait for its end."""
        name = container.function.name
        arguments, root = prepare(self._plane, container, Path(socket).with_suffix(".args"))
        container.log.parent.mkdir(parents=True, exist_ok=True)
        with container.log.open("wb") as log:
            process = container.process = await asyncio.create_subprocess_exec(
                *command(), cwd=root, env=environment(self._plane, container, socket, arguments, root),
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self._reaper.watch(process.pid)
        self._plane.cold_starts += 1
        self._plane.bill.started(container.started, container.id, name)
        self._in(container, HELLO_S, lambda: self._too_slow(container, HELLO_S))
        silence = self._plane.spawn(self._listen_for_silence(container), f"silence of {container.id}")
        try:
            if container.leaving:  # told to end while the process was being made
                container.signal(signal.SIGTERM)
            code = await process.wait()
            if not container.booted and not container.leaving:
                self._plane.autoscaler.boot_failed(container, container.result or _no_boot(container, code))
            container.why = container.why or f"exited with {code}"
        finally:
            silence.cancel()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # whatever it started
            self._reaper.forget(process.pid)
            self._plane.bill.ended(self._plane.clock(), container.id, container.why)

    def _too_slow(self, container: Container, limit: float) -> None:
        if not container.booted:
            why = f"the container did not start within {limit:g}s"
            container.result = api_pb2.GenericResult(status=Result.GENERIC_STATUS_TIMEOUT, exception=why)
            container.why = why
            container.signal(signal.SIGKILL)

    async def _listen_for_silence(self, container: Container) -> None:
        while True:
            await asyncio.sleep(SILENT_S / 4)
            if self._plane.clock() - container.seen > max(SILENT_S, startup_timeout_of(container.definition)):
                self.kill(container.id, "gave no sign of life")

    async def close(self) -> None:
        """End every container: exit hooks get CLOSE_S, then all that is left is killed."""
        for container in list(self.by_id.values()):
            self.end(container, "the plane ends", CLOSE_S)
            if container.pool.containers.get(container.id) and container.pool.containers[container.id].inputs:
                container.signal(signal.SIGINT)  # busy: it would not look for a kill switch
        self._closing = True
        await self._all_gone(CLOSE_S)
        for container in self.by_id.values():
            container.signal(signal.SIGKILL)
        await self._all_gone(2.0)
        self._reaper.close()

    async def _all_gone(self, seconds: float) -> None:
        deadline = self._plane.clock() + seconds
        while self.by_id and await self._gone.wait(max(deadline - self._plane.clock(), 0.0)):
            continue


def _no_boot(container: Container, code: int) -> api_pb2.GenericResult:
    why = f"the container ended with {code} before it was ready; it printed:\n{container.tail()}"
    return api_pb2.GenericResult(status=Result.GENERIC_STATUS_FAILURE, exception=why)
