"""The stores of people in memory, for tests of everything above them. tests/db holds them to the contract of SQL."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec

from domain.errors import BadInput, Conflict, NotFound
from domain.people import (
    AuditEvent,
    AuditRow,
    Credentials,
    Mail,
    Passkey,
    Pending,
    Role,
    Session,
    User,
    Wanted,
)
from domain.usernames import fold, kind_of
from tests.fakes_stores import MemoryChats

Given = ParamSpec("Given")
Result = TypeVar("Result")
Change = msgspec.structs.replace


class Town:
    """What the stores hold together: an account goes with all that is its own."""

    def __init__(self, chats: MemoryChats | None = None) -> None:
        self.lock = threading.RLock()
        self.chats = chats or MemoryChats()
        self.users: dict[str, Credentials] = {}
        self.pendings: dict[str, Pending] = {}
        self.sessions: dict[str, Session] = {}
        self.tokens: dict[str, tuple[str, str, str, datetime, bool]] = {}  # kind, user, data, until, used
        self.codes: dict[str, dict[str, bool]] = {}
        self.passkeys: dict[str, Passkey] = {}
        self.questions: dict[str, tuple[str, str]] = {}


class _Store:
    def __init__(self, town: Town | None = None) -> None:
        self.town = town or Town()


def one_at_a_time(
    method: Callable[Concatenate[Any, Given], Result],
) -> Callable[Concatenate[Any, Given], Result]:
    @wraps(method)
    def locked(self: Any, /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        with self.town.lock:
            return method(self, *args, **kwargs)

    return locked


class MemoryAccounts(_Store):
    @one_at_a_time
    def pend(self, pending: Pending) -> None:
        _names(pending.token_hash)
        _texts(pending.email, pending.username)
        self.town.pendings[pending.token_hash] = pending

    @one_at_a_time
    def pending(self, token_hash: str, now: datetime) -> Pending | None:
        found = self.town.pendings.get(token_hash)
        return found if found is not None and found.expires_at > now else None

    @one_at_a_time
    def confirm(self, token_hash: str, user: User, now: datetime) -> User:
        _names(user.id)
        _texts(user.username, user.email, user.phone or "")
        pending = self.pending(token_hash, now)
        if pending is None:
            raise NotFound("link_gone")
        self._refuse_taken(user)
        del self.town.pendings[token_hash]
        self.town.users[user.id] = Credentials(user, pending.password_hash)
        if pending.guest not in self.town.users:
            for book in self.town.chats._books.values():
                if book.chat.guest == pending.guest:
                    book.chat = Change(book.chat, guest=user.id)
        return user

    def _refuse_taken(self, user: User) -> None:
        others = [c.user for c in self.town.users.values() if c.user.id != user.id]
        if any(fold(other.email) == fold(user.email) for other in others):
            raise Conflict("email_taken", field="email")
        if any(fold(other.username) == fold(user.username) for other in others):
            raise Conflict("username_taken", field="username")
        if user.phone is not None and any(other.phone == user.phone for other in others):
            raise Conflict("phone_taken", field="phone")

    @one_at_a_time
    def get(self, user_id: str) -> User:
        found: Credentials = self.credentials(user_id)
        return found.user

    @one_at_a_time
    def by_login(self, login: str) -> Credentials | None:
        kind, value = kind_of(login)
        for known in self.town.users.values():
            user = known.user
            mine = {"username": fold(user.username), "email": fold(user.email), "phone": user.phone}
            if kind and mine[kind] == value:
                return known
        return None

    @one_at_a_time
    def credentials(self, user_id: str) -> Credentials:
        if user_id not in self.town.users:
            raise NotFound("account_gone")
        return self.town.users[user_id]

    @one_at_a_time
    def set_password(self, user_id: str, password_hash: str, now: datetime) -> User:
        user = self._change(user_id, password_at=now)
        self.town.users[user_id] = Credentials(user, password_hash)
        _end(self.town, user_id, now)
        self._end_links(user_id, "hold")
        return user

    @one_at_a_time
    def rehash(self, user_id: str, old_hash: str, new_hash: str) -> None:
        known = self.credentials(user_id)
        if known.password_hash == old_hash:
            self.town.users[user_id] = Credentials(known.user, new_hash)

    @one_at_a_time
    def set_email(self, user_id: str, email: str) -> User:
        _texts(email)
        user = self._change(user_id, email=email)
        self._end_links(user_id, "hold", "browser")
        return user

    def _end_links(self, user_id: str, *kept: str) -> None:
        for token, (kind, owner, *_) in list(self.town.tokens.items()):
            if owner == user_id and kind not in kept:
                del self.town.tokens[token]

    @one_at_a_time
    def set_phone(self, user_id: str, phone: str | None) -> User:
        _texts(phone or "")
        return self._change(user_id, phone=phone)

    @one_at_a_time
    def set_role(self, user_id: str, role: Role) -> User:
        return self._change(user_id, role=role)

    @one_at_a_time
    def suspend(self, user_id: str, at: datetime | None) -> User:
        user = self._change(user_id, suspended_at=at)
        if at is not None:
            _end(self.town, user_id, at)
        return user

    @one_at_a_time
    def delete(self, user_id: str, at: datetime | None) -> User:
        user = self._change(user_id, deleted_at=at)
        if at is not None:
            _end(self.town, user_id, at)
        return user

    def _change(self, user_id: str, **fields: Any) -> User:
        known = self.credentials(user_id)
        user: User = Change(known.user, **fields)
        self._refuse_taken(user)
        self.town.users[user_id] = Credentials(user, known.password_hash)
        return user

    def leaving(self, deleted_before: datetime) -> list[str]:
        put_away = {key: known.user.deleted_at for key, known in self.town.users.items()}
        return sorted(key for key, at in put_away.items() if at is not None and at < deleted_before)

    @one_at_a_time
    def purge(self, deleted_before: datetime) -> list[str]:
        town = self.town
        gone = self.leaving(deleted_before)
        for user_id in gone:
            user = town.users.pop(user_id).user
            town.codes.pop(user_id, None)
            town.questions.pop(user_id, None)
            town.sessions = {k: s for k, s in town.sessions.items() if s.user_id != user_id}
            town.tokens = {k: t for k, t in town.tokens.items() if t[1] != user_id}
            town.passkeys = {k: p for k, p in town.passkeys.items() if p.user_id != user_id}
            address = fold(user.email)
            town.pendings = {k: p for k, p in town.pendings.items() if fold(p.email) != address}
            for chat_id in [k for k, book in town.chats._books.items() if book.chat.guest == user_id]:
                del town.chats._books[chat_id]
        return gone

    @one_at_a_time
    def search(self, text: str, limit: int = 50, after: str = "") -> list[User]:
        text = text.strip()
        part = fold(text)
        found = [
            user
            for user in (known.user for known in self.town.users.values())
            if part in fold(user.username) or part in fold(user.email) or text in (user.phone, user.id)
        ]
        found.sort(key=lambda user: (user.created_at, user.id), reverse=True)
        if after:
            last = self.town.users.get(after)
            if last is None:
                return []
            place = (last.user.created_at, after)
            found = [user for user in found if (user.created_at, user.id) < place]
        return found[:limit]


class MemorySessions(_Store):
    @one_at_a_time
    def open(self, session: Session) -> None:
        _names(session.id, session.user_id, session.refresh)
        _texts(session.device, session.address)
        if len(session.device) > 120 or len(session.address) > 64:
            raise BadInput("form_bad", field="device")
        if session.user_id not in self.town.users:
            raise NotFound("account_gone")
        for key, other in list(self.town.sessions.items()):
            if other.user_id == session.user_id and other.expires_at < session.created_at:
                del self.town.sessions[key]
        self.town.sessions[session.id] = session

    @one_at_a_time
    def get(self, session_id: str) -> Session | None:
        return self.town.sessions.get(session_id)

    @one_at_a_time
    def of(self, user_id: str, now: datetime) -> list[Session]:
        mine = [s for s in self.town.sessions.values() if s.user_id == user_id]
        alive = [s for s in mine if s.revoked_at is None and s.expires_at > now]
        return sorted(alive, key=lambda session: session.seen_at, reverse=True)

    @one_at_a_time
    def rotate(self, session_id: str, used: str, successor: str, now: datetime, grace_s: float) -> Session | None:
        session = self.town.sessions.get(session_id)
        if session is None or session.revoked_at is not None or session.expires_at <= now:
            return None
        if used == session.refresh:
            return self._change(session_id, refresh=successor, before=used, rotated_at=now, seen_at=now)
        if used and used == session.before and now - session.rotated_at <= timedelta(seconds=grace_s):
            return session
        self._change(session_id, revoked_at=now)
        return None

    @one_at_a_time
    def touch(self, session_id: str, now: datetime) -> None:
        session = self.town.sessions.get(session_id)
        if session is not None and session.seen_at < now:
            self._change(session_id, seen_at=now)

    @one_at_a_time
    def prove(self, session_id: str, now: datetime) -> None:
        if session_id in self.town.sessions:
            self._change(session_id, proved_at=now)

    @one_at_a_time
    def revoke(self, session_id: str, now: datetime) -> None:
        session = self.town.sessions.get(session_id)
        if session is not None and session.revoked_at is None:
            self._change(session_id, revoked_at=now)

    @one_at_a_time
    def revoke_all(self, user_id: str, now: datetime, but: str = "") -> int:
        return _end(self.town, user_id, now, but)

    def _change(self, session_id: str, **fields: Any) -> Session:
        changed: Session = Change(self.town.sessions[session_id], **fields)
        self.town.sessions[session_id] = changed
        return changed


def _end(town: Town, user_id: str, now: datetime, but: str = "") -> int:
    mine = [s for s in town.sessions.values() if s.user_id == user_id and s.id != but and s.revoked_at is None]
    for session in mine:
        town.sessions[session.id] = Change(session, revoked_at=now)
    return len(mine)


class MemoryTokens(_Store):
    @one_at_a_time
    def put(self, token_hash: str, kind: str, user_id: str, data: str, expires_at: datetime) -> None:
        _names(token_hash, kind, user_id)
        _texts(data)
        if user_id not in self.town.users:
            raise NotFound("account_gone")
        for token, (_, owner, _, until, _) in list(self.town.tokens.items()):
            if owner == user_id and until < expires_at - timedelta(days=200):
                del self.town.tokens[token]
        self.town.tokens[token_hash] = (kind, user_id, data, expires_at, False)

    @one_at_a_time
    def peek(self, token_hash: str, kind: str, now: datetime) -> tuple[str, str] | None:
        found = self.town.tokens.get(token_hash)
        if found is None or found[0] != kind or found[3] <= now or found[4]:
            return None
        return found[1], found[2]

    @one_at_a_time
    def take(self, token_hash: str, kind: str, now: datetime) -> tuple[str, str] | None:
        found: tuple[str, str] | None = self.peek(token_hash, kind, now)
        if found is not None:
            self.town.tokens[token_hash] = (*self.town.tokens[token_hash][:4], True)
        return found


class MemoryKeys(_Store):
    @one_at_a_time
    def set_codes(self, user_id: str, hashes: Sequence[str]) -> None:
        _names(*hashes)
        self._user(user_id)
        self.town.codes[user_id] = dict.fromkeys(hashes, False)

    @one_at_a_time
    def use_code(self, user_id: str, code_hash: str, now: datetime) -> bool:
        mine = self.town.codes.get(user_id, {})
        if mine.get(code_hash, True):
            return False
        mine[code_hash] = True
        return True

    @one_at_a_time
    def codes_left(self, user_id: str) -> int:
        return sum(not used for used in self.town.codes.get(user_id, {}).values())

    @one_at_a_time
    def add_passkey(self, passkey: Passkey) -> None:
        _texts(passkey.name)
        if not _is_id(passkey.id) or len(passkey.public_key) > 2_048 or len(passkey.name) > 64:
            raise BadInput("form_bad", field="passkey")
        self._user(passkey.user_id)
        if passkey.id in self.town.passkeys:
            raise Conflict("passkey_taken")
        self.town.passkeys[passkey.id] = passkey

    @one_at_a_time
    def passkeys(self, user_id: str) -> list[Passkey]:
        mine = [passkey for passkey in self.town.passkeys.values() if passkey.user_id == user_id]
        return sorted(mine, key=lambda passkey: passkey.created_at)

    @one_at_a_time
    def passkey(self, credential_id: str) -> Passkey | None:
        return self.town.passkeys.get(credential_id)

    @one_at_a_time
    def used_passkey(self, credential_id: str, sign_count: int, now: datetime) -> None:
        known = self.town.passkeys.get(credential_id)
        if known is not None:
            self.town.passkeys[credential_id] = Change(known, sign_count=sign_count, used_at=now)

    @one_at_a_time
    def remove_passkey(self, user_id: str, credential_id: str) -> None:
        known = self.town.passkeys.get(credential_id)
        if known is None or known.user_id != user_id:
            raise NotFound("passkey_gone")
        del self.town.passkeys[credential_id]

    @one_at_a_time
    def set_question(self, user_id: str, question: str, answer_hash: str) -> None:
        _texts(question, answer_hash)
        if len(question) > 200 or len(answer_hash) > 255:
            raise BadInput("form_bad", field="question")
        self._user(user_id)
        self.town.questions.pop(user_id, None)
        if question:
            self.town.questions[user_id] = (question, answer_hash)

    @one_at_a_time
    def question(self, user_id: str) -> tuple[str, str] | None:
        return self.town.questions.get(user_id)

    def _user(self, user_id: str) -> None:
        if user_id not in self.town.users:
            raise NotFound("account_gone")


class CountingLimits:
    """Fixed windows, for tests of what stands above; the real ones have a contract of their own."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.counts: dict[str, tuple[int, datetime]] = {}

    def hit(self, key: str, most: int, window_s: int, now: datetime) -> float:
        with self.lock:
            count, until = self.counts.get(key, (0, now))
            if until <= now:
                count, until = 0, now + timedelta(seconds=window_s)
            self.counts[key] = (count + 1, until)
            return 0.0 if count < most else max((until - now).total_seconds(), 1.0)

    def hit_all(self, wanted: Sequence[Wanted], now: datetime) -> list[float]:
        return [self.hit(*each, now) for each in wanted]

    def left(self, key: str, most: int, window_s: int, now: datetime) -> int:
        count, until = self.counts.get(key, (0, now))
        return max(0, most - count) if until > now else most

    def forget(self, key: str) -> None:
        self.counts.pop(key, None)


class Diary:
    """An audit log without a chain: what was told, in order."""

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []

    def add(self, events: Sequence[AuditEvent]) -> None:
        self.events += events

    def find(
        self, action: str = "", about: str = "", since: datetime | None = None, before: int = 0, limit: int = 100
    ) -> list[AuditRow]:
        rows = [AuditRow(seq, event, "") for seq, event in enumerate(self.events, 1)]
        return [
            row
            for row in reversed(rows)
            if (not action or row.event.action == action)
            and (not about or about in (row.event.actor, row.event.target))
            and (since is None or row.event.at >= since)
            and (not before or row.seq < before)
        ][:limit]

    def verify(self) -> int | None:
        return None


class Letterbox:
    def __init__(self) -> None:
        self.mails: list[Mail] = []

    def send(self, mail: Mail) -> None:
        self.mails.append(mail)


def _names(*names: str) -> None:
    if not all(0 < len(n) <= 64 and n.isascii() and n.isprintable() and " " not in n for n in names):
        raise BadInput("text_unreadable")


def _texts(*texts: str) -> None:
    for text in texts:
        if "\0" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
            raise BadInput("text_unreadable")


def _is_id(credential_id: str) -> bool:
    return 0 < len(credential_id) <= 512 and credential_id.isascii() and "\0" not in credential_id
