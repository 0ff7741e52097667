"""How often who may order and change: the limit of domain/limits.py, asked by pages and the JSON API alike."""

from typing import Any

from litestar import Request

from infra.wiring import Services
from web.callers import caller_of
from web.visitors import place

AnyRequest = Request[Any, Any, Any]


async def may_buy(request: AnyRequest, services: Services) -> None:
    """Raises TooMany."""
    caller = caller_of(request)
    await services.members.gate.check("buy", caller.owner, actor=caller.owner, address=place(request).network)
