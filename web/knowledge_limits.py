"""How often who may search and give sources: the limits of domain/limits.py, asked by pages and the JSON API alike."""

from typing import Any

from litestar import Request

from infra.wiring import Services
from web.callers import caller_of
from web.visitors import place

AnyRequest = Request[Any, Any, Any]


async def may_search(request: AnyRequest, services: Services) -> None:
    """Raises TooMany."""
    caller, where, gate = caller_of(request), place(request), services.members.gate
    if caller.user is None:
        await gate.check("search_guest", caller.owner, address=where.network)
    else:
        await gate.check("search_user", caller.user.id, actor=caller.user.id, address=where.network)
    await gate.check("search_address", where.network, address=where.network)


async def may_give(request: AnyRequest, services: Services) -> None:
    """Raises TooMany."""
    caller = caller_of(request)
    await services.members.gate.check("source", caller.owner, actor=caller.owner, address=place(request).network)


async def may_alter(request: AnyRequest, services: Services) -> None:
    """Raises TooMany."""
    caller = caller_of(request)
    await services.members.gate.check("source_change", caller.owner, actor=caller.owner, address=place(request).network)


async def may_crawl(request: AnyRequest, services: Services) -> None:
    """Raises TooMany."""
    caller = caller_of(request)
    await services.members.gate.check("crawl", caller.owner, actor=caller.owner, address=place(request).network)
