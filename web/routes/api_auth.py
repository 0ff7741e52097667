"""/api/auth: accounts for programs. Bearer tokens instead of cookies; the same use cases, rules, limits and audit rows.

What wants to know who asks says `role="user"`; the others take whatever token there is for none. Docstrings and types
are what programs are told at /api/openapi.json.
"""

from asyncio import to_thread as in_thread
from typing import Any, TypeVar

from litestar import Request, Response, Router, post
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody

from domain.accounts import Wish
from web import api_errors
from web.api_errors import BEARER, refusals
from web.bodies import StrictRequest
from web.callers import caller_of, signed_in
from web.needs import NeedPeople, NeedServices, NeedSignIns, PathId, get
from web.routes import api_bodies as bodies
from web.routes.account_data import leave
from web.routes.api_bodies import me_of, pair_of, session_of
from web.sign_in_cookies import SignInCookies
from web.visitors import place

AnyRequest = Request[Any, Any, Any]
AnyConnection = ASGIConnection[Any, Any, Any, Any]
Told = TypeVar("Told")
NO_STORE = {"cache-control": "no-store"}


async def over_https(connection: AnyConnection, _: BaseRouteHandler) -> None:
    """A guard, for what brings a password or a link along: as browsers, programs sign in over https or on loopback.

    Raises NotAllowed("https_needed").
    """
    SignInCookies(connection.app.state["services"].config).check(connection)


HTTPS = [over_https]


@post("/register", status_code=202, responses=refusals(403, 409), guards=HTTPS)
async def register(request: AnyRequest, data: JSONBody[bodies.Register], people: NeedPeople) -> Response[None]:
    """A mail is sent. The answer is the same when the address has an account."""
    await people.register(
        Wish(data.username, data.email, data.password, data.phone, data.language),
        caller_of(request).owner,
        place(request),
    )
    return _later()


@post("/confirm", status_code=201, responses=refusals(403, 404, 409), guards=HTTPS)
async def confirm(request: AnyRequest, data: JSONBody[bodies.Confirm], people: NeedPeople) -> Response[bodies.Pair]:
    """Makes the account; `token` is the last part of the mailed link."""
    signed = await people.confirm(
        data.token, "", place(request), password=data.password, username=data.username, phone=data.phone
    )
    return _json(pair_of(signed.fresh), 201)


@post("/sign-in", status_code=200, responses=refusals(401, 403), guards=HTTPS)
async def sign_in(request: AnyRequest, data: JSONBody[bodies.SignIn], people: NeedPeople) -> Response[bodies.Pair]:
    """Open a session by user name, e-mail or phone; one that was to be erased is kept by it."""
    signed = await people.sign_in(data.login, data.password, place(request))
    return _json(pair_of(signed.fresh, signed.restored))


@post("/refresh", status_code=200, responses=refusals(401, 403), guards=HTTPS)
async def refresh(request: AnyRequest, data: JSONBody[bodies.Refresh], sign_ins: NeedSignIns) -> Response[bodies.Pair]:
    """The next pair for a refresh token, once; a second time ends the session."""
    where = place(request)
    return _json(pair_of(await in_thread(sign_ins.renew, data.refresh, where.label, where.about)))


@post("/sign-out", status_code=204, role="user", responses=refusals(401), security=BEARER)
async def sign_out(request: AnyRequest, people: NeedPeople) -> Response[None]:
    """End this session."""
    await people.sign_out(signed_in(request).session, place(request))
    return _done()


@get("/me", role="user", responses=refusals(401), security=BEARER)
async def me(request: AnyRequest) -> Response[bodies.Me]:
    """Who asks."""
    return _json(me_of(signed_in(request).user))


@get("/sessions", role="user", responses=refusals(401), security=BEARER)
async def sessions(request: AnyRequest, people: NeedPeople) -> Response[bodies.AllSessions]:
    """Where this account is signed in."""
    mine = signed_in(request).session
    return _json(bodies.AllSessions([session_of(each, mine.id) for each in await people.sessions(mine)]))


@post("/sessions/{session_id:str}/end", status_code=204, role="user", responses=refusals(401, 404), security=BEARER)
async def end_session(request: AnyRequest, session_id: PathId, people: NeedPeople) -> Response[None]:
    """End one session of this account."""
    await people.end_session(signed_in(request).session, session_id, place(request))
    return _done()


@post("/sessions/end-others", status_code=200, role="user", responses=refusals(401), security=BEARER)
async def end_others(request: AnyRequest, people: NeedPeople) -> Response[bodies.Ended]:
    """End every other session."""
    return _json(bodies.Ended(await people.end_others(signed_in(request).session, place(request))))


@post("/prove", status_code=200, role="user", responses=refusals(401, 403), security=BEARER)
async def prove(request: AnyRequest, data: JSONBody[bodies.Prove], people: NeedPeople) -> Response[bodies.Pair]:
    """The password again: what is sensitive wants this to be ten minutes ago at most, else says `prove_first`.

    The pair is of the same session and takes the place of the old one.
    """
    return _json(pair_of(await people.prove(signed_in(request).session, data.password, place(request))))


@post("/password", status_code=200, role="user", responses=refusals(401, 403), security=BEARER)
async def password(request: AnyRequest, data: JSONBody[bodies.Password], people: NeedPeople) -> Response[bodies.Pair]:
    """Every session ends; the pair is of a new one."""
    signed = await people.change_password(signed_in(request).session, data.current, data.password, place(request))
    return _json(pair_of(signed.fresh))


@post("/email", status_code=202, role="user", responses=refusals(401, 403, 409), security=BEARER)
async def email(request: AnyRequest, data: JSONBody[bodies.Email], people: NeedPeople) -> Response[None]:
    """A link goes to the new address; nothing has changed before it is confirmed."""
    await people.change_email(signed_in(request).session, data.email, place(request))
    return _later()


@post("/email/confirm", status_code=200, responses=refusals(403, 404, 409), guards=HTTPS)
async def confirm_email(request: AnyRequest, data: JSONBody[bodies.Token], people: NeedPeople) -> Response[bodies.Me]:
    """Make it the address of the account; `token` is the last part of the mailed link."""
    return _json(me_of(await people.confirm_email(data.token, place(request))))


@post("/phone", status_code=200, role="user", responses=refusals(401, 403, 409), security=BEARER)
async def phone(request: AnyRequest, data: JSONBody[bodies.Phone], people: NeedPeople) -> Response[bodies.Me]:
    """Set the phone number, or take it away by an empty one."""
    return _json(me_of(await people.set_phone(signed_in(request).session, data.phone, place(request))))


@post("/codes", status_code=200, role="user", responses=refusals(401, 403), security=BEARER)
async def codes(request: AnyRequest, people: NeedPeople) -> Response[bodies.Codes]:
    """Ten new recovery codes, told this once."""
    return _json(bodies.Codes(await people.new_codes(signed_in(request).session, place(request))))


@post("/delete", status_code=202, role="user", responses=refusals(401, 403), security=BEARER)
async def delete(request: AnyRequest, services: NeedServices) -> Response[None]:
    """Every session ends, nothing more is charged, and in seven days all is erased; signing in until then keeps it."""
    await leave(services, signed_in(request).session, place(request))
    return _later()


@post("/recover", status_code=202, responses=refusals(403), guards=HTTPS)
async def recover(request: AnyRequest, data: JSONBody[bodies.Email], people: NeedPeople) -> Response[None]:
    """The same answer, after the same time, for those who have an account and those who have none."""
    await people.recover(data.email, place(request))
    return _later()


@post("/recover/finish", status_code=204, responses=refusals(403, 404), guards=HTTPS)
async def finish(request: AnyRequest, data: JSONBody[bodies.Finish], people: NeedPeople) -> Response[None]:
    """Sets a new password by the mailed token; it does not sign in."""
    await people.finish_recovery(data.token, data.password, place(request), answer=data.answer)
    return _done()


@post("/recover/code", status_code=204, responses=refusals(403), guards=HTTPS)
async def by_code(request: AnyRequest, data: JSONBody[bodies.Code], people: NeedPeople) -> Response[None]:
    """Set a new password by a recovery code; it does not sign in."""
    await people.use_recovery_code(data.login, data.code, data.password, place(request))
    return _done()


api_auth = Router(
    "/api/auth",
    route_handlers=[
        register, confirm, sign_in, refresh, sign_out, me, sessions, end_session, end_others, prove, password, email,
        confirm_email, phone, codes, delete, recover, finish, by_code,
    ],
    exception_handlers=api_errors.HANDLERS,
    request_class=StrictRequest,
    tags=["Accounts"],
)  # fmt: skip


def _json(told: Told, status: int = 200) -> Response[Told]:
    return Response(told, media_type="application/json", status_code=status, headers=NO_STORE)


def _later() -> Response[Any]:
    """What was asked for goes on by mail, or by itself. Nothing is said: None would be said as `null`."""
    return Response(b"", status_code=202, headers=NO_STORE)


def _done() -> Response[None]:
    return Response(None, status_code=204, headers=NO_STORE)
