"""The local control plane: everything it knows, and its life.

    async with Plane.open(folder=Path("var/local")) as plane:
        env = os.environ | plane.client_env()   # `modal deploy`, Cls.from_name ... now talk to this plane

RPC groups (GROUPS in rpc_*.py) are classes that take the plane and have one method per RPC; parts (blobs, web,
schedules, dashboard) are modules with `part(plane)`, an async context manager that runs beside the server.
"""

import asyncio
import importlib
import logging
import time
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.local.apps import Apps
from infra.local.bell import Bell
from infra.local.sources import Sources

if TYPE_CHECKING:
    from infra.local.faults import Faults
    from infra.local.pool import PoolState

log = logging.getLogger("infra.local")

PARTS = ("blobs", "web", "schedules", "dashboard")  # modules of infra.local, started in this order


class Plane:
    """Shared state. One event loop, so nothing here is locked."""

    def __init__(
        self,
        folder: Path,
        faults: "Faults",
        pools: str = "laptop",
        dashboard_port: int = 0,
        passed: Collection[str] = (),
    ) -> None:
        from infra import prices
        from infra.local.autoscaler import Autoscaler
        from infra.local.bill import Bill
        from infra.local.calls import Calls
        from infra.local.containers import Containers

        folder.mkdir(parents=True, exist_ok=True)
        (folder / "modal.toml").write_text("")
        self.folder = folder  # container logs, sockets, blobs, volumes: of this run only
        self.kind = pools  # PARLEY_POOLS of every container and of who deploys
        self.passed = frozenset(passed)  # environment variables of this process that containers see too
        self.faults = faults
        self.unknown: list[str] = []  # RPCs that nothing here answers, by name; empty after the test suite
        self.cold_starts = 0
        self.url = ""  # of the gRPC server: http://127.0.0.1:PORT
        self.blob_url = ""  # set by blobs
        self.web_url = ""  # set by web: front of the asgi endpoints
        self.dashboard_port = dashboard_port  # 0: any free one
        self.dashboard_url = ""  # set by dashboard
        self.apps = Apps()
        self.pools: dict[str, PoolState] = {}  # by function id; only functions that were called or must be warm
        self.calls: Calls = Calls(self)
        self.autoscaler: Autoscaler = Autoscaler(self)
        self.containers: Containers = Containers(self)
        self.sources = Sources(folder)
        self.bill: Bill = Bill(prices.at(date.today()).microusd)
        self.deployed = Bell()  # rung after every AppPublish: schedules look again
        self.parts: dict[str, Any] = {}  # a part may leave its object here by its module's name (blobs, objects)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._since = (time.time(), time.monotonic())

    def clock(self) -> float:
        """Return Unix seconds that never run backwards while this plane lives."""
        wall, monotonic = self._since
        return wall + time.monotonic() - monotonic

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run `work` beside everything else; cancelled when the plane closes, and logged when it fails."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("%s failed", task.get_name(), exc_info=error)

    def client_env(self) -> dict[str, str]:
        """Return the environment of whoever shall talk to this plane and to no other.

        The configuration file is an empty one, so a developer's real credentials are never read.
        """
        return {
            "MODAL_SERVER_URL": self.url,
            "MODAL_TOKEN_ID": "ak-local",
            "MODAL_TOKEN_SECRET": "as-local",
            "MODAL_CONFIG_PATH": str(self.folder / "modal.toml"),
            "MODAL_ENVIRONMENT": "main",
            "PARLEY_POOLS": self.kind,
        }

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        folder: Path,
        faults: "Faults | None" = None,
        port: int = 0,
        pools: str = "laptop",
        dashboard_port: int = 0,
        passed: Collection[str] = (),
    ) -> AsyncIterator["Plane"]:
        """Start it all on loopback; on leaving, end every container, then the rest."""
        from infra.local.faults import Faults
        from infra.local.server import serve

        plane = cls(folder, faults or Faults(), pools, dashboard_port, passed)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(plane._cancel_tasks)
            await stack.enter_async_context(serve(plane, port))
            for name in PARTS:
                module = importlib.import_module(f"infra.local.{name}")
                await stack.enter_async_context(module.part(plane))
            plane.spawn(plane.autoscaler.run(), "autoscaler")
            stack.push_async_callback(plane.containers.close)
            log.info("the local plane listens on %s", plane.url)
            yield plane

    async def _cancel_tasks(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

