"""The table of files that people keep. Their bytes lie elsewhere, under keys made from `id` (infra/storage.py).

Every index serves a query of db/files.py.
"""

from sqlalchemy import BigInteger, Column, Index, String, Table, UniqueConstraint

from db.tables.core import metadata
from db.tables.types import TABLE_OPTIONS, Moment, Name

files = Table(
    "files",
    metadata,
    Column("id", Name, primary_key=True),
    Column("owner", Name, nullable=False),  # an account or a guest
    Column("area", Name, nullable=False),
    Column("name", String(160), nullable=False),
    Column("media_type", String(120), nullable=False),
    Column("size", BigInteger, nullable=False),  # while it is coming, the room that is kept for it
    Column("sha256", Name, nullable=False),
    Column("purpose", Name, nullable=False),
    Column("chat_id", Name, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    # coming: room is kept; there: it is a file; removed: it can be brought back; ending: its bytes are being erased.
    Column("state", Name, nullable=False),
    Column("ends_at", Moment),  # from then on the sweep takes it, whatever its state
    Column("sender_key", Name),  # an Idempotency-Key, hashed
    UniqueConstraint("owner", "sender_key"),
    Index(None, "owner", "created_at", "id"),
    Index(None, "ends_at"),
    **TABLE_OPTIONS,
)
