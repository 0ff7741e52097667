"""Who is asking: what web/authentication.py found out, for guards, handlers and templates."""

from typing import Any

import msgspec
from litestar.connection import ASGIConnection

from domain.errors import NotAllowed
from domain.people import Role, Session, User

AnyConnection = ASGIConnection[Any, Any, Any, Any]


class Caller(msgspec.Struct, frozen=True):
    """One who asks. `owner` is whose chats these are: the account's id, or a guest's."""

    owner: str
    user: User | None = None
    session: Session | None = None
    role: Role = "guest"
    csrf: str = ""  # what changes must bring along; empty where no cookie signs the caller in, so nothing can be forged


class Signed(msgspec.Struct, frozen=True):
    """A caller of whom it is certain that somebody has signed in."""

    user: User
    session: Session


def caller_of(request: AnyConnection) -> Caller:
    """Raises what went wrong when the caller was looked for: Unavailable, or NotAllowed("token_bad") for programs."""
    state = request.scope.get("state") or {}
    if (error := state.get("caller_error")) is not None:
        raise error
    caller = state.get("caller")
    if not isinstance(caller, Caller):
        raise LookupError("Authentication stands in front of the application")
    return caller


def signed_in(request: AnyConnection) -> Signed:
    """Raises NotAllowed("sign_in_first")."""
    caller = caller_of(request)
    if caller.user is None or caller.session is None:
        raise NotAllowed("sign_in_first")
    return Signed(caller.user, caller.session)


def csrf_of(request: AnyConnection) -> str:
    """Return the word for forms, empty for guests and whenever it is not certain who asks: an error page shows too."""
    caller = (request.scope.get("state") or {}).get("caller")
    return caller.csrf if isinstance(caller, Caller) else ""
