"""Web functions (asgi_app, wsgi_app, fastapi_endpoint) over HTTP: every one has an address of its own on loopback.

A request is one input of the function. It streams both ways, item by item. When the client hangs up the app is told
(`http.disconnect`), and its input is cancelled if it has not ended a little later. What differs from Modal: there is
no limit of 150 s with redirects, no HTTP/2, and `web_server` functions only start where the machine has an `eth0`,
because Modal's own container code asks for that device.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from infra.local.front import Front
from infra.local.loopback import address, listening, named_as_ours, serving

if TYPE_CHECKING:
    from infra.local.plane import Plane


class Web:
    """Kept as `plane.parts["web"]`. The addresses stay the same over redeploys."""

    def __init__(self, plane: "Plane") -> None:
        self._plane = plane
        self._fronts: dict[tuple[str, str], socket.socket] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def url_of(self, function_id: str, method: str = "") -> str:
        """Return the address of a web function or of a class's web method; it is served from now on."""
        key = (function_id, method)
        if key not in self._fronts:
            ours = self._fronts[key] = listening()
            self._tasks.append(self._plane.spawn(self._serve(ours, function_id, method), f"web {function_id}"))
        return address(self._fronts[key])

    def urls(self) -> dict[tuple[str, str], str]:
        """Return the address by (function id, method)."""
        return {key: address(ours) for key, ours in self._fronts.items()}

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, ours: socket.socket, function_id: str, method: str) -> None:
        front = Front(self._plane, function_id, method)
        app = web.Application(middlewares=[named_as_ours])
        app.router.add_route("*", "/{path:.*}", front.answer)
        async with serving(app, ours):
            await asyncio.Event().wait()


@asynccontextmanager
async def part(plane: "Plane") -> AsyncIterator[None]:
    """Have the addresses of web functions ready for whoever deploys one."""
    plane.parts["web"] = fronts = Web(plane)
    try:
        yield
    finally:
        await fronts.close()
