"""The web application: every route, every header, every error, put together once."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from typing import Any

from litestar import Litestar
from litestar.config.compression import CompressionConfig
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import ControllerRouterHandler, Scope

from infra.telemetry import Telemetry
from infra.wiring import Services
from web.assets import Assets
from web.authentication import Authentication
from web.callers import caller_of
from web.csrf import csrf
from web.errors import ErrorPages
from web.forms import FORM_BYTES
from web.lean import Lean
from web.openapi import openapi
from web.operators import Operators
from web.refusals import Refusals, watched
from web.render import Pages
from web.roles import by_role
from web.routes import (
    account,
    account_changes,
    account_data,
    account_sessions,
    admin,
    admin_books,
    admin_coupons,
    admin_orders,
    attachments,
    cabinet,
    chats,
    export,
    files,
    gallery,
    health,
    knowledge,
    knowledge_pages,
    knowledge_sources,
    me,
    membership,
    membership_changes,
    membership_orders,
    operator,
    outbox,
    passkeys,
    payments,
    recover,
    register,
    settings,
    sign_in,
    sounds,
    turns,
)
from web.routes import bench as benching
from web.routes.api_auth import api_auth
from web.routes.api_chat import api_chat
from web.routes.api_files import api_files
from web.routes.api_membership import api_membership
from web.routes.api_web import api_web
from web.security import Shield, known_ids, same_origin
from web.session import Guests
from web.sign_in_cookies import SignInCookies

log = logging.getLogger(__name__)
DAY_S = 24 * 3600.0
PROVIDED = (
    "services",
    "pages",
    "assets",
    "guests",
    "operators",
    "people",
    "outbox",
    "shelves",
    "sign_ins",
    "telemetry",
)
ROUTES: list[ControllerRouterHandler] = [
    gallery.gallery,
    gallery.characters,
    gallery.character,
    gallery.recent,
    gallery.about,
    chats.start,
    chats.history,
    chats.room,
    chats.rename,
    chats.delete,
    chats.restore,
    export.export,
    export.export_markdown,
    export.export_json,
    turns.speak,
    turns.resume,
    turns.stop,
    turns.segment,
    turns.prepare,
    turns.receipt,
    turns.voice,
    *attachments.ROUTES,
    sounds.greeting,
    sounds.line,
    settings.settings,
    me.me,
    *sign_in.ROUTES,
    *register.ROUTES,
    *recover.ROUTES,
    *account.ROUTES,
    *account_changes.ROUTES,
    *account_sessions.ROUTES,
    *account_data.ROUTES,
    *passkeys.ROUTES,
    *knowledge.ROUTES,
    *knowledge_sources.ROUTES,
    *knowledge_pages.ROUTES,
    *cabinet.ROUTES,
    *membership.ROUTES,
    *membership_changes.ROUTES,
    *membership_orders.ROUTES,
    *payments.ROUTES,
    api_auth,
    api_web,
    api_files,
    api_chat,
    api_membership,
    openapi,
    health.health,
    health.ready,
    health.metrics,
    health.engines,
    operator.overview,
    operator.turns,
    operator.turn,
    operator.door,
    operator.sign_in,
    operator.sign_out,
    *admin.ROUTES,
    *admin_orders.ROUTES,
    *admin_coupons.ROUTES,
    *admin_books.ROUTES,
    outbox.outbox,
    files.static,
    files.favicon,
    files.service_worker,
    files.robots,
    files.manifest,
]


def create_app(services: Services, on_serving: Callable[[], None] | None = None) -> Litestar:
    """Return the application around these services; tests hand in fakes.

    `on_serving` is called once pages can be asked for. The engines wake after that, beside it.
    """
    config = services.config
    return around(services, routed(bench=config.bench and config.engines == "scripted"), on_serving)


def routed(bench: bool) -> Litestar:
    """Return the application without services. The routes are most of the work: 0.1 s of CPU for 130 of them."""
    assets = Assets()
    pages = Pages(assets)

    def identify(request: ASGIConnection[Any, Any, Any, Any]) -> str:
        return caller_of(request).owner

    return Lean(
        route_handlers=[*ROUTES, *([benching.bench_turn] if bench else [])],
        dependencies={
            **{name: Provide(_of_the_application(name), sync_to_thread=False) for name in PROVIDED},
            "guest": Provide(identify, sync_to_thread=False),
        },
        exception_handlers=ErrorPages(pages).handlers,  # type: ignore[arg-type]
        guards=watched([same_origin, known_ids, csrf, by_role]),
        lifespan=[_living],
        # Streams, sound and static files say `raw`: they are compressed already, or must not be.
        compression_config=CompressionConfig(
            backend="gzip", gzip_compress_level=5, minimum_size=1_000, exclude_opt_key="raw"
        ),
        request_max_body_size=FORM_BYTES,
        multipart_form_part_limit=16,
        openapi_config=None,
        logging_config=None,
        debug=False,
        state=State({"pages": pages, "assets": assets}, deep_copy=False),
    )


def around(services: Services, app: Litestar, on_serving: Callable[[], None] | None = None) -> Litestar:
    """Return `app` with these services: what routes and guards ask `request.app.state` for, and who is asking."""
    config = services.config
    guests, sign_in_cookies = Guests(config), SignInCookies(config)
    telemetry = Telemetry(services.engines.status)
    app.state.update(
        {
            "services": services,
            "guests": guests,
            "operators": Operators(config),
            "people": services.people,
            "outbox": services.members.mailer,
            "shelves": services.shelves,
            "sign_ins": services.sign_ins,
            "telemetry": telemetry,
            "refusals": Refusals(services.members.audit_writer.note, services.clock.now),
            "on_serving": on_serving,
        }
    )
    counted_as = services.selling.effective
    known = Authentication(app.asgi_handler, services.sign_ins, guests, sign_in_cookies, counted_as)
    app.asgi_handler = Shield(known, config, telemetry)
    return app


@contextlib.asynccontextmanager
async def _living(app: Litestar) -> AsyncGenerator[None, None]:
    services, on_serving = app.state["services"], app.state["on_serving"]
    waking = {
        asyncio.create_task(_wake(services), name="waking"),
        asyncio.create_task(_warm(app.state["pages"]), name="warming pages"),
    }
    if on_serving is not None:
        on_serving()
    try:
        yield
    finally:
        for task in waking:
            task.cancel()
        await asyncio.wait(waking)
        await services.stop()


async def _warm(pages: Pages) -> None:
    try:
        await asyncio.to_thread(pages.warm)
    except Exception:
        log.exception("a template cannot be compiled")


async def _wake(services: Services) -> None:
    """Wake the engines; whatever happens there, pages are still served and say what is missing."""
    try:
        await services.start()
    except Exception:
        log.exception("the engines could not all be woken")
    while True:
        await asyncio.sleep(DAY_S)
        await services.erase()


def _of_the_application(name: str) -> Callable[[Scope], object]:
    def provide(scope: Scope) -> Any:
        return scope["litestar_app"].state[name]

    return provide
