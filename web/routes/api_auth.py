"""/api/auth: accounts for programs. Bearer tokens instead of cookies; the same use cases, rules, limits and audit rows.

What wants to know who asks says `role="user"`; the others take whatever token there is for none.
"""

from asyncio import to_thread as in_thread
from typing import Any

import msgspec
from litestar import Request, Response, Router, get, post

from domain.accounts import Wish
from web import api_errors
from web.bodies import read_json
from web.callers import caller_of, signed_in
from web.needs import NeedPeople, NeedSignIns, PathId
from web.routes import api_bodies as bodies
from web.routes.api_bodies import me_of, pair_of, session_of
from web.visitors import place

AnyRequest = Request[Any, Any, Any]
NO_STORE = {"cache-control": "no-store"}


@post("/register", status_code=202)
async def register(request: AnyRequest, people: NeedPeople) -> Response[bytes]:
    """A mail is sent. The answer is the same when the address has an account."""
    wish = await read_json(request, bodies.Register)
    await people.register(
        Wish(wish.username, wish.email, wish.password, wish.phone, wish.language),
        caller_of(request).owner,
        place(request),
    )
    return _later()


@post("/confirm", status_code=201)
async def confirm(request: AnyRequest, people: NeedPeople) -> Response[bytes]:
    """Makes the account; `token` is the last part of the mailed link."""
    body = await read_json(request, bodies.Confirm)
    signed = await people.confirm(
        body.token, "", place(request), password=body.password, username=body.username, phone=body.phone
    )
    return _json(pair_of(signed.fresh), 201)


@post("/sign-in", status_code=200)
async def sign_in(request: AnyRequest, people: NeedPeople) -> Response[bytes]:
    body = await read_json(request, bodies.SignIn)
    signed = await people.sign_in(body.login, body.password, place(request))
    return _json(pair_of(signed.fresh, signed.restored))


@post("/refresh", status_code=200)
async def refresh(request: AnyRequest, sign_ins: NeedSignIns) -> Response[bytes]:
    """The next pair for a refresh token, once; a second time ends the session."""
    body, where = await read_json(request, bodies.Refresh), place(request)
    return _json(pair_of(await in_thread(sign_ins.renew, body.refresh, where.label, where.about)))


@post("/sign-out", status_code=204, role="user")
async def sign_out(request: AnyRequest, people: NeedPeople) -> Response[None]:
    await people.sign_out(signed_in(request).session, place(request))
    return _done()


@get("/me", role="user")
async def me(request: AnyRequest) -> Response[bytes]:
    return _json(me_of(signed_in(request).user))


@get("/sessions", role="user")
async def sessions(request: AnyRequest, people: NeedPeople) -> Response[bytes]:
    mine = signed_in(request).session
    return _json({"sessions": [session_of(each, mine.id) for each in await people.sessions(mine)]})


@post("/sessions/{session_id:str}/end", status_code=204, role="user")
async def end_session(request: AnyRequest, session_id: PathId, people: NeedPeople) -> Response[None]:
    await people.end_session(signed_in(request).session, session_id, place(request))
    return _done()


@post("/sessions/end-others", status_code=200, role="user")
async def end_others(request: AnyRequest, people: NeedPeople) -> Response[bytes]:
    return _json({"ended": await people.end_others(signed_in(request).session, place(request))})


@post("/prove", status_code=204, role="user")
async def prove(request: AnyRequest, people: NeedPeople) -> Response[None]:
    """The password again: what is sensitive wants this to be ten minutes ago at most, else says `prove_first`."""
    body = await read_json(request, bodies.Prove)
    await people.prove(signed_in(request).session, body.password, place(request))
    return _done()


@post("/password", status_code=200, role="user")
async def password(request: AnyRequest, people: NeedPeople) -> Response[bytes]:
    """Every session ends; the pair is of a new one."""
    body = await read_json(request, bodies.Password)
    signed = await people.change_password(signed_in(request).session, body.current, body.password, place(request))
    return _json(pair_of(signed.fresh))


@post("/email", status_code=202, role="user")
async def email(request: AnyRequest, people: NeedPeople) -> Response[bytes]:
    """A link goes to the new address; nothing has changed before it is confirmed."""
    body = await read_json(request, bodies.Email)
    await people.change_email(signed_in(request).session, body.email, place(request))
    return _later()


@post("/email/confirm", status_code=200)
async def confirm_email(request: AnyRequest, people: NeedPeople) -> Response[bytes]:
    body = await read_json(request, bodies.Token)
    return _json(me_of(await people.confirm_email(body.token, place(request))))


@post("/phone", status_code=200, role="user")
async def phone(request: AnyRequest, people: NeedPeople) -> Response[bytes]:
    body = await read_json(request, bodies.Phone)
    return _json(me_of(await people.set_phone(signed_in(request).session, body.phone, place(request))))


@post("/codes", status_code=200, role="user")
async def codes(request: AnyRequest, people: NeedPeople) -> Response[bytes]:
    """Ten new recovery codes, told this once."""
    return _json({"codes": await people.new_codes(signed_in(request).session, place(request))})


@post("/delete", status_code=202, role="user")
async def delete(request: AnyRequest, people: NeedPeople) -> Response[bytes]:
    """Every session ends, and in seven days everything is erased; signing in until then keeps it."""
    await people.delete(signed_in(request).session, place(request))
    return _later()


@post("/recover", status_code=202)
async def recover(request: AnyRequest, people: NeedPeople) -> Response[bytes]:
    """The same answer, after the same time, for those who have an account and those who have none."""
    body = await read_json(request, bodies.Email)
    await people.recover(body.email, place(request))
    return _later()


@post("/recover/finish", status_code=204)
async def finish(request: AnyRequest, people: NeedPeople) -> Response[None]:
    """Sets a new password by the mailed token; it does not sign in."""
    body = await read_json(request, bodies.Finish)
    await people.finish_recovery(body.token, body.password, place(request), answer=body.answer)
    return _done()


@post("/recover/code", status_code=204)
async def by_code(request: AnyRequest, people: NeedPeople) -> Response[None]:
    body = await read_json(request, bodies.Code)
    await people.use_recovery_code(body.login, body.code, body.password, place(request))
    return _done()


api_auth = Router(
    "/api/auth",
    route_handlers=[
        register, confirm, sign_in, refresh, sign_out, me, sessions, end_session, end_others, prove, password, email,
        confirm_email, phone, codes, delete, recover, finish, by_code,
    ],
    exception_handlers=api_errors.HANDLERS,
)  # fmt: skip


def _json(told: object, status: int = 200) -> Response[bytes]:
    return Response(msgspec.json.encode(told), media_type="application/json", status_code=status, headers=NO_STORE)


def _later() -> Response[bytes]:
    """What was asked for goes on by mail, or by itself."""
    return Response(b"", status_code=202, headers=NO_STORE)


def _done() -> Response[None]:
    return Response(None, status_code=204, headers=NO_STORE)
