"""What addresses name: a chat with a turn in it, whose parts fill the braces of a route's path."""

import hashlib
import secrets
from datetime import UTC, datetime

from itsdangerous import Signer

from domain.chat import Cue, Reply
from domain.ports import Chats
from tests.web.house import SECRET

FIXED = {"slug": "socrates", "utterance": "utter-ance-1", "version": "0", "file": "app.css",
         "session_id": "s" * 24, "source_id": "nobodys", "file_id": "nobodys", "page_id": "nobodys",
         "attachment_id": "nobodys", "order_id": "nobodys", "provider": "sandbox"}  # fmt: skip


def guest_cookie(guest: str) -> str:
    """Return what web/session.py gives a guest's browser."""
    signer = Signer(SECRET, salt="guest", key_derivation="hmac", digest_method=hashlib.sha256)
    return signer.sign(guest.encode()).decode()


def chat_of(chats: Chats, owner: str) -> dict[str, str]:
    """Open a chat in which one thing was said and answered aloud; return the ids of all that."""
    now = datetime.now(UTC)
    chat = chats.create(owner, "socrates", "en", "", now)
    turn = secrets.token_urlsafe(12)
    chats.heard(owner, chat.id, turn, secrets.token_urlsafe(12), "Who are you?", now)
    said = chats.said(owner, chat.id, turn, Reply("A friend.", cues=(Cue("A friend.", 0, 900),)), now)
    return {**FIXED, "chat_id": chat.id, "turn_id": turn, "message_id": said.id}


def filled(path: str, ids: dict[str, str]) -> str:
    for name, value in ids.items():
        path = path.replace("{" + name + "}", value)
    assert "{" not in path, f"say in tests/web/objects.py what {path} is asked with"
    return path
