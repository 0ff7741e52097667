"""The table of what was thrown into chats, also behind CORE_URL. The bytes are files (db/tables/files.py)."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table

from db.tables.core import chats
from db.tables.core import metadata as metadata
from db.tables.types import TABLE_OPTIONS, Moment, Name, Words

attachments = Table(
    "attachments",
    metadata,
    Column("id", Name, primary_key=True),
    # Whose it is, the chat knows: it moves with the chat when a guest gets an account, and goes with it.
    Column("chat_id", Name, ForeignKey(chats.c.id, ondelete="CASCADE"), nullable=False),
    Column("turn_id", Name, nullable=False),  # "" while it waits
    Column("kind", String(16), nullable=False),
    Column("name", String(255), nullable=False),
    Column("url", Words, nullable=False),
    # No foreign keys: files may be elsewhere than rows one day, and a file that is gone takes no words along.
    Column("file_id", Name, nullable=False),
    Column("image_id", Name, nullable=False),
    Column("media_type", String(128), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("error", Name, nullable=False),
    Column("share", Integer, nullable=False),  # thousandths
    Column("text", Words, nullable=False),
    Column("cut", Boolean, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("ms", BigInteger, nullable=False),  # of a recording
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("moved_at", Moment, nullable=False),
    Index(None, "chat_id", "turn_id", "created_at"),
    Index(None, "state", "moved_at"),
    **TABLE_OPTIONS,
)
