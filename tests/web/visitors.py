"""Everybody who may ask for a page: with what their browser sends, and with something that is theirs."""

import hashlib
import secrets
from datetime import datetime, timedelta

import msgspec

from db.files import SqlFiles
from db.sessions import SqlSessions
from domain.filing.model import Attachment, Stored
from domain.filing.naming import key_of, new_file_id
from domain.filing.ports import Room
from domain.knowledge.model import Page, Shelf, Source, Version
from domain.membership.model import Order
from domain.membership.shop import new_id
from domain.people import Pending, Role, Session, User
from tests.web.house import House
from tests.web.matrix import Visitor
from tests.web.objects import chat_of, guest_cookie
from tests.web.real import Real

LIFE = timedelta(days=30)


class Asking(msgspec.Struct, frozen=True):
    """One visitor: what identifies them, and the ids of what they ask for."""

    cookies: dict[str, str]
    headers: dict[str, str]
    ids: dict[str, str]


def account(real: Real | House, role: Role = "user") -> User:
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


def session_of(real: Real | House, user: User, expires_at: datetime | None = None) -> Session:
    now = real.services.clock.now()
    session = Session(
        id=secrets.token_urlsafe(18), user_id=user.id, device="Chromium on Linux", address="192.0.2.0/24",
        created_at=now, seen_at=now, proved_at=now, expires_at=expires_at or now + LIFE,
        refresh=secrets.token_urlsafe(18), before="", rotated_at=now,
    )  # fmt: skip
    SqlSessions(real.database).open(session)
    return session


def signed(real: Real | House, user: User, session: Session, ids: dict[str, str]) -> Asking:
    """A browser, and a program, that are signed in; https or not is the test's business."""
    fresh = real.services.sign_ins.fresh(session, user)
    cookies = {"at": fresh.access, "rt": fresh.refresh}
    headers = {"authorization": f"Bearer {fresh.access}", "x-csrf-token": real.services.sign_ins.csrf(session)}
    return Asking(cookies, headers, ids)


def owned(real: Real | House, owner: str, user: User | None = None) -> dict[str, str]:
    """A chat, and for those with an account another session and their own id."""
    somebody = user or account(real)
    chat = chat_of(real.services.chats, owner)
    return {
        **chat,
        "attachment_id": thrown_into(real, owner, chat["chat_id"]),
        **known_to(real, owner),
        "file_id": filed(real, owner),
        "order_id": ordered(real, owner),
        "session_id": session_of(real, somebody).id,
        "user_id": account(real).id,
        "token": secrets.token_urlsafe(24),
    }


def thrown_into(real: Real | House, owner: str, chat_id: str) -> str:
    """Put a text under the composer of somebody's chat."""
    now, name = real.services.clock.now(), secrets.token_urlsafe(12)
    real.services.attaching.store.add(
        Attachment(
            id=name, owner=owner, chat_id=chat_id, kind="text", name="rates.txt", state="ready", share=1.0,
            text="A room costs ten.", created_at=now, moved_at=now,
        ),
        most=9,
    )  # fmt: skip
    return name


def filed(real: Real | House, owner: str, body: bytes = b"A room costs ten.") -> str:
    """Put a file among somebody's own."""
    now, files = real.services.clock.now(), SqlFiles(real.database)
    stored = Stored(
        id=new_file_id(), owner=owner, area="permanent", name="rates.txt", media_type="text/plain", size=len(body),
        sha256=hashlib.sha256(body).hexdigest(), created_at=now,
    )  # fmt: skip
    files.reserve(stored, Room(files=99, bytes=10**9), now)
    files.keep([stored], now)
    path = real.config.data_dir / "files" / key_of(stored.id)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return stored.id


def ordered(real: Real | House, owner: str) -> str:
    """An order that its owner gave up: no provider has to be asked how it stands."""
    now = real.services.clock.now()
    order = Order(
        id=new_id(), user_id=owner, kind="buy", plan_id="basic", period="month", amount=499, currency="USD",
        list_amount=499, provider="sandbox", live=False, account="sandbox", state="cancelled", created_at=now,
        expires_at=now,
    )  # fmt: skip
    return real.services.selling.orders.create(order, None).id


def known_to(real: Real | House, owner: str) -> dict[str, str]:
    """Put a source with one page onto somebody's own shelf."""
    now, shelf, name = real.services.clock.now(), Shelf(owner, ""), secrets.token_urlsafe(12)
    url = f"https://{name.lower().replace('_', '-')}.example/"
    source = real.sources.add(
        Source(id=name, shelf=shelf, kind="page", url=url, title="Rates", created_at=now, next_at=now)
    )
    page = Page(id=name, source_id=source.id, shelf=shelf, url=url, checked_at=now, status=200)
    version = Version(
        rev=1, title="Rates", site="site.example", language="en", published=None, text="A room costs ten.",
        checksum="0" * 64, simhash=7, fetched_at=now,
    )  # fmt: skip
    real.pages.write(page, version, [])
    return {"source_id": source.id, "page_id": page.id}


def visitor(real: Real | House, who: Visitor) -> Asking:
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
