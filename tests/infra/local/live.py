"""A local plane in a thread of its own, with the sample app deployed by the real command line."""

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import modal

from infra.local.__main__ import deploy, worker_key
from infra.local.containers import Container
from infra.local.plane import Plane

T = TypeVar("T")
PATIENT_S = 240.0  # a container is a Python that imports everything, and a machine with other work takes its time


class Live:
    """The plane, the client that talks to it, and where the sample app leaves its notes."""

    def __init__(self, plane: Plane, loop: asyncio.AbstractEventLoop, client: modal.Client, notes: Path) -> None:
        self.plane = plane
        self.client = client
        self._loop = loop
        self._notes = notes

    def do(self, work: Callable[[Plane], Awaitable[T]]) -> T:
        """Run something in the plane's own loop."""

        async def run() -> T:
            return await work(self.plane)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(PATIENT_S)

    def function(self, name: str) -> "modal.Function[..., Any, Any]":
        return modal.Function.from_name("sample", name, client=self.client)

    def cls(self, name: str) -> modal.Cls:
        return modal.Cls.from_name("sample", name, client=self.client)

    def notes(self, name: str) -> list[str]:
        path = self._notes / name
        return path.read_text().splitlines() if path.exists() else []

    async def noted(self, name: str, lines: int = 1, seconds: float = PATIENT_S) -> list[str]:
        """Wait until there are so many lines."""
        deadline = time.monotonic() + seconds
        while len(found := self.notes(name)) < lines:
            assert time.monotonic() < deadline, f"{name}: {found}"
            await asyncio.sleep(0.005)
        return found

    def containers(self, name: str) -> list[Container]:
        """Those of a class or function that live now."""
        return [c for c in list(self.plane.containers.by_id.values()) if c.function.name.removesuffix(".*") == name]

    async def until(self, true: Callable[[], bool], seconds: float = PATIENT_S) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, "it never came true"
            await asyncio.sleep(0.01)


@contextmanager
def living(folder: Path, *modules: str) -> Iterator[Live]:
    """Start it, deploy these apps (the sample app if none is named), and end it all."""
    notes = folder / "notes"
    notes.mkdir()
    before = dict(os.environ)
    os.environ["PARLEY_SAMPLE_NOTES"] = str(notes)
    ready, enough = threading.Event(), []
    failure: list[BaseException] = []
    found: list[tuple[Plane, asyncio.AbstractEventLoop]] = []

    async def main() -> None:
        leave = asyncio.Event()
        loop = asyncio.get_running_loop()
        enough.append(lambda: loop.call_soon_threadsafe(leave.set))
        async with Plane.open(folder / "plane") as plane:
            worker_key(plane)
            for module in modules or ("tests.infra.local.sample",):
                await deploy(plane, module)
            found.append((plane, loop))
            ready.set()
            await leave.wait()

    def thread() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            failure.append(error)
        finally:
            ready.set()

    runner = threading.Thread(target=thread, name="plane")
    runner.start()
    try:
        assert ready.wait(PATIENT_S), "the plane did not start"
        if failure:
            raise failure[0]
        plane, loop = found[0]
        os.environ.update(plane.client_env())
        client = modal.Client.from_credentials("ak-local", "as-local")
        yield Live(plane, loop, client, notes)
        client.close()
    finally:
        enough[0]()
        runner.join(PATIENT_S)
        os.environ.clear()
        os.environ.update(before)
    assert not runner.is_alive()
