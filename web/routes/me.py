"""Who is signed in, as a fragment: the pages around it are the same for everybody, and kept by caches."""

from typing import Any

from litestar import Request, Response

from web.account_pages import came_from
from web.callers import caller_of
from web.needs import NeedPages, page

AnyRequest = Request[Any, Any, Any]


@page("/me", sync_to_thread=False)
def me(request: AnyRequest, pages: NeedPages) -> Response[bytes]:
    """The way to one's account, with the word for changes; for a guest, the ways to sign in and to register."""
    response = pages.page(request, "parts/_me.html", caller=caller_of(request), back=came_from(request))
    response.headers["cache-control"] = "no-store"
    return response
