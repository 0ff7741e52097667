"""What a call of a function carries: that it comes from a web application which holds WORKER_KEY, for this function.

A token is good for a minute and serves every call of that minute: signing is not on the way of a turn. It is bound to
its function (audience and subject), to this use (issuer, type, a key of its own) and names the process that asks.
"""

import secrets
from datetime import datetime, timedelta

from domain.jwt_tokens import Function as Function
from domain.jwt_tokens import Issuer
from domain.ports import Clock

ISSUER = "parley:functions"  # not the site's address: a function serves whoever has the key, and knows no site
FRESH = timedelta(seconds=30)  # a token this old is not sent any more: what is sent has half of its life left


class WorkerTokens:
    """Makes tokens, each used again for a while, and checks them. One thread."""

    def __init__(self, key: str, clock: Clock) -> None:
        """`key` is WORKER_KEY; nothing else is signed or read here, so the other key is nobody's."""
        self._issuer = Issuer(secrets.token_urlsafe(32), key, ISSUER, clock)
        self._clock = clock
        self._caller = secrets.token_urlsafe(12)
        self._made: dict[Function, tuple[str, datetime]] = {}

    def token(self, function: Function) -> str:
        """Return one that is good for half a minute at least."""
        now = self._clock.now()
        token, made = self._made.get(function, ("", now))
        if not token or not timedelta(0) <= now - made < FRESH:  # also when the clock was put back
            token = self._issuer.worker(function, self._caller)
            self._made[function] = token, now
        return token

    def check(self, token: str, function: Function) -> None:
        """Raises NotAllowed("token_bad"), also for what is no text at all."""
        self._issuer.read_worker(token, function)
