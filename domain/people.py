"""Who people are: accounts, sessions, and what the stores behind them promise. Every method is one unit of work."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from domain.persona import Language

Role = Literal["guest", "user", "member", "admin"]
ROLES: tuple[Role, ...] = ("guest", "user", "member", "admin")


class User(msgspec.Struct, frozen=True, kw_only=True):
    """An account. `id` owns chats as a guest's id does. No secret is in here."""

    id: str
    username: str  # as it is shown; unique when folded (domain/usernames.py)
    email: str  # as it was given; unique when folded
    phone: str | None = None  # E.164
    role: Role = "user"
    language: Language = "en"
    created_at: datetime
    password_at: datetime  # when the password was last set: what was signed in with an older one has ended
    suspended_at: datetime | None = None
    deleted_at: datetime | None = None  # asked to be erased then; seven days later it is


class Credentials(msgspec.Struct, frozen=True):
    """What signing in is checked against; never leaves the domain."""

    user: User
    password_hash: str


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody wants an account and has not shown yet that the address is theirs."""

    token_hash: str  # SHA-256 of the mailed token
    username: str
    email: str
    phone: str | None
    password_hash: str
    language: Language
    guest: str  # whose chats the account takes over
    expires_at: datetime


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One browser (or API client) that is signed in."""

    id: str
    user_id: str
    device: str  # "Chromium on Linux"
    address: str  # shortened: IPv4 /24, IPv6 /48
    created_at: datetime
    seen_at: datetime
    proved_at: datetime  # when it last gave a password or passkey; sensitive changes want this to be recent
    expires_at: datetime
    refresh: str  # jti of the refresh token that is good now
    before: str  # jti of its parent, good for a short grace after `rotated_at`
    rotated_at: datetime
    revoked_at: datetime | None = None


class Passkey(msgspec.Struct, frozen=True, kw_only=True):
    id: str  # credential id, base64url
    user_id: str
    public_key: bytes
    sign_count: int
    name: str
    created_at: datetime
    used_at: datetime | None = None


MailKind = Literal[
    "confirm", "exists", "recover", "changed", "new_sign_in", "email_change", "email_changed", "deleted",
    "passkey_added", "passkey_removed", "codes_made", "code_used", "phone_changed", "question_set", "exported",
    "receipt", "refunded", "not_granted", "renewal_failed", "membership_cancelled", "membership_ended",
]  # fmt: skip


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """A message to one address, in the reader's language; text only, no tracking."""

    id: str
    to: str
    kind: MailKind
    subject: str
    body: str
    at: datetime


class Accounts(Protocol):
    """Raise Conflict ("username_taken", "email_taken", "phone_taken") and NotFound("account_gone")."""

    def pend(self, pending: Pending) -> None:
        """Keep a registration until it is confirmed. Others of the same address stay: nobody voids another's link, and
        the first that is confirmed gets the address.
        """

    def pending(self, token_hash: str, now: datetime) -> Pending | None: ...

    def confirm(self, token_hash: str, user: User, now: datetime) -> User:
        """Make the account, use up the token, and give it the guest's chats, all or nothing."""

    def get(self, user_id: str) -> User: ...

    def by_login(self, login: str) -> Credentials | None:
        """Find by username, e-mail or phone, folded."""

    def credentials(self, user_id: str) -> Credentials: ...

    def set_password(self, user_id: str, password_hash: str, now: datetime) -> User:
        """Also ends every session but none is spared here: the caller opens a new one."""

    def rehash(self, user_id: str, old_hash: str, new_hash: str) -> None:
        """Replace a hash by one of the same password with newer parameters, if it is still the old one."""

    def set_email(self, user_id: str, email: str) -> User: ...

    def set_phone(self, user_id: str, phone: str | None) -> User: ...

    def set_role(self, user_id: str, role: Role) -> User: ...

    def suspend(self, user_id: str, at: datetime | None) -> User:
        """Suspending ends every session."""

    def delete(self, user_id: str, at: datetime | None) -> User:
        """Mark for erasure, which ends every session, or take the mark away."""

    def leaving(self, deleted_before: datetime) -> list[str]:
        """Return the ids of accounts that were marked for erasure before then."""

    def purge(self, deleted_before: datetime) -> list[str]:
        """Erase accounts marked before then with all they hold (chats, sessions, passkeys, codes); return their ids."""

    def search(self, text: str, limit: int = 50, after: str = "") -> list[User]: ...


class Sessions(Protocol):
    def open(self, session: Session) -> None: ...

    def get(self, session_id: str) -> Session | None: ...

    def of(self, user_id: str, now: datetime) -> list[Session]:
        """Those that are neither revoked nor expired, the last seen first."""

    def rotate(self, session_id: str, used: str, successor: str, now: datetime, grace_s: float) -> Session | None:
        """Exchange the refresh token `used` for `successor`, atomically.

        If `used` is the current one: rotate. If it is the parent within the grace: return the session unchanged (the
        caller hands out the current successor's twin). Anything else is reuse: revoke the session, return None.
        """

    def touch(self, session_id: str, now: datetime) -> None: ...

    def prove(self, session_id: str, now: datetime) -> None: ...

    def revoke(self, session_id: str, now: datetime) -> None: ...

    def revoke_all(self, user_id: str, now: datetime, but: str = "") -> int: ...


class Tokens(Protocol):
    """Single-use secrets by their hash: recovery and e-mail change links."""

    def put(self, token_hash: str, kind: str, user_id: str, data: str, expires_at: datetime) -> None: ...

    def peek(self, token_hash: str, kind: str, now: datetime) -> tuple[str, str] | None:
        """Return (user id, data) without using it up."""

    def take(self, token_hash: str, kind: str, now: datetime) -> tuple[str, str] | None:
        """Return (user id, data) once; None when it is unknown, used or expired."""


class Keys(Protocol):
    """Recovery codes, passkeys and the optional question of an account."""

    def set_codes(self, user_id: str, hashes: Sequence[str]) -> None: ...

    def use_code(self, user_id: str, code_hash: str, now: datetime) -> bool: ...

    def codes_left(self, user_id: str) -> int: ...

    def add_passkey(self, passkey: Passkey) -> None: ...

    def passkeys(self, user_id: str) -> list[Passkey]: ...

    def passkey(self, credential_id: str) -> Passkey | None: ...

    def used_passkey(self, credential_id: str, sign_count: int, now: datetime) -> None: ...

    def remove_passkey(self, user_id: str, credential_id: str) -> None: ...

    def set_question(self, user_id: str, question: str, answer_hash: str) -> None: ...

    def question(self, user_id: str) -> tuple[str, str] | None: ...


Wanted = tuple[str, int, int]  # a counter's key, its most, its window in seconds


class Limits(Protocol):
    """Counters shared by all workers."""

    def hit(self, key: str, most: int, window_s: int, now: datetime) -> float:
        """Count one; return 0.0 when it is within `most` per window, else the seconds until the next is."""

    def hit_all(self, wanted: Sequence[Wanted], now: datetime) -> list[float]:
        """Count one for each of these counters, or for none if any is full; return each one's wait as `hit` does.

        One unit of work. Callers name counters that others share in the same order, so that none waits in a circle.
        """

    def left(self, key: str, most: int, window_s: int, now: datetime) -> int: ...

    def forget(self, key: str) -> None: ...


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the audit log. `detail` holds no secrets and nobody's words."""

    at: datetime
    action: str  # domain/audit.py lists them
    actor: str  # a user id, "guest:<pseudonym>", "system"
    target: str = ""
    address: str = ""
    detail: dict[str, str | int] = {}


class AuditRow(msgspec.Struct, frozen=True):
    seq: int
    event: AuditEvent
    mac: str


class Audit(Protocol):
    """Insert-only, chained: each row's MAC covers the row and the MAC before it, with a key outside the database."""

    def add(self, events: Sequence[AuditEvent]) -> None: ...

    def find(
        self, action: str = "", about: str = "", since: datetime | None = None, before: int = 0, limit: int = 100
    ) -> list[AuditRow]:
        """Newest first. `about` is an id: what it did, and what was done to it.

        `before` is the seq of the last row of the page before, 0 for the first page.
        """

    def verify(self) -> int | None:
        """Return the seq of the first row that is broken or missing, None when the chain is whole."""


class Mailer(Protocol):
    def send(self, mail: Mail) -> None:
        """Keep it for delivery and return; never waits for a mail server."""
