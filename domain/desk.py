"""What all use cases of accounts share: the stores, the limits, the audit log, mail, and a few rules."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import ParamSpec, TypeVar

import msgspec

from domain import mails
from domain.audit import Action, happened
from domain.errors import NotAllowed, TooMany
from domain.hashing import Hasher
from domain.jwt_tokens import Issuer
from domain.limits import Gatekeeper, LimitName
from domain.people import (
    Accounts,
    Audit,
    Credentials,
    Keys,
    Limits,
    Mailer,
    MailKind,
    Session,
    Sessions,
    Tokens,
    User,
)
from domain.places import Place
from domain.ports import Clock
from domain.sign_ins import Fresh, SignIns

Given = ParamSpec("Given")
Result = TypeVar("Result")
PROVED = timedelta(minutes=10)  # how long a password or passkey counts as just given
GRACE = timedelta(days=7)  # between asking for the end of an account and the end
HOLD = timedelta(hours=24)  # after a recovery: who reads another's mail can't take the account away at once


class Rules(msgspec.Struct, frozen=True):
    """What the operator decides."""

    site: str = "http://127.0.0.1:7210"  # links in mail begin with it; never with what a request says
    refresh_days: int = 30
    question: bool = False  # SECURITY_QUESTION=extra
    floor_s: float = 0.4  # what may not tell a known address from an unknown one takes at least so long


class SignedIn(msgspec.Struct, frozen=True):
    fresh: Fresh
    browser: str = ""  # a new cookie for the browser to keep, so that it is known the next time; "" keeps what there is
    restored: bool = False  # the account was to be deleted and now is not


class Desk:
    def __init__(
        self,
        accounts: Accounts,
        sessions: Sessions,
        tokens: Tokens,
        keys: Keys,
        limits: Limits,
        audit: Audit,
        mailer: Mailer,
        hasher: Hasher,
        issuer: Issuer,
        clock: Clock,
        rules: Rules | None = None,
        sign_ins: SignIns | None = None,
    ) -> None:
        """`sign_ins` is the one that answers requests, so that it forgets whom a change is about."""
        self._accounts, self._sessions, self._tokens, self._keys = accounts, sessions, tokens, keys
        self._audit, self._mailer, self._hasher, self._issuer, self._clock = audit, mailer, hasher, issuer, clock
        self.rules = rules or Rules()
        self._gate = Gatekeeper(limits, clock, note=lambda event: audit.add([event]))
        self._sign_ins = sign_ins or SignIns(accounts, sessions, audit, issuer, clock)

    def _now(self) -> datetime:
        return self._clock.now()

    async def _do(self, work: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs) -> Result:
        """Stores are sync."""
        return await asyncio.to_thread(work, *args, **kwargs)

    async def _note(
        self, action: Action, actor: str, target: str = "", place: Place | None = None, **detail: str | int
    ) -> None:
        address = place.about if place is not None else ""
        event = happened(action, self._now(), actor, target, address, **detail)
        await self._do(self._audit.add, [event])

    async def _mail(self, kind: MailKind, user: User, path: str, place: Place | None = None, to: str = "") -> None:
        await self._do(self.tell, kind, user, path, place, to)

    def tell(self, kind: MailKind, user: User, path: str, place: Place | None = None, to: str = "") -> None:
        """Mail it to them; for threads."""
        words = {"username": user.username, "link": self._link(path)}
        if place is not None:
            words |= {"device": place.label, "place": place.about}
        self._mailer.send(mails.write(kind, user.language, to or user.email, self._now(), **words))

    def _link(self, path: str) -> str:
        return self.rules.site.rstrip("/") + path

    async def _may(self, name: LimitName, *subject: str) -> bool:
        """Count without refusing: where a refusal would tell who has an account."""
        try:
            await self._gate.check(name, *subject)
        except TooMany:
            return False
        return True

    def _alive(self, found: Credentials | None) -> Credentials | None:
        """An account whose seven days are over is gone, also before it is erased."""
        if found is None or found.user.deleted_at is None:
            return found
        return found if self._now() - found.user.deleted_at < GRACE else None

    def _proven(self, session: Session) -> None:
        """Raises NotAllowed("prove_first") when the last proof is too old for a sensitive change."""
        if self._now() - session.proved_at > PROVED:
            raise NotAllowed("prove_first")

    async def free(self, user_id: str) -> None:
        """Raises NotAllowed("recently_recovered") within a day of a recovery."""
        if await self._do(self._tokens.peek, hashed("hold", user_id), "hold", self._now()) is not None:
            raise NotAllowed("recently_recovered")

    @asynccontextmanager
    async def _evenly(self) -> AsyncIterator[None]:
        """Let what is inside take as long for everybody, whatever it does."""
        began = self._clock.monotonic()
        yield
        await self._rest(max(0.0, self.rules.floor_s - (self._clock.monotonic() - began)))

    async def _rest(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def hashed(*parts: str) -> str:
    """Return the SHA-256 of a secret of 112 random bits or more, or of an id, for a store to know it by."""
    return hashlib.sha256(" ".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def pseudonym(guest: str) -> str:
    return f"guest:{hashed('guest', guest)[:16]}"
