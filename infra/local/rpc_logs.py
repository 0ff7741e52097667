"""What containers print, for `modal run` and `modal app logs`: read from their log files as they grow."""

# ruff: noqa: N802 - methods are named as the RPCs

import asyncio
import json
from collections.abc import AsyncIterator

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from infra.local.plane import Plane
from infra.local.server import Caller

LOOK_S = 0.1  # files tell nobody when they grow
FOLLOW_S = 55.0  # one request; the client asks again with the id of the last entry
PIECE = 64 * 1024


class Logs:
    """The id of an entry is how far each file has been read."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    async def AppGetLogs(
        self, request: api_pb2.AppGetLogsRequest, caller: Caller
    ) -> AsyncIterator[api_pb2.TaskLogsBatch]:
        app = self._plane.apps.by_id.get(request.app_id)
        if app is None:
            raise GRPCError(Status.NOT_FOUND, f"App {request.app_id} not found")
        read: dict[str, int] = _position(request.last_entry_id)
        deadline = self._plane.clock() + (request.timeout or FOLLOW_S)
        while True:
            over = app.stopped and not self._alive(app.id)
            for task_id, data in self._news(app.id, request.task_id, read):
                read[task_id] = read.get(task_id, 0) + len(data)
                item = api_pb2.TaskLogs(
                    data=data.decode(errors="replace"), timestamp=self._plane.clock(),
                    file_descriptor=api_pb2.FILE_DESCRIPTOR_STDOUT,
                )  # fmt: skip
                yield api_pb2.TaskLogsBatch(task_id=task_id, items=[item], entry_id=json.dumps(read))
            if over:
                yield api_pb2.TaskLogsBatch(app_done=True)
                return
            if self._plane.clock() >= deadline:
                return
            await asyncio.sleep(LOOK_S)

    def _alive(self, app_id: str) -> bool:
        return any(container.function.app_id == app_id for container in self._plane.containers.by_id.values())

    def _news(self, app_id: str, task_id: str, read: dict[str, int]) -> list[tuple[str, bytes]]:
        """Return (container, bytes) of those that printed since; whole lines, unless one is very long."""
        found = []
        for path in self._plane.containers.logs.get(app_id, ()):
            if task_id in ("", path.stem) and path.exists():
                with path.open("rb") as file:
                    file.seek(read.get(path.stem, 0))
                    data = file.read(PIECE)
                end = data.rfind(b"\n") + 1
                if end or len(data) == PIECE:
                    found.append((path.stem, data[: end or PIECE]))
        return found


def _position(entry_id: str) -> dict[str, int]:
    try:
        told = json.loads(entry_id or "{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


GROUPS = (Logs,)
