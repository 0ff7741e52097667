"""Everybody who may ask for a page: with what their browser sends, and with something that is theirs."""

import secrets
from datetime import datetime, timedelta

import msgspec

from db.sessions import SqlSessions
from domain.people import Pending, Role, Session, User
from tests.web.matrix import Visitor
from tests.web.objects import chat_of, guest_cookie
from tests.web.real import Real

LIFE = timedelta(days=30)


class Asking(msgspec.Struct, frozen=True):
    """One visitor: what identifies them, and the ids of what they ask for."""

    cookies: dict[str, str]
    headers: dict[str, str]
    ids: dict[str, str]


def account(real: Real, role: Role = "user") -> User:
    name = f"somebody-{secrets.token_hex(6)}"
    now, members = real.services.clock.now(), real.services.members
    user = User(
        id=secrets.token_urlsafe(18), username=name, email=f"{name}@example.org", role=role, created_at=now,
        password_at=now,
    )  # fmt: skip
    pending = Pending(
        token_hash=secrets.token_hex(32), username=name, email=user.email, phone=None, password_hash="$argon2id$none",
        language="en", guest=secrets.token_urlsafe(18), expires_at=now + LIFE,
    )  # fmt: skip
    members.accounts.pend(pending)
    return members.accounts.confirm(pending.token_hash, user, now)


def session_of(real: Real, user: User, expires_at: datetime | None = None) -> Session:
    now = real.services.clock.now()
    session = Session(
        id=secrets.token_urlsafe(18), user_id=user.id, device="Chromium on Linux", address="192.0.2.0/24",
        created_at=now, seen_at=now, proved_at=now, expires_at=expires_at or now + LIFE,
        refresh=secrets.token_urlsafe(18), before="", rotated_at=now,
    )  # fmt: skip
    SqlSessions(real.database).open(session)
    return session


def signed(real: Real, user: User, session: Session, ids: dict[str, str]) -> Asking:
    """A browser, and a program, that are signed in; https or not is the test's business."""
    fresh = real.services.sign_ins.fresh(session, user)
    cookies = {"at": fresh.access, "rt": fresh.refresh}
    headers = {"authorization": f"Bearer {fresh.access}", "x-csrf-token": real.services.sign_ins.csrf(session)}
    return Asking(cookies, headers, ids)


def owned(real: Real, owner: str, user: User | None = None) -> dict[str, str]:
    """A chat, and for those with an account another session and their own id."""
    somebody = user or account(real)
    return {
        **chat_of(real.services.chats, owner),
        "session_id": session_of(real, somebody).id,
        "user_id": account(real).id,
        "token": secrets.token_urlsafe(24),
    }


def visitor(real: Real, who: Visitor) -> Asking:
    """Return somebody new of this kind."""
    now, members = real.services.clock.now(), real.services.members
    if who == "no cookie":
        return Asking({}, {}, owned(real, secrets.token_urlsafe(18)))
    if who in ("guest", "other guest's object"):
        guest = secrets.token_urlsafe(18)
        owner = guest if who == "guest" else secrets.token_urlsafe(18)
        return Asking({"guest": guest_cookie(guest)}, {}, owned(real, owner))
    role: Role = "member" if who == "member" else "admin" if who == "admin" else "user"
    user = account(real, role)
    if who == "other user's object":
        other = account(real)
        return signed(real, user, session_of(real, user), owned(real, other.id, other))
    if who == "expired session":
        old = session_of(real, user, now - timedelta(seconds=1))
        return signed(real, user, msgspec.structs.replace(old, expires_at=now + LIFE), owned(real, user.id, user))
    session = session_of(real, user)
    mine = signed(real, user, session, owned(real, user.id, user))
    if who == "revoked session":
        SqlSessions(real.database).revoke(session.id, now)
    if who == "suspended user":
        members.accounts.suspend(user.id, now)
        with_session = session_of(real, user)  # as if one had been left open
        return signed(real, user, with_session, mine.ids)
    return mine
