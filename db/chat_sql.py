"""The statements of db/chats.py, made once: building one costs more than running it on SQLite.

Every one asks for the owner too, and answers "not yours" and "not there" alike: with no row. Reads start
from the chat and join outwards, so that one statement tells "no such chat" from "nothing in it".
"""

from sqlalchemy import and_, bindparam, delete, insert, select, update

from db.tables.core import chats, messages, turns

CHAT = [
    chats.c[name]
    for name in (
        "id", "guest", "persona_id", "language", "title",
        "created_at", "spoken_at", "summary", "summary_upto", "deleted_at",
    )
]  # fmt: skip
MESSAGE = [
    messages.c[name]
    for name in ("id", "chat_id", "turn_id", "seq", "role", "text", "at", "interrupted", "cues", "receipt", "sources")
]

_OWNED = and_(chats.c.id == bindparam("chat"), chats.c.guest == bindparam("owner"))
_MINE = and_(_OWNED, chats.c.deleted_at.is_(None))
_THIS_TURN = and_(turns.c.chat_id == chats.c.id, turns.c.id == bindparam("turn"))

CREATE = insert(chats)
GET = select(*CHAT).where(_MINE)
RECENT = (
    select(*CHAT)
    .where(chats.c.guest == bindparam("owner"), chats.c.deleted_at.is_(None))
    .order_by(chats.c.spoken_at.desc())
    .limit(bindparam("most"))
)
RECENT_BEFORE = RECENT.where(chats.c.spoken_at < bindparam("before"))

# Whatever writes in a chat takes the chat's own row first, by its id and nothing else, so that such units of
# work queue there. An UPDATE that asks for the guest as well may find the row by the guests' index on MySQL, whose
# entries it then locks before the row: two of those met the other way round and one was rolled back.
TAKE = select(chats.c.last_seq, chats.c.deleted_at).where(_OWNED).with_for_update()
_TAKEN = chats.c.id == bindparam("chat")
RENAME = update(chats).where(_TAKEN).values(title=bindparam("words"))
NAME = RENAME.where(chats.c.title == "")
SUMMARISE = (
    update(chats)
    .where(_TAKEN, chats.c.summary_upto <= bindparam("upto"))
    .values(summary=bindparam("words"), summary_upto=bindparam("upto"))
)
PUT_AWAY = update(chats).where(_TAKEN).values(deleted_at=bindparam("when"))
SPEAK = update(chats).where(_TAKEN).values(spoken_at=bindparam("now"), last_seq=bindparam("last"))

PURGEABLE = select(chats.c.id).where(chats.c.deleted_at < bindparam("before"))
PURGE = delete(chats).where(chats.c.id.in_(bindparam("ids", expanding=True)), chats.c.deleted_at < bindparam("before"))

MESSAGES = (
    select(*MESSAGE)
    .select_from(chats.outerjoin(messages, and_(messages.c.chat_id == chats.c.id, messages.c.seq > bindparam("after"))))
    .where(_MINE)
    .order_by(messages.c.seq)
)
ONE_MESSAGE = (
    select(*MESSAGE)
    .select_from(
        chats.outerjoin(messages, and_(messages.c.chat_id == chats.c.id, messages.c.id == bindparam("message")))
    )
    .where(_MINE)
)
TURN = (
    select(turns.c.id.label("known_turn"), *MESSAGE)
    .select_from(
        chats.outerjoin(turns, _THIS_TURN).outerjoin(
            messages,
            and_(messages.c.chat_id == turns.c.chat_id, messages.c.seq.between(turns.c.seq, turns.c.seq + 1)),
        )
    )
    .where(_MINE)
    .order_by(messages.c.seq)
)
TURN_OF_KEY = (
    select(turns.c.id)
    .select_from(chats.outerjoin(turns, and_(turns.c.chat_id == chats.c.id, turns.c.key == bindparam("key"))))
    .where(_MINE)
)

KEY_USED = select(turns.c.id).where(turns.c.chat_id == bindparam("chat"), turns.c.key == bindparam("key"))
REPLIED = (
    select(turns.c.seq, turns.c.forgotten, messages.c.id)
    .select_from(
        turns.outerjoin(messages, and_(messages.c.chat_id == turns.c.chat_id, messages.c.seq == turns.c.seq + 1))
    )
    .where(turns.c.chat_id == bindparam("chat"), turns.c.id == bindparam("turn"))
)
ADD_TURN = insert(turns)
ADD_MESSAGE = insert(messages)
REPLACED = ("chat_id", "seq", "text", "at", "interrupted", "cues", "receipt", "sources")  # all but the first two change
REPLACE = (
    update(messages)
    .where(messages.c.chat_id == bindparam("new_chat_id"), messages.c.seq == bindparam("new_seq"))
    .values({name: bindparam(f"new_{name}") for name in REPLACED[2:]})
)
FORGET = (
    update(turns).where(turns.c.chat_id == bindparam("chat"), turns.c.id == bindparam("turn")).values(forgotten=True)
)
ERASE = delete(messages).where(
    messages.c.chat_id == bindparam("chat"), messages.c.seq.between(bindparam("place"), bindparam("place") + 1)
)
