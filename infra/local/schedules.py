"""Runs deployed functions when their schedule (modal.Cron, modal.Period) says so."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from modal_proto import api_pb2

from infra.local.timetable import Timetable

if TYPE_CHECKING:
    from infra.local.plane import Plane

log = logging.getLogger("infra.local")

LOOK_S = 30.0  # the clock may jump (a laptop wakes up): never sleep for longer


@asynccontextmanager
async def part(plane: "Plane") -> AsyncIterator[None]:
    """Keep the timetable in `plane.parts["schedules"]`."""
    timetable = plane.parts["schedules"] = Timetable()
    task = plane.spawn(_run(plane, timetable), "schedules")
    try:
        yield
    finally:
        task.cancel()


async def _run(plane: "Plane", timetable: Timetable) -> None:
    while True:
        now = plane.clock()
        for wrong in timetable.look(now, _scheduled(plane)):
            log.error("schedule: %s", wrong)
        for function_id in timetable.due(now):
            fire(plane, function_id)
        following = timetable.next()
        await plane.deployed.wait(min(LOOK_S, max(0.0, following - now)) if following is not None else None)


def fire(plane: "Plane", function_id: str) -> None:
    """Call a function without arguments. Nobody waits for the result, so the plane sees to its retries."""
    call = plane.calls.open(function_id, invocation=api_pb2.FUNCTION_CALL_INVOCATION_TYPE_ASYNC)
    plane.calls.put(call, api_pb2.FunctionInput())


def _scheduled(plane: "Plane") -> list[tuple[str, int, api_pb2.Schedule]]:
    return [
        (function.id, function.version, function.definition.schedule)
        for function in plane.apps.deployed_functions()
        if function.definition.schedule.WhichOneof("schedule_oneof")
    ]
