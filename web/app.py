"""The web application: every route, every header, every error, put together once."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from typing import Any

from litestar import Litestar
from litestar.config.compression import CompressionConfig
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from infra.telemetry import Telemetry
from infra.wiring import Services
from web.assets import Assets
from web.authentication import Authentication
from web.callers import caller_of
from web.csrf import csrf
from web.errors import ErrorPages
from web.forms import FORM_BYTES
from web.operators import Operators
from web.render import Pages
from web.roles import by_role
from web.routes import (
    account,
    account_changes,
    account_data,
    account_sessions,
    admin,
    bench,
    chats,
    export,
    files,
    gallery,
    health,
    me,
    operator,
    outbox,
    passkeys,
    recover,
    register,
    settings,
    sign_in,
    sounds,
    turns,
)
from web.routes.api_auth import api_auth
from web.security import Shield, known_ids, same_origin
from web.session import Guests
from web.sign_in_cookies import SignInCookies

log = logging.getLogger(__name__)
DAY_S = 24 * 3600.0
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
    api_auth,
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
    assets = Assets()
    pages = Pages(assets)
    guests, sign_in_cookies = Guests(config), SignInCookies(config)
    telemetry = Telemetry(services.engines.status)

    def identify(request: ASGIConnection[Any, Any, Any, Any]) -> str:
        return caller_of(request).owner

    provided = {
        "services": services,
        "pages": pages,
        "assets": assets,
        "guests": guests,
        "operators": Operators(config),
        "people": services.people,
        "outbox": services.members.mailer,
        "sign_ins": services.sign_ins,
        "sign_in_cookies": sign_in_cookies,
        "telemetry": telemetry,
    }

    @contextlib.asynccontextmanager
    async def living(_: Litestar) -> AsyncGenerator[None, None]:
        waking = asyncio.create_task(_wake(services), name="waking")
        if on_serving is not None:
            on_serving()
        try:
            yield
        finally:
            waking.cancel()
            await asyncio.wait([waking])
            await services.stop()

    app = Litestar(
        route_handlers=[*ROUTES, *([bench.bench_turn] if config.bench and config.engines == "scripted" else [])],
        dependencies={
            **{name: Provide(_always(thing), sync_to_thread=False) for name, thing in provided.items()},
            "guest": Provide(identify, sync_to_thread=False),
        },
        exception_handlers=ErrorPages(pages).handlers,  # type: ignore[arg-type]
        guards=[same_origin(config.public_url), known_ids, csrf, by_role],
        lifespan=[living],
        # Streams, sound and static files say `raw`: they are compressed already, or must not be.
        compression_config=CompressionConfig(
            backend="gzip", gzip_compress_level=5, minimum_size=1_000, exclude_opt_key="raw"
        ),
        request_max_body_size=FORM_BYTES,
        multipart_form_part_limit=16,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    known = Authentication(app.asgi_handler, services.sign_ins, guests, sign_in_cookies)
    app.asgi_handler = Shield(known, config, telemetry)
    return app


async def _wake(services: Services) -> None:
    """Wake the engines; whatever happens there, pages are still served and say what is missing."""
    try:
        await services.start()
    except Exception:
        log.exception("the engines could not all be woken")
    while True:
        await asyncio.sleep(DAY_S)
        await services.erase()


def _always(thing: object) -> Callable[[], object]:
    def provide() -> Any:
        return thing

    return provide
