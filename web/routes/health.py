"""For operators and monitors: alive, ready, figures; and for the page, what still wakes."""

from typing import Any

import msgspec
from litestar import Request, Response

from web.needs import NeedPages, NeedServices, NeedTelemetry, page

AnyRequest = Request[Any, Any, Any]
JSON = "application/json"


@page("/health", sync_to_thread=False)
def health() -> Response[bytes]:
    return Response(b'{"status":"alive"}', media_type=JSON, headers={"cache-control": "no-store"})


@page("/ready", sync_to_thread=False)
def ready(services: NeedServices) -> Response[bytes]:
    """200 when calls will be answered, else 503; with the state of each engine."""
    engines = services.engines.status()
    done = services.engines.ready
    body = msgspec.json.encode({"ready": done, "engines": engines})
    return Response(body, media_type=JSON, status_code=200 if done else 503, headers={"cache-control": "no-store"})


@page("/metrics", sync_to_thread=False)
def metrics(telemetry: NeedTelemetry) -> Response[bytes]:
    return Response(
        telemetry.exposition(),
        media_type="text/plain; version=0.0.4",
        headers={"cache-control": "no-store"},
    )


@page("/engines", sync_to_thread=False)
def engines(request: AnyRequest, services: NeedServices, pages: NeedPages) -> Response[bytes]:
    """Asked for by the page while something is waking."""
    return pages.page(request, "parts/_engines.html", engines=services.engines.status(), asleep=False)
