"""Everything that is kept about a person, for the person: one JSON file each, to be put into a ZIP with the sound."""

from typing import Any

import msgspec

from domain.desk import Desk
from domain.people import Session
from domain.places import Place
from domain.ports import Chats

MAX_CHATS = 100_000
MAX_EVENTS = 10_000


class Exporting(Desk):
    async def export(self, session: Session, chats: Chats, place: Place) -> dict[str, bytes]:
        """Return files by their names in the ZIP. No secret is among them, not even as a hash.

        Raises NotAllowed("prove_first"), TooMany("slow_down").
        """
        self._proven(session)
        await self._gate.check("export", session.user_id)
        files = await self._do(self._collect, session.user_id, chats)
        await self._note("exported", session.user_id, session.user_id, place, files=len(files))
        return files

    def _collect(self, user_id: str, chats: Chats) -> dict[str, bytes]:
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
        hidden = {"refresh", "before"}
        sessions = [
            {name: value for name, value in msgspec.structs.asdict(session).items() if name not in hidden}
            for session in self._sessions.of(user_id, now)
        ]
        files = {
            "account.json": _json(account),
            "sessions.json": _json(sessions),
            "events.json": _json([row.event for row in self._audit.find(actor=user_id, limit=MAX_EVENTS)]),
        }
        for chat in chats.recent(user_id, MAX_CHATS):  # at once: pages would lose chats of one moment
            told = {"chat": chat, "messages": chats.messages(user_id, chat.id)}
            files[f"chats/{chat.id}.json"] = _json(told)
        return files


def _json(told: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(told), indent=2)
