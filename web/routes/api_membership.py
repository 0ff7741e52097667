"""/api/membership: plans, what the caller has of theirs, orders. Bearer tokens; the same rules as on the pages.

Docstrings and types are what programs are told at /api/openapi.json.
"""

from asyncio import to_thread as in_thread
from datetime import timedelta
from typing import Annotated, Any, TypeVar

from litestar import Request, Response, Router, post
from litestar.params import JSONBody, QueryParameter

from domain.errors import BadInput, TooLong
from domain.membership.granting import held
from domain.membership.model import Currency, Feature
from domain.people import User
from infra.wiring import Services
from web import api_errors
from web.api_errors import BEARER, refusals
from web.bodies import StrictRequest
from web.callers import caller_of, signed_in
from web.i18n import choose
from web.membership_limits import may_buy
from web.needs import NeedServices, PathId, get
from web.routes import api_membership_bodies as bodies
from web.routes.api_files import key_of
from web.routes.api_membership_bodies import mine_of, offer_of, order_of, paying_of, tariff_of, usage_of
from web.routes.membership import COUPON_TYPED, back
from web.security import is_id

AnyRequest = Request[Any, Any, Any]
Told = TypeVar("Told")
NO_STORE = {"cache-control": "no-store"}
MOST_DAYS, MOST_LISTED, NAME_MOST = 366, 100, 64


@get("/", role="user", responses=refusals(401), security=BEARER)
async def my_membership(request: AnyRequest, services: NeedServices) -> Response[bodies.Mine]:
    """The plan that the caller has, until when, and how much of each feature is used and left."""
    return _json(await _mine(services, signed_in(request).user))


@get("/plans", responses=refusals(401), security=[*BEARER, {}])
async def plans(
    request: AnyRequest,
    services: NeedServices,
    currency: Annotated[Currency, QueryParameter(description="For the offers, where nothing is held in another.")] = (
        "USD"
    ),
    coupon: Annotated[str, QueryParameter(description="For the offers: with what it takes off.")] = "",
) -> Response[bodies.Tariffs]:
    """All plans with their prices; with a token also what the caller can have now, and for exactly how much."""
    user, selling = caller_of(request).user, services.selling
    language = choose(None, request.headers.get("accept-language"))
    offers = []
    if user is not None:
        if coupon:
            await may_buy(request, services)
        there = await selling.till.offers(user, currency, _coupon(coupon))
        offers = [offer_of(each) for each in there.options]
    return _json(bodies.Tariffs([tariff_of(each, language) for each in selling.plans.all], offers))


@get("/usage", role="user", responses=refusals(401), security=BEARER)
async def usage(
    request: AnyRequest,
    services: NeedServices,
    feature: Annotated[Feature, QueryParameter(description="What was used.")] = "voice_seconds",
    days: Annotated[int, QueryParameter(description="So many days back.", ge=1, le=MOST_DAYS)] = 30,
) -> Response[bodies.Usage]:
    """What was used on each day, the oldest first."""
    since = (services.clock.now() - timedelta(days=days - 1)).date()
    used = await in_thread(services.selling.meters.days, signed_in(request).user.id, feature, since)
    return _json(usage_of(feature, used))


@get("/orders", role="user", responses=refusals(401, 404), security=BEARER)
async def list_orders(
    request: AnyRequest,
    services: NeedServices,
    before: Annotated[str, QueryParameter(description="The `next` of the answer before.")] = "",
    limit: Annotated[int, QueryParameter(description="At most so many.", ge=1, le=MOST_LISTED)] = MOST_LISTED,
) -> Response[bodies.Orders]:
    """Orders of the caller, the newest first."""
    till, user = services.selling.till, signed_in(request).user
    if before and not is_id(before):
        raise BadInput("form_bad", field="before")
    last = (await till.order(user, before)).created_at if before else None
    found = await till.orders(user, limit + 1, last)
    more = found[limit - 1].id if len(found) > limit else ""
    return _json(bodies.Orders([order_of(each) for each in found[:limit]], more))


@get("/orders/{order_id:str}", role="user", responses=refusals(401, 404), security=BEARER)
async def one_order(request: AnyRequest, order_id: PathId, services: NeedServices) -> Response[bodies.Bought]:
    """An order. Ask again until `state` is granted; nothing is granted by asking."""
    return _json(order_of(await services.selling.till.order(signed_in(request).user, order_id)))


@post("/buy", status_code=201, role="user", responses=refusals(401, 404, 409), security=BEARER)
async def buy(
    request: AnyRequest, data: JSONBody[bodies.Buy], services: NeedServices
) -> Response[bodies.Paying]:
    """Order a plan, a higher one, or the same for longer, and be told where it is paid.

    The same again while nobody has paid is the same order. Sent again with the same `Idempotency-Key` it is so for good
    (409 where another plan or period is ordered with it).
    """
    key = key_of(request)
    await may_buy(request, services)
    order, checkout = await services.selling.till.buy(
        signed_in(request).user, data.plan[:NAME_MOST], data.period, data.currency, _coupon(data.coupon),
        choose(None, request.headers.get("accept-language")), back(services), key=key,
    )  # fmt: skip
    return _json(paying_of(order, checkout), 201)


@post("/change", status_code=200, role="user", responses=refusals(401, 404, 409), security=BEARER)
async def change(
    request: AnyRequest, data: JSONBody[bodies.Change], services: NeedServices
) -> Response[bodies.Changed]:
    """Change what is held: up now, for what is then to be paid; down from the end of what is paid on."""
    await may_buy(request, services)
    user = signed_in(request).user
    done = await services.selling.till.change(
        user, data.plan[:NAME_MOST], data.period, _coupon(data.coupon),
        choose(None, request.headers.get("accept-language")), back(services),
    )  # fmt: skip
    paying = paying_of(*done) if isinstance(done, tuple) else None
    return _json(bodies.Changed(await _mine(services, user), paying))


@post("/cancel", status_code=200, role="user", responses=refusals(401, 404), security=BEARER)
async def cancel(request: AnyRequest, services: NeedServices) -> Response[bodies.Mine]:
    """Have nothing more taken. What is paid stays to its end; cancelling twice is no error."""
    await may_buy(request, services)
    await services.selling.till.cancel(signed_in(request).user)
    return _json(await _mine(services, signed_in(request).user))


@post("/resume", status_code=200, role="user", responses=refusals(401, 404, 409), security=BEARER)
async def resume(request: AnyRequest, services: NeedServices) -> Response[bodies.Mine]:
    """Take back a cancellation or, where there is none, the change that was to come."""
    await may_buy(request, services)
    await services.selling.till.resume(signed_in(request).user)
    return _json(await _mine(services, signed_in(request).user))


api_membership = Router(
    "/api/membership",
    route_handlers=[my_membership, plans, usage, list_orders, one_order, buy, change, cancel, resume],
    exception_handlers=api_errors.HANDLERS,
    request_class=StrictRequest,
    tags=["Membership"],
)


async def _mine(services: Services, user: User) -> bodies.Mine:
    selling = services.selling
    there = await selling.till.offers(user, "USD")
    limits = await in_thread(selling.entitlements.of, user.id)
    current = held(there.membership, services.clock.now())
    return mine_of(there.plan, current, limits, there.next_amount, there.currency)


def _coupon(text: str) -> str:
    if len(text) > COUPON_TYPED:
        raise TooLong("text_too_long", characters=COUPON_TYPED, field="coupon")
    return text


def _json(told: Told, status: int = 200) -> Response[Told]:
    return Response(told, media_type="application/json", status_code=status, headers=NO_STORE)
