"""The dashboard: what the plane is doing, live, and buttons to make its day worse.

HTML is rendered here and sent again over an event stream whenever it changes; the page works without JavaScript too
(it then reloads itself). Only this machine's own pages may press the buttons.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import jinja2
from aiohttp import web

from infra.local.history import History
from infra.local.loopback import Handler, address, from_our_pages, listening, named_as_ours, serving
from infra.local.overview import overview

if TYPE_CHECKING:
    from infra.local.plane import Plane

EVERY_S = 0.5  # between two looks at the plane, for each page that is open
BEAT_S = 15.0  # a comment on the stream, so that a page that was closed is noticed
LOG_BYTES = 24_000  # of a container's log
PARTS = ("top", "now", "log")  # blocks of the template that are sent anew
HERE = Path(__file__).parent
SCENES = (  # text for Faults.set, and what it is like
    ("", "A good day"),
    ("cold_start=12 jitter=0.3", "GPU boots: 12 s"),
    ("round_trip_ms=220 jitter=0.2", "From far away: 220 ms"),
    ("crash=0.3 crash_after=5 jitter=0.9", "3 in 10 containers crash"),
    ("preempt=30", "Pre-emption every 30 s"),
    ("refuse=1", "No capacity"),
)


def usd(micro: int) -> str:
    """Four digits behind the point below a dollar, where whole cents would say nothing."""
    return f"${micro / 1e6:.4f}" if micro < 1_000_000 else f"${micro / 1e6:,.2f}"


def span(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{max(seconds, 0) * 1_000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


class Dashboard:
    def __init__(self, plane: "Plane") -> None:
        self._plane = plane
        self._history = History()
        self._words = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self._words.filters |= {"usd": usd, "span": span}
        self._template = self._words.get_template("dashboard.html")

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._page),
            web.get("/live", self._live),
            web.get("/dashboard.js", self._script),
            web.post("/faults", self._faults),
            web.post("/containers/{id}/{act}", self._container),
            web.post("/functions/{id}/prewarm", self._prewarm),
        ]

    async def sample(self) -> None:
        while True:
            self._history.sample(self._plane)
            await asyncio.sleep(1)

    async def _page(self, request: web.Request) -> web.Response:
        nonce = secrets.token_urlsafe(12)
        html = self._template.render(
            **self._values(request), nonce=nonce, scenes=SCENES, faults=self._plane.faults.text(),
            wrong=request.query.get("wrong", ""),
        )  # fmt: skip
        policy = (
            f"default-src 'none'; script-src 'self'; style-src 'nonce-{nonce}'; connect-src 'self';"
            " img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        return web.Response(text=html, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def _live(self, request: web.Request) -> web.StreamResponse:
        """Send the parts of the page that change, each when it has changed."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        sent: dict[str, str] = {}
        silent = 0.0
        while True:
            context = self._template.new_context(self._values(request))
            parts = {name: "".join(self._template.blocks[name](context)) for name in PARTS}
            for name in [name for name, html in parts.items() if sent.get(name) != html]:
                lines = "".join(f"data: {line}\n" for line in parts[name].split("\n"))
                await response.write(f"event: {name}\n{lines}\n".encode())
                sent[name], silent = parts[name], 0.0
            if silent >= BEAT_S:
                await response.write(b": still here\n\n")
                silent = 0.0
            await asyncio.sleep(EVERY_S)
            silent += EVERY_S

    async def _script(self, request: web.Request) -> web.FileResponse:
        return web.FileResponse(HERE / "dashboard.js", headers={"Cache-Control": "no-cache"})

    async def _faults(self, request: web.Request) -> web.Response:
        form = await request.post()
        try:
            self._plane.faults.set(str(form.get("scene", form.get("text", ""))))
        except ValueError as error:
            raise web.HTTPSeeOther(f"/?{urlencode({'wrong': str(error)})}") from error
        raise web.HTTPSeeOther("/")

    async def _container(self, request: web.Request) -> web.Response:
        container_id, act = request.match_info["id"], request.match_info["act"]
        if act == "kill":
            self._plane.containers.kill(container_id, "killed on the dashboard")
        elif act == "preempt":
            self._plane.containers.preempt(container_id)
        else:
            raise web.HTTPNotFound(text=f"nothing is called {act}\n")
        raise web.HTTPSeeOther("/")

    async def _prewarm(self, request: web.Request) -> web.Response:
        function = self._plane.apps.functions.get(request.match_info["id"])
        if function is None:
            raise web.HTTPNotFound(text="no such function\n")
        self._plane.autoscaler.wanted(function)
        raise web.HTTPSeeOther("/")

    def _values(self, request: web.Request) -> dict[str, object]:
        chosen = request.query.get("log", "")
        return {
            "plane": self._plane, "now": overview(self._plane), "history": self._history,
            "chosen": chosen, "log": self._log(chosen) if chosen else "",
        }  # fmt: skip

    def _log(self, container_id: str) -> str:
        """The end of what a container printed; only of containers that are or were."""
        if container_id not in {stay.container for stay in self._plane.bill.stays()}:
            return ""
        path = self._plane.folder / "logs" / f"{container_id}.log"
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_BYTES))
            return file.read().decode(errors="replace").replace("\r", "\n")


@web.middleware
async def careful(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Headers of every answer, those of refusals included."""
    try:
        response = await handler(request)
    except web.HTTPException as refusal:
        response = refusal
    if not response.prepared:
        response.headers.update({"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"})
        response.headers.setdefault("Cache-Control", "no-store")
    if isinstance(response, web.HTTPException):
        raise response
    return response


@asynccontextmanager
async def part(plane: "Plane") -> AsyncIterator[None]:
    """Serve the dashboard; sets `plane.dashboard_url`."""
    ours = listening(plane.dashboard_port)
    plane.dashboard_url = address(ours)
    dashboard = Dashboard(plane)
    app = web.Application(middlewares=[careful, named_as_ours, from_our_pages], client_max_size=64 * 1024)
    app.add_routes(dashboard.routes())
    task = plane.spawn(dashboard.sample(), "dashboard")
    async with serving(app, ours):
        yield
    task.cancel()
