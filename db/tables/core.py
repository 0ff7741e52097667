"""The tables behind CORE_URL: chats, what was said in them, the characters, and what calls cost.

Every index serves a query of db/chats.py or db/ledger.py; tests/db/test_plans.py and tests/db/test_ledger_plans.py
show that each query but the purge's has its index.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from db.tables.types import NAMES, TABLE_OPTIONS, Moment, Name, Words

metadata = MetaData(naming_convention=NAMES)

chats = Table(
    "chats",
    metadata,
    Column("id", Name, primary_key=True),
    Column("guest", Name, nullable=False),
    # No foreign key: a chat outlives its character, and the characters' rows are not locked by every new chat.
    Column("persona_id", Name, nullable=False),
    Column("language", String(8), nullable=False),
    Column("title", Words, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("spoken_at", Moment, nullable=False),
    Column("summary", Words, nullable=False),
    Column("summary_upto", Integer, nullable=False),
    Column("deleted_at", Moment),
    Column("last_seq", Integer, nullable=False),  # the highest `seq` given out to a message
    # No index on deleted_at: only the daily purge would want it, but MySQL would take it to find a chat by
    # its id too, and lock that index's row before the chat's own.
    Index(None, "guest", "spoken_at"),
    **TABLE_OPTIONS,
)

turns = Table(
    "turns",
    metadata,
    Column("chat_id", Name, ForeignKey(chats.c.id, ondelete="CASCADE"), primary_key=True),
    Column("id", Name, primary_key=True),
    Column("key", Name, nullable=False),  # the idempotency key of the request
    # The user's message has this `seq`, the reply the next: a reply that comes late, after the user has
    # spoken again, still stands right below what it answers.
    Column("seq", Integer, nullable=False),
    Column("forgotten", Boolean, nullable=False),
    UniqueConstraint("chat_id", "key"),
    **TABLE_OPTIONS,
)

messages = Table(
    "messages",
    metadata,
    # This key keeps the messages of a chat side by side on MySQL, and makes two replies to one turn impossible.
    Column("chat_id", Name, ForeignKey(chats.c.id, ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("id", Name, nullable=False),
    Column("turn_id", Name, nullable=False),
    Column("role", String(16), nullable=False),
    Column("text", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("interrupted", Boolean, nullable=False),
    Column("cues", Words),  # JSON, a list of domain.chat.Cue
    Column("receipt", Words),  # JSON, a domain.chat.Receipt
    Column("sources", Words),  # JSON, a domain.chat.Sourced
    UniqueConstraint("id"),
    **TABLE_OPTIONS,
)

personas = Table(
    "personas",
    metadata,
    Column("id", Name, primary_key=True),
    Column("card", Words, nullable=False),  # JSON, a domain.persona.Persona
    Column("place", Integer),  # its place in the gallery; NULL: no longer shipped
    Column("removed_at", Moment),  # when the operator took it away
    **TABLE_OPTIONS,
)

calls = Table(
    "calls",
    metadata,
    # The ledger: rows are added and never changed. No foreign keys: it holds no words, only ids, and what was
    # spent stays spent when a chat is purged.
    Column("id", Name, primary_key=True),  # the caller's own, so that a call that is told twice is one row
    Column("turn_id", Name, nullable=False),  # "" outside a turn
    Column("kind", Name, nullable=False),
    Column("at", Moment, nullable=False),
    Column("runtime", Name, nullable=False),
    Column("remote_id", Name, nullable=False),
    Column("container", Name, nullable=False),
    Column("outcome", Name, nullable=False),
    Column("engine_ms", BigInteger, nullable=False),
    Column("audio_ms", BigInteger, nullable=False),
    Column("tokens_in", BigInteger, nullable=False),
    Column("tokens_out", BigInteger, nullable=False),
    Column("price_class", Name, nullable=False),
    Column("price_version", Name, nullable=False),
    Column("microusd", BigInteger, nullable=False),
    Index(None, "turn_id", "at"),
    Index(None, "at", "turn_id"),  # the newest turns are read from this index alone
    **TABLE_OPTIONS,
)

call_days = Table(
    "call_days",
    metadata,
    # What the calls of a UTC day come to, written with them: a page that added up a month of a million rows took
    # 5.6 s. One row per kind, and one of kind "" for all of them, which writers of that day lock first.
    Column("day", Date, primary_key=True),
    Column("kind", Name, primary_key=True),
    Column("turns", BigInteger, nullable=False),  # 0 but in the row of all kinds
    Column("calls", BigInteger, nullable=False),
    Column("engine_ms", BigInteger, nullable=False),
    Column("audio_ms", BigInteger, nullable=False),
    Column("tokens_in", BigInteger, nullable=False),
    Column("tokens_out", BigInteger, nullable=False),
    Column("microusd", BigInteger, nullable=False),
    **TABLE_OPTIONS,
)
