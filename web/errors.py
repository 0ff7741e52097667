"""Errors to HTTP, once: which status, and as what (page, fragment or JSON). Their words: web/error_words.py."""

import logging
import math
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from domain.errors import (
    BadInput,
    Conflict,
    NeedsMembership,
    NotAllowed,
    NotFound,
    ParleyError,
    TooLong,
    TooMany,
    Unavailable,
)
from web.error_words import words
from web.met import met
from web.programs import for_programs
from web.render import Pages

log = logging.getLogger(__name__)

STATUS: dict[type[ParleyError], int] = {
    BadInput: 400,
    NeedsMembership: 402,
    NotAllowed: 403,
    NotFound: 404,
    Conflict: 409,
    TooLong: 413,
    TooMany: 429,
    Unavailable: 503,
}

_HTTP_CODES = {
    404: "page_gone", 405: "method_bad", 413: "too_large", 416: "range_bad", 500: "broken", 503: "engine_waking",
}  # fmt: skip
RETRY_AFTER_S = "5"


class Trouble(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error as the reader meets it. The rest is of refusals by a plan: which feature, and its part of a page."""

    status: int
    code: str
    message: str
    retry: bool
    feature: str = ""
    better: str = ""
    html: str = ""


def status_of(error: ParleyError) -> int:
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 500)


def retry_after(error: ParleyError) -> str:
    """Return after how many seconds to come back, empty where that would not help."""
    if not isinstance(error, Unavailable | TooMany):
        return ""
    seconds = error.detail.get("retry_after")
    return str(max(1, math.ceil(seconds))) if isinstance(seconds, int | float) else RETRY_AFTER_S


def route_of(request: Request[Any, Any, Any]) -> str:
    """Return the route for the log, never the address itself: that of a mailed link is as good as a password."""
    return str(request.scope.get("path_template") or "an address without a route")


class ErrorPages:
    """The exception handlers of the application."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self.handlers: dict[type[Exception], Any] = {
            ParleyError: self.of_domain,
            HTTPException: self.of_http,
            Exception: self.unexpected,
        }

    def of_domain(self, request: Request[Any, Any, Any], error: ParleyError) -> Response[bytes]:
        if isinstance(error, NeedsMembership):
            return self._needs(request, error)
        return self._answer(request, status_of(error), error.code, error.detail, retry_after(error))

    def _needs(self, request: Request[Any, Any, Any], error: NeedsMembership) -> Response[bytes]:
        """A plan gives none of it, or no more: what is told is when there is more, and what gives more."""
        ui, services = self._pages.ui(request), request.app.state["services"]
        shown = met(error.code, error.detail, ui.language, services.clock.now(), services.minutes.plan_of)
        if not wants_json(request):
            template = "membership/_met.html" if is_htmx(request) else "membership/met.html"
            response = self._pages.page(request, template, status_code=402, met=shown)
        else:
            feature, better = (str(error.detail.get(name) or "") for name in ("feature", "better"))
            by_page = not for_programs(request.scope["path"])
            html = self._pages.html("membership/_met.html", ui, met=shown) if by_page else ""
            trouble = Trouble(402, error.code, shown.message, False, feature, better, html)
            response = Response(msgspec.json.encode(trouble), media_type="application/json", status_code=402)
        response.headers["cache-control"] = "no-store"
        return response

    def of_http(self, request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
        """Litestar's own refusals: unknown addresses, wrong methods, bodies too large, unusable parameters."""
        status = error.status_code
        if status >= 500:
            return self.unexpected(request, error)
        response = self._answer(request, status, _HTTP_CODES.get(status, "request_bad"), {}, "")
        for name in ("allow", "content-range"):
            if value := (error.headers or {}).get(name):
                response.headers[name] = value
        return response

    def unexpected(self, request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        if "disconnected" in str(getattr(error, "detail", "")):
            log.info("the client left while it was still sending")  # nobody reads the answer
        else:
            log.error("unexpected error at %s", route_of(request), exc_info=error)
        return self._answer(request, 500, "broken", {}, RETRY_AFTER_S)

    def _answer(
        self, request: Request[Any, Any, Any], status: int, code: str, detail: dict[str, object], wait: str
    ) -> Response[bytes]:
        ui = self._pages.ui(request)
        trouble = Trouble(status, code, words(code, detail, ui.language), wait != "")
        headers = {"cache-control": "no-store"}
        if wait:
            headers["retry-after"] = wait
        if wants_json(request):
            response = Response(msgspec.json.encode(trouble), media_type="application/json", status_code=status)
        else:
            template = "errors/_fragment.html" if is_htmx(request) else "errors/page.html"
            response = self._pages.page(request, template, status_code=status, **msgspec.structs.asdict(trouble))
        response.headers.update(headers)
        return response


def is_htmx(request: Request[Any, Any, Any]) -> bool:
    return request.headers.get("hx-request") == "true"


def wants_json(request: Request[Any, Any, Any]) -> bool:
    """Whether JSON is asked for by name (browsers ask for text/html, htmx too) or where nothing else is told."""
    if for_programs(request.scope["path"]):
        return True
    accept = request.headers.get("accept", "")
    return "application/json" in accept and "text/html" not in accept
