"""Buying, changing, cancelling a membership, and taking that back: what the buttons of its page do."""

from typing import Any

from litestar import Request, Response, post
from litestar.types import ControllerRouterHandler

from domain.errors import BadInput, NotFound, ParleyError, TooLong
from domain.membership.model import Currency, Period
from infra.wiring import Services
from web import membership_pages as shown
from web.account_pages import to
from web.callers import signed_in
from web.forms import read_form
from web.membership_limits import may_buy
from web.needs import NeedPages, NeedServices
from web.render import Pages
from web.routes.membership import COUPON_TYPED, back, drawn, language_of, offered

AnyRequest = Request[Any, Any, Any]


@post("/membership/buy", status_code=303, role="user")
async def buy(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    """Order a plan, or a higher one, or more of the same, and go on to where it is paid."""
    form = await read_form(request)
    plan, period, coupon = form.text("plan") or "", _period(form.text("period")), form.text("coupon") or ""
    currency = _currency(form.text("currency"))
    user = signed_in(request).user
    try:
        await may_buy(request, services)
        if len(coupon) > COUPON_TYPED:
            raise TooLong("text_too_long", characters=COUPON_TYPED, field="coupon")
        order, checkout = await services.selling.till.buy(
            user, plan, period, currency, coupon, language_of(request), back(services)
        )
    except ParleyError as error:
        return await _refused(request, pages, services, (period, currency, plan), coupon, error)
    return to(f"/membership/orders/{order.id}" + ("/pay" if checkout.url or checkout.qr else ""))


@post("/membership/change", status_code=303, role="user")
async def change(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    """To a lower plan or a shorter period, from the end of what is paid on. What costs something now is bought."""
    form = await read_form(request)
    plan, period = form.text("plan") or "", _period(form.text("period"))
    user = signed_in(request).user
    try:
        await may_buy(request, services)
        changed = await services.selling.till.change(user, plan, period, "", language_of(request), back(services))
    except ParleyError as error:
        return await _refused(request, pages, services, (period, None, plan), "", error)
    if isinstance(changed, tuple):
        order, checkout = changed
        return to(f"/membership/orders/{order.id}" + ("/pay" if checkout.url or checkout.qr else ""))
    return to("/membership", done="plan-changed")


@post("/membership/cancel", status_code=303, role="user")
async def cancel(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    """One press, as buying is; the next page offers to take it back."""
    return await _done(request, pages, services, "plan-cancelled")


@post("/membership/resume", status_code=303, role="user")
async def resume(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    """Take back a cancellation, or the change that was to come."""
    return await _done(request, pages, services, "plan-kept")


async def _done(request: AnyRequest, pages: Pages, services: Services, done: str) -> Response[bytes]:
    till, user = services.selling.till, signed_in(request).user
    try:
        await may_buy(request, services)
        await (till.cancel(user) if done == "plan-cancelled" else till.resume(user))
    except NotFound:  # it has ended meanwhile, as the page then says
        return to("/membership")
    except ParleyError as error:
        return await _refused(request, pages, services, ("month", None, ""), "", error)
    return to("/membership", done=done)


async def _refused(
    request: AnyRequest, pages: Pages, services: Services, asked: tuple[Period, Currency | None, str], coupon: str,
    error: ParleyError,
) -> Response[bytes]:  # fmt: skip
    """The page again, with the words beside the coupon where they are about that."""
    period, currency, plan = asked
    language = pages.ui(request).language
    if error.code.startswith("coupon_"):
        error.detail["field"] = "coupon"
    currency = currency or offered(services, shown.CURRENCY_OF[language])
    return await drawn(request, pages, services, (period, currency, plan), coupon, error)


def _period(text: str | None) -> Period:
    if text not in ("month", "year"):
        raise BadInput("form_bad", field="period")
    return text  # type: ignore[return-value]


def _currency(text: str | None) -> Currency:
    if text not in ("USD", "CNY"):
        raise BadInput("form_bad", field="currency")
    return text  # type: ignore[return-value]


ROUTES: list[ControllerRouterHandler] = [buy, change, cancel, resume]
