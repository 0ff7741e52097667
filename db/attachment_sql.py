"""The statements of db/attachments.py. Whose an attachment is, the chat knows: every one joins it.

Texts are long, so lists are of heads: HEAD has all columns but that one.
"""

from sqlalchemy import and_, bindparam, delete, func, insert, select, update

from db.tables.attachments import attachments
from db.tables.core import chats

_HEAD = [
    attachments.c[name]
    for name in (
        "id", "chat_id", "turn_id", "kind", "name", "url", "file_id", "image_id", "media_type", "size", "state",
        "error", "share", "cut", "pages", "ms", "width", "height", "created_at", "moved_at",
    )
]  # fmt: skip
_WITH_CHAT = attachments.join(chats, attachments.c.chat_id == chats.c.id)
_MINE = and_(chats.c.id == bindparam("chat"), chats.c.guest == bindparam("owner"), chats.c.deleted_at.is_(None))
_THESE = attachments.c.id.in_(bindparam("ids", expanding=True))
_WAITS, _READY = attachments.c.turn_id == "", attachments.c.state == "ready"
_OLDEST_FIRST = (attachments.c.created_at, attachments.c.id)

HEADS = select(chats.c.guest.label("owner"), *_HEAD).select_from(_WITH_CHAT)
WHOLE = select(chats.c.guest.label("owner"), *_HEAD, attachments.c.text).select_from(_WITH_CHAT)

# Whoever adds counts first, so those take turns at the chat's own row, as everybody who writes in a chat does.
TAKE_CHAT = select(chats.c.id).where(_MINE).with_for_update()
COUNT_WAITING = select(func.count()).where(attachments.c.chat_id == bindparam("chat"), _WAITS)
ADD = insert(attachments)
GET = WHOLE.where(_MINE, attachments.c.id == bindparam("attachment"))
# A row of ours is found and held by its own key; whose it is was looked at in the same unit of work.
_THIS = attachments.c.id == bindparam("attachment")
FOUND_OUT = (
    "kind", "name", "url", "file_id", "image_id", "media_type", "size", "state", "error", "share", "text", "cut",
    "pages", "ms", "width", "height", "moved_at",
)  # fmt: skip
SAVE = (
    update(attachments)
    .where(_THIS, attachments.c.state == "reading")
    .values({name: bindparam(f"new_{name}") for name in FOUND_OUT})
)
AGAIN = (
    update(attachments)
    .where(_THIS, attachments.c.state == "failed")
    .values(state="reading", error="", share=0, moved_at=bindparam("now"))
)
REMOVE = delete(attachments).where(_THIS, _WAITS)

WAITING = HEADS.where(_MINE, _WAITS).order_by(*_OLDEST_FIRST)
OF_CHAT = HEADS.where(_MINE, attachments.c.turn_id > "").order_by(*_OLDEST_FIRST)
READY = WHOLE.where(_MINE, _THESE, _READY).order_by(*_OLDEST_FIRST)
EARLIER = (
    WHOLE.where(_MINE, attachments.c.turn_id > "", _READY)
    .order_by(attachments.c.created_at.desc(), attachments.c.id.desc())
    .limit(bindparam("most"))
)
THESE_READY = HEADS.where(_MINE, _THESE, _READY).order_by(*_OLDEST_FIRST)
TAKE = update(attachments).where(_THESE, _READY).values(turn_id=bindparam("new_turn"))
OF_TURN = select(attachments.c.id).where(
    attachments.c.chat_id == bindparam("chat"), attachments.c.turn_id == bindparam("turn")
)
GIVE_BACK = update(attachments).where(_THESE, attachments.c.turn_id == bindparam("turn")).values(turn_id="")

SILENT = (
    HEADS.where(attachments.c.state == "reading", attachments.c.moved_at < bindparam("before"))
    .order_by(attachments.c.moved_at)
    .limit(bindparam("most"))
)
PURGEABLE = HEADS.where(chats.c.deleted_at < bindparam("before"))
OWNED = WHOLE.where(chats.c.guest == bindparam("owner")).order_by(*_OLDEST_FIRST)
