"""What the JSON API of accounts is sent, and what it says: times are UTC, as ISO 8601."""

from datetime import datetime

import msgspec

from domain.jwt_tokens import ACCESS
from domain.people import Role, Session, User
from domain.persona import Language
from domain.sign_ins import Fresh


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A name that we do not know is refused: it would be ignored, and somebody would think that it works."""


class Register(Strict, frozen=True):
    username: str
    email: str
    password: str
    phone: str = ""
    language: Language = "en"


class Confirm(Strict, frozen=True):
    token: str
    password: str
    username: str = ""
    phone: str | None = None


class SignIn(Strict, frozen=True):
    login: str
    password: str


class Refresh(Strict, frozen=True):
    refresh: str


class Prove(Strict, frozen=True):
    password: str


class Password(Strict, frozen=True):
    current: str
    password: str


class Email(Strict, frozen=True):
    email: str


class Token(Strict, frozen=True):
    token: str


class Phone(Strict, frozen=True):
    phone: str


class Finish(Strict, frozen=True):
    token: str
    password: str
    answer: str = ""


class Code(Strict, frozen=True):
    login: str
    code: str
    password: str


class Me(msgspec.Struct, frozen=True):
    id: str
    username: str
    email: str
    phone: str | None
    role: Role
    language: Language
    created_at: datetime


class OneSession(msgspec.Struct, frozen=True):
    id: str
    device: str
    address: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    current: bool


class AllSessions(msgspec.Struct, frozen=True):
    sessions: list[OneSession]


class Ended(msgspec.Struct, frozen=True):
    ended: int  # how many sessions


class Codes(msgspec.Struct, frozen=True):
    codes: list[str]


class Pair(msgspec.Struct, frozen=True):
    """Both tokens: `access` goes into `Authorization: Bearer`, `refresh` is exchanged for the next pair, once."""

    access: str
    refresh: str
    expires_in: int  # seconds for which `access` is good
    user: Me
    restored: bool = False  # the account was to be deleted, and by signing in no longer is


def me_of(user: User) -> Me:
    return Me(user.id, user.username, user.email, user.phone, user.role, user.language, user.created_at)


def session_of(session: Session, current: str) -> OneSession:
    return OneSession(
        session.id, session.device, session.address, session.created_at, session.seen_at, session.expires_at,
        session.id == current,
    )  # fmt: skip


def pair_of(fresh: Fresh, restored: bool = False) -> Pair:
    return Pair(fresh.access, fresh.refresh, int(ACCESS.total_seconds()), me_of(fresh.signed.user), restored)
