"""Who a token belongs to now, and the exchange of refresh tokens. Every method may wait for the store: use a thread.

The session's row is the truth, read with every request: a token whose session has ended is refused at once, however
long it would have been good.
"""

import secrets
import threading
from collections import OrderedDict
from datetime import timedelta

import msgspec

from domain.audit import happened
from domain.errors import NotAllowed, NotFound
from domain.jwt_tokens import Claims, Issuer
from domain.people import Accounts, Audit, Session, Sessions, User
from domain.ports import Clock

GRACE_S = 10.0  # tabs that woke up together all bring the same token; after this, a second time means a thief
IDLE = timedelta(days=14)  # a session that nobody has used for so long is over, whatever was left of its days
SEEN = timedelta(minutes=1)  # how exactly the list of sessions knows when one was last used
USER_S = 1.0  # for which a user's row is remembered; what ends a sign-in is in the session's row, never remembered
USERS = 1_000


class Signed(msgspec.Struct, frozen=True):
    user: User
    session: Session


class Fresh(msgspec.Struct, frozen=True):
    """What a browser or a client gets to come back with."""

    signed: Signed
    access: str
    refresh: str


class SignIns:
    """Raises NotAllowed("token_bad") for everything that is no good sign-in, whatever the reason."""

    def __init__(self, accounts: Accounts, sessions: Sessions, audit: Audit, issuer: Issuer, clock: Clock) -> None:
        self._accounts, self._sessions, self._audit = accounts, sessions, audit
        self._issuer, self._clock = issuer, clock
        self._users: OrderedDict[str, tuple[float, User]] = OrderedDict()
        self._forgotten = 0  # how often somebody was: what was read before that is not remembered after it
        self._lock = threading.Lock()

    def current(self, access: str) -> Signed:
        """Return who brings an access token."""
        claims = self._issuer.read_access(access)
        signed = self._signed(claims)
        # Giving the password again brings new tokens, and those of before it are no good any more (ASVS 7.2.4).
        if claims.issued_at < signed.session.proved_at.replace(microsecond=0):
            raise NotAllowed("token_bad")
        now = self._clock.now()
        if now - signed.session.seen_at > SEEN:
            self._sessions.touch(signed.session.id, now)
        return signed

    def fresh(self, session: Session, user: User) -> Fresh:
        """Return the tokens of a session: of a new one, or as it stands after a rotation."""
        access = self._issuer.access(session, user)
        return Fresh(Signed(user, session), access, self._issuer.refresh(session, session.refresh))

    def renew(self, refresh: str, device: str, address: str) -> Fresh:
        """Exchange a refresh token for its successor.

        Its direct parent is still taken for a few seconds, from the same kind of browser: requests that were sent
        together all succeed, and get the same successor. Any other old token means that it was copied: the session
        ends, for the thief and for the person.
        """
        claims = self._issuer.read_refresh(refresh)
        signed = self._signed(claims)
        session: Session | None = signed.session
        now = self._clock.now()
        if claims.id == signed.session.before and device != signed.session.device:
            self._sessions.revoke(signed.session.id, now)
            session = None
        else:
            session = self._sessions.rotate(claims.session, claims.id, new_jti(), now, GRACE_S)
        if session is None:
            self._audit.add([happened("token_reused", now, signed.user.id, claims.session, address)])
            raise NotAllowed("token_bad")
        return self.fresh(session, signed.user)

    def proved(self, session: Session, user: User) -> Fresh:
        """Return new tokens for a session that has just proved itself; the old ones end.

        The refresh token goes round as in `renew`, with the same grace for requests that are on their way.
        """
        now = self._clock.now()
        self._sessions.prove(session.id, now)
        current = self._sessions.get(session.id)
        fresh = current and self._sessions.rotate(session.id, current.refresh, new_jti(), now, GRACE_S)
        if fresh is None:
            raise NotAllowed("token_bad")  # it was ended while the password was looked at
        return self.fresh(fresh, user)

    def lives(self, session_id: str) -> bool:
        """Whether a session is still good. Raises Unavailable."""
        session = self._sessions.get(session_id)
        return session is not None and self._alive(session)

    def _alive(self, session: Session) -> bool:
        now = self._clock.now()
        return session.revoked_at is None and session.expires_at > now and now - session.seen_at <= IDLE

    def csrf(self, session: Session) -> str:
        return self._issuer.csrf(session.id)

    def _signed(self, claims: Claims) -> Signed:
        session = self._sessions.get(claims.session)
        if session is None or session.user_id != claims.subject:
            raise NotAllowed("token_bad")
        if not self._alive(session):
            raise NotAllowed("token_bad")
        user = self._user(session.user_id)
        # Both end sessions as well; this holds even if ending them was cut short.
        if user.suspended_at is not None or session.created_at < user.password_at:
            raise NotAllowed("token_bad")
        return Signed(user, session)

    def _user(self, user_id: str) -> User:
        now = self._clock.monotonic()
        with self._lock:
            remembered, forgotten = self._users.get(user_id), self._forgotten
        if remembered is not None and now - remembered[0] < USER_S:
            return remembered[1]
        try:
            user = self._accounts.get(user_id)
        except NotFound:
            raise NotAllowed("token_bad") from None
        with self._lock:
            if forgotten != self._forgotten:
                return user
            self._users[user_id] = (now, user)
            self._users.move_to_end(user_id)
            while len(self._users) > USERS:
                self._users.popitem(last=False)
        return user

    def forget(self, user_id: str) -> None:
        """Have the next request see what was just changed about a person."""
        with self._lock:
            self._users.pop(user_id, None)
            self._forgotten += 1


def new_jti() -> str:
    return secrets.token_urlsafe(18)
