"""The statements of db/files.py, made once."""

from sqlalchemy import and_, bindparam, case, delete, func, insert, not_, null, or_, select, update

from db.tables.files import files
from domain.filing.model import Stored

STORED = [files.c[name] for name in Stored.__struct_fields__]
THERE, COMING, REMOVED, ENDING = "there", "coming", "removed", "ending"

_ONE = files.c.id == bindparam("which")
_OWNER = files.c.owner == bindparam("whose")
_MINE = and_(_ONE, _OWNER)
_LIVE = or_(files.c.ends_at.is_(None), files.c.ends_at > bindparam("now"))
_FILE = and_(files.c.state == THERE, _LIVE)
_SAVED = and_(files.c.purpose == "chat", files.c.chat_id == bindparam("chat"))

ADD = insert(files)
GET = select(*STORED).where(_MINE, _FILE)
_NEWEST = (files.c.created_at.desc(), files.c.id.desc())
OF = select(*STORED).where(_OWNER, _FILE).order_by(*_NEWEST).limit(bindparam("most"))
AFTER = OF.where(
    or_(
        files.c.created_at < bindparam("at"),
        and_(files.c.created_at == bindparam("at"), files.c.id < bindparam("last")),
    )
)
CREATED = select(files.c.created_at).where(_MINE)
OWNER = select(files.c.owner).where(_ONE)

# What takes room: what is there or coming, and not what the one that comes replaces.
_TAKEN = and_(_OWNER, files.c.state.in_((THERE, COMING)), _LIVE)
_REPLACED = and_(files.c.state == THERE, _SAVED)
# Saved chats and attachments have limits of their own: only their bytes are counted with the others.
_UPLOADS = func.coalesce(func.sum(case((files.c.purpose == "upload", 1), else_=0)), 0)
TAKEN = select(_UPLOADS, func.coalesce(func.sum(files.c.size), 0)).where(_TAKEN)
TAKEN_BUT = TAKEN.where(not_(_REPLACED))
_CHATS = select(func.count(), func.count(files.c.chat_id.distinct())).where(_TAKEN, files.c.purpose == "chat")
OTHER_CHATS = _CHATS.where(files.c.chat_id != bindparam("chat"))
SAVES = _CHATS.where(files.c.chat_id == bindparam("chat"))

SENT = select(files.c.id, files.c.state, files.c.ends_at).where(_OWNER, files.c.sender_key == bindparam("key"))
FORGET_KEY = update(files).where(_ONE).values(sender_key=null())
KEEP = (
    update(files)
    .where(_ONE, files.c.state == COMING, _LIVE)
    .values(
        state=THERE, ends_at=files.c.expires_at, size=bindparam("new_size"), media_type=bindparam("new_type"),
        sha256=bindparam("new_sum"),
    )
)  # fmt: skip
SAVED = select(files.c.id).where(_OWNER, _SAVED, files.c.state.in_((THERE, REMOVED))).order_by(files.c.id)
REMOVE = (
    update(files).where(_MINE, _FILE).values(state=REMOVED, ends_at=bindparam("until"), sender_key=null())
)
REMOVED_BEFORE = select(files.c.id).where(_OWNER, files.c.state == REMOVED).order_by(files.c.id)
GET_REMOVED = select(*STORED).where(_MINE, files.c.state == REMOVED, _LIVE)
RESTORE = (
    update(files)
    .where(
        _MINE, files.c.state == REMOVED, _LIVE,
        or_(files.c.expires_at.is_(None), files.c.expires_at > bindparam("now")),
    )
    .values(state=THERE, ends_at=files.c.expires_at)
)  # fmt: skip
MAKE_PERMANENT = (
    update(files)
    .where(_MINE, _FILE, files.c.purpose != "attachment")
    .values(area="permanent", expires_at=null(), ends_at=null())
)
ENDED = (
    select(files.c.id).where(files.c.ends_at <= bindparam("now")).order_by(files.c.ends_at).limit(bindparam("most"))
)
END = (
    update(files)
    .where(_ONE, files.c.state == bindparam("was"))
    .values(state=ENDING, ends_at=bindparam("now"), sender_key=null())
)
END_ENDED = update(files).where(_ONE, files.c.ends_at <= bindparam("now")).values(state=ENDING, sender_key=null())
DROP = delete(files).where(files.c.id.in_(bindparam("ids", expanding=True)))
KNOWN = select(files.c.id).where(files.c.id.in_(bindparam("ids", expanding=True)))
OWNED = select(files.c.id).where(_OWNER)
ERASE_OWNER = delete(files).where(_OWNER)
GIVE = update(files).where(_OWNER).values(owner=bindparam("new_owner"), sender_key=null())
