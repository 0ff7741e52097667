"""The statements of db/accounts.py, made once.

Whatever changes an account takes its row first, by its id: such units of work queue there.
"""

from sqlalchemy import and_, bindparam, delete, insert, or_, select, update

from db.tables.core import chats
from db.tables.people import pendings, sessions, tokens, users
from domain.people import User

USER = [users.c[name] for name in User.__struct_fields__]
FOLDED = {"username": users.c.username_folded, "email": users.c.email_folded, "phone": users.c.phone}

_TOKEN = pendings.c.token_hash == bindparam("token")
PEND = insert(pendings)
UNPEND = delete(pendings).where(pendings.c.expires_at < bindparam("long_ago"))
PENDING = select(pendings.c.body).where(_TOKEN, pendings.c.expires_at > bindparam("now"))
TAKE_PENDING = PENDING.with_for_update()
USE_PENDING = delete(pendings).where(_TOKEN)
FORGET_PENDING = delete(pendings).where(pendings.c.email_folded == bindparam("email"))

_USER = users.c.id == bindparam("user")
ADD = insert(users)
GET = select(*USER).where(_USER)
TAKE = GET.with_for_update()
CREDENTIALS = select(*USER, users.c.password_hash).where(_USER)
BY = {kind: select(*USER, users.c.password_hash).where(column == bindparam("login")) for kind, column in FOLDED.items()}
HAS = {kind: select(users.c.id).where(column == bindparam("value")) for kind, column in FOLDED.items()}
IS_USER = select(users.c.id).where(_USER)

CHANGE = {
    name: update(users).where(_USER).values({each: bindparam(f"new_{each}") for each in columns})
    for name, columns in {
        "password": ("password_hash", "password_at"),
        "email": ("email", "email_folded"),
        "phone": ("phone",),
        "role": ("role",),
        "suspended": ("suspended_at",),
        "deleted": ("deleted_at",),
    }.items()
}
REHASH = update(users).where(_USER, users.c.password_hash == bindparam("old")).values(password_hash=bindparam("new"))
END_SESSIONS = (
    update(sessions)
    .where(sessions.c.user_id == bindparam("user"), sessions.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
# Links that were mailed before a password or an address changed lead nowhere after it.
END_LINKS = delete(tokens).where(
    tokens.c.user_id == bindparam("user"), tokens.c.kind.not_in(bindparam("kept", expanding=True))
)

GUESTS_CHATS = select(chats.c.id).where(chats.c.guest == bindparam("owner")).order_by(chats.c.id)
GIVE = update(chats).where(chats.c.id == bindparam("chat")).values(guest=bindparam("new_owner"))
ERASE_CHATS = delete(chats).where(chats.c.id.in_(bindparam("ids", expanding=True)))

PURGEABLE = select(users.c.id).where(users.c.deleted_at < bindparam("before")).order_by(users.c.id)
TAKE_PURGEABLE = select(users.c.email_folded).where(_USER, users.c.deleted_at < bindparam("before")).with_for_update()
PURGE = delete(users).where(_USER)

_NEWEST = (users.c.created_at.desc(), users.c.id.desc())
SEARCH = select(*USER).order_by(*_NEWEST).limit(bindparam("most"))
AFTER = or_(
    users.c.created_at < bindparam("at"), and_(users.c.created_at == bindparam("at"), users.c.id < bindparam("last"))
)
MATCHES = or_(
    users.c.username_folded.like(bindparam("like"), escape="\\"),
    users.c.email_folded.like(bindparam("like"), escape="\\"),
    users.c.phone == bindparam("exact"),
    users.c.id == bindparam("exact"),
)
