"""What providers of payments tell us: signed, kept, answered, and looked into afterwards."""

from typing import Any

from litestar import Request, Response, post
from litestar.exceptions import HTTPException
from litestar.types import ControllerRouterHandler

from domain.errors import ParleyError, TooMany
from web.errors import retry_after, status_of
from web.needs import NeedServices, PathId
from web.visitors import place

AnyRequest = Request[Any, Any, Any]
WEBHOOK_BYTES = 256 << 10  # Stripe's events are some kilobytes
MINUTE_S = 60
# From one network, of those with a bad signature alone: whoever signs theirs is never kept waiting. Verifying one costs
# some hundredths of a millisecond (HMAC), half a millisecond for WeChat's RSA.
MOST_BAD = 300


def _bare(_: AnyRequest, error: Exception) -> Response[bytes]:
    """No word of why: providers look at the status, and others need not know."""
    status = status_of(error) if isinstance(error, ParleyError) else getattr(error, "status_code", 500)
    wait = retry_after(error) if isinstance(error, ParleyError) else ""
    headers = {"cache-control": "no-store", **({"retry-after": wait} if wait else {})}
    return Response(b"", media_type="text/plain", status_code=status, headers=headers)


@post(
    "/payments/{provider:str}/webhook", status_code=200, request_max_body_size=WEBHOOK_BYTES, raw=True,
    media_type="text/plain", exception_handlers={ParleyError: _bare, HTTPException: _bare},
)
async def webhook(request: AnyRequest, provider: PathId, services: NeedServices) -> Response[bytes]:
    """Whose session the sender has says nothing here: what counts is the signature over the raw body.

    400 without a word for what is not signed as it should be, 404 for a provider that is not connected, 503 when it
    cannot be kept just now, so that it is told again.
    """
    body, now = await request.body(), services.clock.now()
    status, answer, kind = await services.selling.till.receive(provider, dict(request.headers), body)
    if status >= 400 and (wait := services.selling.forgers.hit(place(request).network, MOST_BAD, MINUTE_S, now)):
        raise TooMany("slow_down", retry_after=wait)
    return Response(answer, media_type=kind, status_code=status, headers={"cache-control": "no-store"})


ROUTES: list[ControllerRouterHandler] = [webhook]
