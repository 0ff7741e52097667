"""The page of membership: plans and what they cost, what somebody has and has used."""

from asyncio import to_thread as in_thread
from datetime import UTC, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response
from litestar.types import ControllerRouterHandler

from domain.errors import BadInput, Conflict, ParleyError, TooLong
from domain.membership.granting import held
from domain.membership.model import Currency, Period
from domain.membership.offers import Offers
from domain.people import User
from infra.wiring import Services
from web import membership_pages as shown
from web.account_pages import Given, draw
from web.amounts import day, money, per_period
from web.callers import caller_of
from web.error_words import words
from web.i18n import choose, reading
from web.membership_cards import cards_for, cards_for_guests
from web.membership_limits import may_buy
from web.membership_used import DAYS, bars, days
from web.needs import NeedPages, NeedServices, page
from web.render import Pages

AnyRequest = Request[Any, Any, Any]
PAGE = "membership/page.html"
RECEIPTS = 6  # of the newest orders on the page itself
COUPON_TYPED = 60  # characters; codes have 40


@page("/membership")
async def membership(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    """`?period=`, `?currency=` and `?coupon=` as they are chosen there; `?plan=` is one to be looked at first."""
    asked = _asked(request, services)
    coupon = request.query_params.get("coupon") or ""
    response = await drawn(request, pages, services, asked, coupon)
    response.status_code = 200  # a coupon that is none is told beside its field
    return response


async def drawn(
    request: AnyRequest, pages: Pages, services: Services, asked: tuple[Period, Currency, str], coupon: str,
    error: ParleyError | None = None,
) -> Response[bytes]:  # fmt: skip
    period, currency, plan = asked
    user, selling, language = caller_of(request).user, services.selling, pages.ui(request).language
    given = Given(coupon=coupon[:COUPON_TYPED])
    context: dict[str, Any] = {
        "period": period, "periods": shown.PERIOD_WORDS, "currency": currency, "plan": plan, "money": money,
        "currencies": {each: shown.CURRENCY_WORDS[each] for each in selling.currencies},
        "sold": bool(selling.providers), "day": day, "per_period": per_period,
        "address": _address,
    }  # fmt: skip
    if user is None:
        with reading(language):
            cards = cards_for_guests(selling.plans, period, currency)
        return draw(request, pages, "membership/guest.html", error=error, beside=("coupon",), given=given,
                    cards=cards, **context)  # fmt: skip
    there, problem = await _offers(request, services, user, currency, coupon if error is None else "")
    error, now = error or problem, services.clock.now()
    there = msgspec.structs.replace(there, membership=held(there.membership, now))
    if there.membership is not None and "period" not in request.query_params and error is None:
        period = there.membership.period  # what they have is what they look at first
    problems = {card.problem for card in there.options}  # a coupon that is good for some is told beside the others
    wrong = "" if "" in problems else min(problems, default="")
    owned = await in_thread(selling.entitlements.of, user.id)
    used = await in_thread(selling.meters.days, user.id, "voice_seconds", (now - timedelta(days=DAYS)).date())
    orders = await selling.till.orders(user, RECEIPTS + 1)
    with reading(language):
        cards = cards_for(selling.plans, there, period)
        chart = days(used, now.astimezone(UTC).date())
        coupon_words = words(wrong, {}, language) if wrong else ""
        states = {order.id: shown.state_name(order) for order in orders}
        bars_ = bars(owned, now)
    context |= {"period": period, "currency": there.currency, "fixed": there.membership is not None}
    return draw(
        request, pages, PAGE, error=error, beside=("coupon",), given=given, cards=cards, there=there,
        held=there.membership, bars=bars_, chart=chart, features=shown.FEATURE_WORDS, orders=orders[:RECEIPTS],
        more=len(orders) > RECEIPTS, states=states, coupon_words=coupon_words, now=now,
        plan_name=shown.namer(selling.plan_of, language),
        next_plan=selling.plan_of(there.membership.next_plan) if there.membership else None, **context,
    )  # fmt: skip


async def _offers(
    request: AnyRequest, services: Services, user: User, currency: Currency, coupon: str
) -> tuple[Offers, ParleyError | None]:
    """Return the offers, and what is wrong with a coupon that is none: then they are shown without it."""
    till = services.selling.till
    if coupon.strip():
        try:
            await may_buy(request, services)
            if len(coupon) > COUPON_TYPED:
                raise TooLong("text_too_long", characters=COUPON_TYPED, field="coupon")
            return await till.offers(user, currency, coupon), None
        except (BadInput, Conflict, TooLong) as error:
            return await till.offers(user, currency), error
        except ParleyError as error:
            if error.code != "coupon_unknown":
                raise
            return await till.offers(user, currency), error
    return await till.offers(user, currency), None


def back(services: Services) -> str:
    """Return where the browser comes back to from paying; the till fills in the order."""
    config = services.config
    return f"{config.public_url or f'http://127.0.0.1:{config.port}'}/membership/return?order={{order}}"


def language_of(request: AnyRequest) -> str:
    return choose(request.cookies.get("language"), request.headers.get("accept-language"))


def _asked(request: AnyRequest, services: Services) -> tuple[Period, Currency, str]:
    """Return period, currency and plan; what is no choice of the page is not minded."""
    usual = shown.CURRENCY_OF[choose(request.cookies.get("language"), request.headers.get("accept-language"))]
    period, currency = request.query_params.get("period"), request.query_params.get("currency")
    plan = services.selling.plan_of(request.query_params.get("plan") or "")
    chosen: Currency = currency if currency in shown.CURRENCY_WORDS else usual
    return "year" if period == "year" else "month", offered(services, chosen), plan.id if plan else ""


def offered(services: Services, currency: Currency) -> Currency:
    """Return a currency that somebody takes: this one, if it is."""
    taken = services.selling.currencies
    return currency if not taken or currency in taken else taken[0]


def _address(period: str, currency: str, coupon: str = "", plan: str = "") -> str:
    more = {"coupon": coupon, "plan": plan}
    asked = {"period": period, "currency": currency, **{name: text for name, text in more.items() if text}}
    return f"/membership?{urlencode(asked, errors='replace')}#plans"


ROUTES: list[ControllerRouterHandler] = [membership]
