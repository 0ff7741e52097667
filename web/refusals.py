"""Who was refused by a guard is written down: a page that is not for their role, a change that came from elsewhere.

Bounded, so that nobody can fill the log: one row an hour for each person (or network), reason and route, and a ceiling
for all of them together. What a person may do with somebody else's chat is no matter of guards: there is none of that
name for them, and no row, since a mistyped address looks the same.
"""

import inspect
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from domain.audit import happened
from domain.desk import pseudonym
from domain.errors import NotAllowed, NotFound, ParleyError
from domain.people import AuditEvent
from infra.local_limits import LocalLimits
from web.callers import caller_of
from web.roles import by_role
from web.visitors import place

AnyConnection = ASGIConnection[Any, Any, Any, Any]
HOUR_S = 3_600
MOST = 200  # rows an hour, of everybody
ATTEMPTS = ("cross_site", "csrf_bad")  # what no page of ours brings about


class Refusals:
    def __init__(self, note: Callable[[AuditEvent], None], now: Callable[[], datetime]) -> None:
        """`note` keeps an event and returns at once: infra.audit_log.AuditWriter.note."""
        self._note, self._now = note, now
        self._counted = LocalLimits(10_000)

    def tell(self, connection: AnyConnection, error: ParleyError) -> None:
        now, where = self._now(), place(connection).about
        try:
            caller = caller_of(connection)
            actor = pseudonym(caller.owner) if caller.user is None else caller.user.id
            known = caller.user is not None
        except ParleyError:
            actor, known = "system", False
        route = str(connection.scope.get("path_template") or "")
        who = actor if known else where  # a guest is whoever they say they are, a network is not
        wanted = [(f"{who} {error.code} {route}", 1, HOUR_S), ("everybody", MOST, HOUR_S)]
        if not any(self._counted.hit_all(wanted, now)):
            self._note(happened("refused", now, actor, route, where, code=error.code))


def watched(guards: Sequence[Any]) -> list[Any]:
    """Return guards that do as these do, and tell the application's Refusals what they refuse."""
    return [_watched(guard) for guard in guards]


def _watched(guard: Any) -> Any:
    async def watching(connection: AnyConnection, handler: BaseRouteHandler) -> None:
        try:
            found = guard(connection, handler)
            if inspect.isawaitable(found):
                await found
        except (NotAllowed, NotFound) as error:
            # Whoever is not signed in is offered to sign in: that is no attempt at anything.
            if error.code in ATTEMPTS or (guard is by_role and error.code != "sign_in_first"):
                connection.app.state["refusals"].tell(connection, error)
            raise

    return watching
