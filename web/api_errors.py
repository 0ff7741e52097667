"""What programs are told when something is refused: always JSON, and 401 with its header where a token would help."""

import logging
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec

from domain.errors import ParleyError, TooMany, Unavailable
from web.error_words import words
from web.errors import retry_after, route_of, status_of
from web.i18n import choose

log = logging.getLogger(__name__)
AnyRequest = Request[Any, Any, Any]
# NotAllowed is 403 elsewhere. These say that it is not known who asks; the other refusals, that it is.
_WHO = {"token_bad": "invalid_token", "sign_in_first": "", "sign_in_failed": ""}
_HTTP_CODES = {404: "page_gone", 405: "method_bad", 413: "too_large", 416: "range_bad"}
BEARER: list[dict[str, list[str]]] = [{"bearer": []}]  # in the OpenAPI schema: a token is needed
_MEANT = {
    400: "What was sent cannot be used; `field` names it where it is one field.",
    401: "It is not known who asks: the token is missing, has run out or is not good (`WWW-Authenticate`).",
    402: "The plan of whoever asks gives none of it, or no more.",
    403: "It is known who asks, and this is not for them.",
    404: "There is no such thing, or not for whoever asks.",
    409: "It is in another state than the caller thinks.",
    413: "More than a limit.",
    416: "The range begins behind the end; `Content-Range` has the size.",
    429: "Too often; `Retry-After` has the seconds to wait.",
    500: "Something broke here.",
    503: "Something that this needs is away; `Retry-After` has the seconds to wait.",
}
_ALWAYS = (400, 413, 429, 500, 503)


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a request was refused. `code` is stable; `message` is in the language of `Accept-Language`."""

    status: int
    code: str
    message: str
    retry: bool
    field: str = ""


def refusals(*statuses: int) -> dict[int, ResponseSpec]:
    """Return what a route answers besides what it is for, for the OpenAPI schema."""
    return {
        status: ResponseSpec(Refusal, generate_examples=False, description=_MEANT[status])
        for status in sorted({*_ALWAYS, *statuses})
    }


def of_domain(request: AnyRequest, error: ParleyError) -> Response[bytes]:
    retry = isinstance(error, Unavailable | TooMany)
    status = 401 if error.code in _WHO else status_of(error)
    response = _answer(request, status, error.code, error.detail, retry)
    if error.code in _WHO:
        why = _WHO[error.code]
        response.headers["www-authenticate"] = (
            f'Bearer realm="parley", error="{why}"' if why else 'Bearer realm="parley"'
        )
    if wait := retry_after(error):
        response.headers["retry-after"] = wait
    return response


def of_http(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    if error.status_code >= 500:
        return unexpected(request, error)
    if isinstance(error, ValidationException):
        return _answer(request, 400, *_unfit(error), False)
    response = _answer(request, error.status_code, _HTTP_CODES.get(error.status_code, "request_bad"), {}, False)
    if place := (error.headers or {}).get("content-range"):
        response.headers["content-range"] = place
    return response


def unexpected(request: AnyRequest, error: Exception) -> Response[bytes]:
    log.error("unexpected error at %s", route_of(request), exc_info=error)
    return _answer(request, 500, "broken", {}, True)


HANDLERS: Any = {ParleyError: of_domain, HTTPException: of_http, Exception: unexpected}


def _unfit(error: ValidationException) -> tuple[str, dict[str, object]]:
    """Return the code and detail for a body or a parameter of another type than the route takes."""
    first = error.extra[0] if isinstance(error.extra, list) and error.extra else {}
    place = first if isinstance(first, dict) else {}
    field = place.get("key", "data")
    detail = {} if field == "data" else {"field": field}
    return ("json_bad" if place.get("source", "body") == "body" else "request_bad"), detail


def _answer(request: AnyRequest, status: int, code: str, detail: dict[str, object], retry: bool) -> Response[bytes]:
    language = choose(request.cookies.get("language"), request.headers.get("accept-language"))
    field = detail.get("field")  # the name of what was sent that cannot be used
    told = Refusal(status, code, words(code, detail, language), retry, field if isinstance(field, str) else "")
    headers = {"cache-control": "no-store"}
    return Response(msgspec.json.encode(told), media_type="application/json", status_code=status, headers=headers)
