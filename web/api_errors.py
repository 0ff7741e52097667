"""What programs are told when something is refused: always JSON, and 401 with its header where a token would help."""

import logging
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from domain.errors import ParleyError, TooMany, Unavailable
from web.errors import Trouble, retry_after, route_of, status_of, words
from web.i18n import choose

log = logging.getLogger(__name__)
AnyRequest = Request[Any, Any, Any]
# NotAllowed is 403 elsewhere. These say that it is not known who asks; the other refusals, that it is.
_WHO = {"token_bad": "invalid_token", "sign_in_first": "", "sign_in_failed": ""}
_HTTP_CODES = {404: "page_gone", 405: "method_bad", 413: "too_large"}


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
    return _answer(request, error.status_code, _HTTP_CODES.get(error.status_code, "request_bad"), {}, False)


def unexpected(request: AnyRequest, error: Exception) -> Response[bytes]:
    log.error("unexpected error at %s", route_of(request), exc_info=error)
    return _answer(request, 500, "broken", {}, True)


HANDLERS: Any = {ParleyError: of_domain, HTTPException: of_http, Exception: unexpected}


def _answer(request: AnyRequest, status: int, code: str, detail: dict[str, object], retry: bool) -> Response[bytes]:
    language = choose(request.cookies.get("language"), request.headers.get("accept-language"))
    told = msgspec.structs.asdict(Trouble(status, code, words(code, detail, language), retry))
    if isinstance(field := detail.get("field"), str):
        told["field"] = field  # the name of what was sent that cannot be used
    headers = {"cache-control": "no-store"}
    return Response(msgspec.json.encode(told), media_type="application/json", status_code=status, headers=headers)
