"""One order: where it is paid, how it stands, its receipt. Nothing here grants anything; pages look, and look again."""

import io
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from litestar import Request, Response, post
from litestar.types import ControllerRouterHandler

from domain.errors import Conflict, NotFound, ParleyError, Unavailable
from domain.membership.model import Order
from domain.membership.orders import OPEN
from domain.membership.ports import Checkout
from domain.persona import Language
from infra.wiring import Services
from web import membership_pages as shown
from web.account_pages import NO_STORE, draw, to
from web.amounts import day, money
from web.callers import signed_in
from web.forms import whole
from web.i18n import reading
from web.membership_limits import may_buy
from web.needs import NeedPages, NeedServices, PathId, page
from web.render import Pages
from web.routes.membership import back, language_of
from web.security import is_id

AnyRequest = Request[Any, Any, Any]
LISTED = 50
# Looking again, the provider's books are asked at these looks; at the others it is our own alone.
ASKED_AT = frozenset((1, 3, 6, 10, 20, 40, 80, 120))
SLOW_FROM, LAST = 20, 150  # looks 2 seconds apart, then 5; after ten minutes somebody has to ask for it


@page("/membership/return", role="user")
async def back_from_paying(request: AnyRequest, services: NeedServices) -> Response[bytes]:
    """Where browsers come back to from a provider. Whatever they bring along says nothing: the order's page looks."""
    order_id = request.query_params.get("order") or ""
    if not is_id(order_id):
        newest = await services.selling.till.orders(signed_in(request).user, 1)
        if not newest:
            return to("/membership")
        order_id = newest[0].id
    return to(f"/membership/orders/{order_id}")


@page("/membership/orders", role="user")
async def orders(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    """All of them, newest first; `?before=` is the last one of the page before."""
    till, user = services.selling.till, signed_in(request).user
    last = request.query_params.get("before") or ""
    before = (await till.order(user, last)).created_at if is_id(last) else None
    found = await till.orders(user, LISTED + 1, before)
    with reading(pages.ui(request).language):
        states = {order.id: shown.state_name(order) for order in found}
    return draw(
        request, pages, "membership/orders.html", orders=found[:LISTED], states=states, money=money,
        next=found[LISTED - 1].id if len(found) > LISTED else "", day=day,
        plan_name=_namer(services, pages.ui(request).language),
    )  # fmt: skip


@page("/membership/orders/{order_id:str}", role="user")
async def order(request: AnyRequest, order_id: PathId, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    found = await _looked(services, request, order_id, 1)
    return draw(request, pages, "membership/order.html", **_context(request, pages, services, found, 1))


@page("/membership/orders/{order_id:str}/state", role="user")
async def state(request: AnyRequest, order_id: PathId, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    """The part of the page that looks again; `?look=` is the how manieth time that is."""
    look = min(max(1, whole(request.query_params.get("look"), "look", 1)), LAST + 1)
    found = await _looked(services, request, order_id, look)
    response = pages.page(request, "membership/_state.html", **_context(request, pages, services, found, look))
    response.headers.update(NO_STORE)
    return response


@page("/membership/orders/{order_id:str}/pay", role="user")
async def pay(request: AnyRequest, order_id: PathId, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    """On to the provider's page; or a code for the phone, which this page then waits for.

    A form may not lead to another site (its Content-Security-Policy), a page of ours may.
    """
    await may_buy(request, services)
    till, user = services.selling.till, signed_in(request).user
    try:
        found, checkout = await till.checkout(user, order_id, language_of(request), back(services))
    except Conflict:
        return to(f"/membership/orders/{order_id}")
    if not checkout.qr and not _goes(checkout):
        raise Unavailable("payments_unavailable")
    code = _drawn_code(checkout.qr) if checkout.qr else ""
    return draw(
        request, pages, "membership/pay.html", url=checkout.url, code=code,
        **_context(request, pages, services, found, 1),
    )  # fmt: skip


@post("/membership/orders/{order_id:str}/drop", status_code=303, role="user")
async def drop(request: AnyRequest, order_id: PathId, services: NeedServices) -> Response[bytes]:
    """Give up an order that is not paid."""
    await may_buy(request, services)
    await services.selling.till.drop(signed_in(request).user, order_id)
    return to(f"/membership/orders/{order_id}")


@page("/membership/orders/{order_id:str}/receipt", role="user")
async def receipt(request: AnyRequest, order_id: PathId, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    """To be printed, or kept as PDF by the browser."""
    found = await services.selling.till.receipt(signed_in(request).user, order_id)
    return draw(
        request, pages, "membership/receipt.html", receipt=found, order=found.order, money=money, day=day,
        plan_name=_namer(services, pages.ui(request).language), periods=shown.PERIOD_WORDS,
        currencies=shown.CURRENCY_WORDS, open=False,
    )  # fmt: skip


async def _looked(services: Services, request: AnyRequest, order_id: str, look: int) -> Order:
    """Return an order, as the provider's books have it where it is time to ask them."""
    till, user = services.selling.till, signed_in(request).user
    if look not in ASKED_AT:
        return await till.order(user, order_id)
    try:
        return await till.look(user, order_id)
    except NotFound:
        raise
    except ParleyError:  # the provider is away, or has not decided: what we know will do
        return await till.order(user, order_id)


def _context(request: AnyRequest, pages: Pages, services: Services, found: Order, look: int) -> dict[str, Any]:
    language = pages.ui(request).language
    with reading(language):
        title, more = shown.state_words(found)
    return {
        "order": found, "title": title, "more": more, "going": shown.going(found), "open": found.state in OPEN,
        "look": look + 1, "wait": 2 if look < SLOW_FROM else 5, "gives_up": look >= LAST, "money": money,
        "plan_name": _namer(services, language), "kinds": shown.KIND_WORDS, "periods": shown.PERIOD_WORDS,
        "day": day,
    }  # fmt: skip


def _namer(services: Services, language: Language) -> Callable[[str], str]:
    return shown.namer(services.selling.plan_of, language)


def _goes(checkout: Checkout) -> bool:
    """Whether it is an address that a page may lead to."""
    return urlsplit(checkout.url).scheme in ("https", "http")


def _drawn_code(text: str) -> str:
    """Return a QR code as SVG, for phones to read from a screen."""
    import segno  # 20 ms that nobody else need spend

    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", xmldecl=False, svgns=True, scale=6, border=4, dark="#000", light="#fff", omitsize=True
    )
    return out.getvalue().decode()


ROUTES: list[ControllerRouterHandler] = [back_from_paying, orders, order, state, pay, drop, receipt]
