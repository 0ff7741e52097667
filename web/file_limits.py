"""How often who may send and save files: the limits of domain/limits.py, asked by pages and the JSON API alike."""

from typing import Any

from litestar import Request

from domain.limits import LimitName
from infra.wiring import Services
from web.callers import caller_of
from web.visitors import place

AnyRequest = Request[Any, Any, Any]


async def may_file(request: AnyRequest, services: Services, what: LimitName = "upload") -> None:
    """Raises TooMany."""
    caller = caller_of(request)
    await services.members.gate.check(what, caller.owner, actor=caller.owner, address=place(request).network)
