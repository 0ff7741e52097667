"""What the pages of admins about money share."""

import re
from typing import Any

from litestar import Request

from domain.audit import happened
from domain.errors import BadInput
from domain.membership.model import Account
from infra.wiring import Services
from web import membership_pages as shown
from web.amounts import day, money
from web.browsers import place_of
from web.callers import signed_in
from web.detail_words import problem
from web.i18n import N_
from web.render import Pages

AnyRequest = Request[Any, Any, Any]
LISTED = 50
ACCOUNT_WORDS: dict[Account, str] = {
    "clearing": N_("Owed by providers"),
    "revenue": N_("Revenue"),
    "discounts": N_("Coupons"),
    "credits": N_("Credit of plans before"),
    "refunds": N_("Refunds"),
    "disputes": N_("Disputes"),
}
_SUM = re.compile(r"(\d{1,7})(?:[.,](\d{1,2}))?", re.ASCII)


def money_words(request: AnyRequest, pages: Pages, services: Services) -> dict[str, Any]:
    namer = shown.namer(services.selling.plan_of, pages.ui(request).language)
    return {"money": money, "plan_name": namer, "day": day, "problem": problem}


async def noted(request: AnyRequest, services: Services, guests: Any, what: str) -> None:
    """Who looks is seen too."""
    where = place_of(request, guests)
    read = happened("admin_read", services.clock.now(), signed_in(request).user.id, what, where.about)
    await services.members.audit_writer.record(read)


def minor(text: str, field: str = "sum") -> int:
    """Return a sum as it is written, 4.99, in minor units. Raises BadInput("form_bad")."""
    found = _SUM.fullmatch(text.strip())
    if found is None:
        raise BadInput("form_bad", field=field)
    return int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0"))


def short(request: AnyRequest, name: str) -> str:
    text = request.query_params.get(name) or ""
    if len(text) > 64:
        raise BadInput("form_bad", field=name)
    return text
