"""Which role a route asks for: `opt={"role": "user"}` on a route, a router or the application; else a guest will do."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from domain.errors import NotAllowed, NotFound
from domain.people import ROLES, Role
from web.callers import caller_of

AnyConnection = ASGIConnection[Any, Any, Any, Any]
OPT = "role"


def least(handler: BaseRouteHandler) -> Role:
    """Return the role that a route asks for. Raises ValueError for one that there is none of: better than open."""
    asked = handler.opt.get(OPT, "guest")
    if asked not in ROLES:
        raise ValueError(f"{handler} asks for the role {asked!r}; there are {', '.join(ROLES)}")
    return asked  # type: ignore[no-any-return]


def may(role: Role, asked: Role) -> bool:
    """Each role may do what the ones before it may."""
    return ROLES.index(role) >= ROLES.index(asked)


def by_role(connection: AnyConnection, handler: BaseRouteHandler) -> None:
    """The guard of every route. Raises NotAllowed("sign_in_first"), which pages answer by offering to sign in.

    Who is signed in and may not is told that there is nothing: a page for admins is nobody else's to know of. Raises
    what kept the caller from being known (the database is away) only where it matters who asks.
    """
    asked = least(handler)
    if asked == "guest":
        return
    role = caller_of(connection).role
    if may(role, asked):
        return
    if role == "guest":
        raise NotAllowed("sign_in_first")
    raise NotFound("page_gone")
