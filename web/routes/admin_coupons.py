"""Page of admins: coupons, and how often each was used."""

import re
from asyncio import to_thread as in_thread
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from litestar import Request, Response, post
from litestar.types import ControllerRouterHandler

from domain.errors import BadInput, ParleyError
from domain.membership.model import Coupon
from infra.wiring import Services
from web import membership_pages as shown
from web.account_pages import Given, draw, to, typed
from web.admin_money import LISTED, minor, money_words, short
from web.amounts import day
from web.callers import signed_in
from web.forms import Form, read_form, whole
from web.needs import NeedPages, NeedServices, page
from web.render import Pages
from web.routes.account import to_prove, too_late

AnyRequest = Request[Any, Any, Any]
COUPON_FIELDS = ("code", "off", "most", "plan", "until", "currency")
_PERCENT = re.compile(r"(\d{1,3}) ?%", re.ASCII)


@page("/admin/coupons", role="admin")
async def coupons(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    """`?after=` is the last code of the page before."""
    return await _coupons(request, pages, services)


@post("/admin/coupons", status_code=303, role="admin")
async def keep_coupon(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    """Make one, or change the one of this code. Its uses stay."""
    who = signed_in(request)
    if too_late(services, who.session):
        return to_prove("/admin/coupons")
    form = await read_form(request)
    given = typed(form, *COUPON_FIELDS)
    try:
        await services.selling.till.keep_coupon(_coupon(form, given, services), who.user.id)
    except ParleyError as error:
        return await _coupons(request, pages, services, error, given)
    return to("/admin/coupons", done="coupon-kept")


async def _coupons(
    request: AnyRequest, pages: Pages, services: Services, error: ParleyError | None = None, given: Given | None = None
) -> Response[bytes]:
    kept = services.selling.orders
    found = await in_thread(kept.coupons, LISTED + 1, short(request, "after"))
    uses = {each.code: await in_thread(kept.coupon_uses, each.code) for each in found[:LISTED]}
    if error is not None and error.code == "coupon_unknown":
        error.detail["field"] = "code"
    return draw(
        request, pages, "admin/coupons.html", error=error, beside=COUPON_FIELDS, given=given, coupons=found[:LISTED],
        uses=uses, next=found[LISTED - 1].code if len(found) > LISTED else "", plans=services.selling.plans.for_sale,
        currencies=shown.CURRENCY_WORDS, last_day=last_day, **money_words(request, pages, services),
    )  # fmt: skip


def last_day(until: datetime) -> str:
    """Return the last day on which a coupon is good."""
    return day(until - timedelta(seconds=1))


def _coupon(form: Form, given: Given, services: Services) -> Coupon:
    """Raises BadInput with the name of its field."""
    off, plan, currency = given["off"].strip(), given["plan"], given["currency"]
    percent = _PERCENT.fullmatch(off)
    if plan and services.selling.plan_of(plan) is None:
        raise BadInput("form_bad", field="plan")
    if currency not in ("", *shown.CURRENCY_WORDS):
        raise BadInput("form_bad", field="currency")
    if not percent and not currency:
        raise BadInput("coupon_bad", field="off")
    try:
        last = date.fromisoformat(given["until"]) if given["until"].strip() else None
    except ValueError as error:
        raise BadInput("form_bad", field="until") from error
    try:
        return Coupon(
            code=given["code"],
            percent=int(percent[1]) if percent else 0,
            amount=0 if percent else minor(off, "off"),
            currency="" if percent else currency,
            most=whole(given["most"].strip(), "most", 0),
            once_each=form.flag("once"),
            plan_id=plan,
            until=datetime.combine(last, time(), UTC) + timedelta(days=1) if last else None,  # to the end of that day
        )
    except OverflowError as error:
        raise BadInput("form_bad", field="until") from error


ROUTES: list[ControllerRouterHandler] = [coupons, keep_coupon]
