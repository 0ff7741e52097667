"""Pages of admins: orders and what became of them, and giving money back."""

from asyncio import to_thread as in_thread
from typing import Any, get_args

from litestar import Request, Response, post
from litestar.types import ControllerRouterHandler

from domain.errors import BadInput, Conflict, NotFound, ParleyError
from domain.membership.model import Order, OrderState
from domain.membership.orders import wrong_events
from infra.wiring import Services
from web import membership_pages as shown
from web.account_pages import Given, draw, to, typed
from web.admin_money import ACCOUNT_WORDS, LISTED, minor, money_words, noted, short
from web.amounts import signed
from web.callers import signed_in
from web.error_words import words
from web.forms import read_form
from web.needs import NeedGuests, NeedPages, NeedServices, PathId, page
from web.render import Pages
from web.routes.account import to_prove, too_late
from web.security import is_id

AnyRequest = Request[Any, Any, Any]
STATES: tuple[OrderState, ...] = get_args(OrderState)


@page("/admin/orders", role="admin")
async def orders(request: AnyRequest, pages: NeedPages, services: NeedServices, guests: NeedGuests) -> Response[bytes]:
    """`?state=` shows those alone that are so; `?before=` is the last one of the page before."""
    state, last, kept = request.query_params.get("state") or "", short(request, "before"), services.selling.orders
    if state and state not in STATES:
        raise BadInput("form_bad", field="state")
    if last and not is_id(last):
        raise BadInput("form_bad", field="before")
    before = (await in_thread(kept.get, last)).created_at if last else None
    found = await in_thread(kept.find, state or None, LISTED + 1, before)
    names = await in_thread(_names, services, found)
    await noted(request, services, guests, "orders")
    return draw(
        request, pages, "admin/orders.html", orders=found[:LISTED], names=names, asked=state,
        states={each: shown.STATE_WORDS[each][0] for each in STATES}, first=not last,
        next=found[LISTED - 1].id if len(found) > LISTED else "", kinds=shown.KIND_WORDS,
        **money_words(request, pages, services),
    )  # fmt: skip


@page("/admin/orders/{order_id:str}", role="admin")
async def order(
    request: AnyRequest, order_id: PathId, pages: NeedPages, services: NeedServices, guests: NeedGuests
) -> Response[bytes]:
    await noted(request, services, guests, order_id)
    return await _order(request, pages, services, order_id)


@post("/admin/orders/{order_id:str}/refund", status_code=303, role="admin")
async def refund(request: AnyRequest, order_id: PathId, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    """Give back `sum`, or all that is left where that is empty; `sure` says that it is meant.

    `most` is what could be given back when the page was drawn: pressed twice, it is given back once.
    """
    who, back = signed_in(request), f"/admin/orders/{order_id}"
    if too_late(services, who.session):
        return to_prove(back)
    form, selling = await read_form(request), services.selling
    given = typed(form, "sum")
    try:
        if not form.flag("sure"):
            raise BadInput("not_sure", field="sure")
        most = await selling.till.refund_room(order_id)
        if (seen := form.text("most")) and seen != str(most):
            raise Conflict("order_state")
        amount = minor(given["sum"]) if given["sum"].strip() else most
        await selling.till.refund(order_id, amount, who.user.id)
    except NotFound:
        raise
    except ParleyError as error:
        return await _order(request, pages, services, order_id, error, given)
    return to(back, done="refunded")


async def _order(
    request: AnyRequest, pages: Pages, services: Services, order_id: str, error: ParleyError | None = None,
    given: Given | None = None,
) -> Response[bytes]:  # fmt: skip
    kept, language = services.selling.orders, pages.ui(request).language
    found = await in_thread(kept.get, order_id)
    events, transactions = await in_thread(kept.events, order_id), await in_thread(kept.transactions, order_id)
    membership = await in_thread(kept.membership, found.user_id) if found.user_id else None
    names = await in_thread(_names, services, [found])
    return draw(
        request, pages, "admin/order.html", error=error, beside=("sum", "sure"), given=given, order=found,
        events=events, wrong_events={event.id: problem for event, problem in wrong_events(found, events)},
        event_words=shown.EVENT_WORDS, transactions=transactions, membership=membership, names=names,
        room=await services.selling.till.refund_room(order_id), state=shown.STATE_WORDS[found.state][0],
        accounts=ACCOUNT_WORDS, signed=signed, kinds=shown.KIND_WORDS, periods=shown.PERIOD_WORDS,
        refund_large=words("refund_large", {}, language), **money_words(request, pages, services),
    )  # fmt: skip


def _names(services: Services, found: list[Order]) -> dict[str, str]:
    """Return the names of those who still have an account."""
    names = {}
    for user_id in {each.user_id for each in found if each.user_id}:
        try:
            names[user_id] = services.members.accounts.get(user_id).username
        except NotFound:
            continue
    return names


ROUTES: list[ControllerRouterHandler] = [orders, order, refund]
