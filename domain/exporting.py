"""Everything that is kept about a person, for the person: JSON files and the sounds they name, to be put into a ZIP.

One file after the other, each made when it is asked for: an account of many chats takes no more memory than its
longest one.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import msgspec

from domain.audio import Audio
from domain.chat import Chat
from domain.desk import Desk
from domain.errors import NotFound
from domain.people import AuditEvent, Session
from domain.places import Place
from domain.ports import Chats

MAX_CHATS = 100_000
MAX_EVENTS = 10_000


class KeptSounds(Protocol):
    """The part of domain.sounds.Sounds that is needed here."""

    def greeting_of(self, chat: Chat) -> str: ...

    def on_the_shelf(self, chat: Chat, text: str) -> tuple[str, Audio] | None:
        """Return what is kept of a line of the character, with a name that equal sounds share. Makes nothing."""


class Exporting(Desk):
    async def export(
        self, session: Session, chats: Chats, sounds: KeptSounds, place: Place
    ) -> Iterator[tuple[str, bytes]]:
        """Return the files, names in the ZIP and bytes, for a thread to go through: each waits for the store.

        No secret is among them, not even as a hash. Raises NotAllowed("prove_first"), TooMany("slow_down").
        """
        self._proven(session)
        await self._gate.check("export", session.user_id)
        # Their heads at once: pages would lose chats of one moment.
        mine = await self._do(chats.recent, session.user_id, MAX_CHATS)
        about = await self._do(self._about, session.user_id)
        await self._note("exported", session.user_id, session.user_id, place, chats=len(mine))
        await self._mail("exported", await self._do(self._accounts.get, session.user_id), "/account/sessions", place)
        return _files(about, mine, chats, sounds)

    def _about(self, user_id: str) -> dict[str, bytes]:
        now = self._now()
        question = self._keys.question(user_id)
        account = msgspec.to_builtins(self._accounts.get(user_id)) | {
            "recovery_codes_left": self._keys.codes_left(user_id),
            "question": question[0] if question else None,
            "passkeys": [
                {"name": key.name, "created_at": key.created_at, "used_at": key.used_at}
                for key in self._keys.passkeys(user_id)
            ],
        }
        events = self._audit.find(about=user_id, limit=MAX_EVENTS)
        hidden = {"refresh", "before"}
        sessions = [
            {name: value for name, value in msgspec.structs.asdict(session).items() if name not in hidden}
            for session in self._sessions.of(user_id, now)
        ]
        return {
            "account.json": _json(account),
            "sessions.json": _json(sessions),
            "events.json": _json([_seen(each.event, user_id) for each in events]),
        }


def _seen(event: AuditEvent, user_id: str) -> AuditEvent:
    """Return what happened as its owner may see it: which admin it was, and where they sat, is not theirs to know."""
    if event.actor in (user_id, "system") or event.actor.startswith("guest:"):
        return event
    return msgspec.structs.replace(event, actor="admin", address="")


def _files(
    about: dict[str, bytes], mine: list[Chat], chats: Chats, sounds: KeptSounds
) -> Iterator[tuple[str, bytes]]:
    yield from about.items()
    written: set[str] = set()
    for chat in mine:
        try:
            messages = chats.messages(chat.guest, chat.id)
        except NotFound:
            continue  # deleted while the others were written
        heard = {"greeting": sounds.greeting_of(chat)} | {m.id: m.text for m in messages if m.role == "assistant"}
        named: dict[str, str] = {}
        for line, text in heard.items():
            kept = sounds.on_the_shelf(chat, text) if text else None
            if kept is not None:
                named[line] = f"audio/{kept[0]}.wav"
                if kept[0] not in written:
                    written.add(kept[0])
                    yield named[line], kept[1].wav()
        yield f"chats/{chat.id}.json", _json({"chat": chat, "messages": messages, "audio": named})


def _json(told: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(told), indent=2)
