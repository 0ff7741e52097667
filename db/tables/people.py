"""The tables of accounts, also behind CORE_URL: users, sessions, what proves who somebody is, limits, audit, outbox."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from db.tables.core import metadata as metadata
from db.tables.types import TABLE_OPTIONS, Moment, Name, Words

users = Table(
    "users",
    metadata,
    Column("id", Name, primary_key=True),
    Column("username", String(64), nullable=False),
    Column("username_folded", Name, nullable=False),  # what is unique: NFKC, case-folded
    Column("email", String(254), nullable=False),
    Column("email_folded", String(254), nullable=False),
    Column("phone", Name),
    Column("role", Name, nullable=False),
    Column("language", String(8), nullable=False),
    Column("password_hash", String(255), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("password_at", Moment, nullable=False),
    Column("suspended_at", Moment),
    Column("deleted_at", Moment),
    UniqueConstraint("username_folded"),
    UniqueConstraint("email_folded"),
    UniqueConstraint("phone"),
    Index(None, "created_at"),
    **TABLE_OPTIONS,
)

pendings = Table(
    "pendings",
    metadata,
    # Registrations whose address nobody has confirmed yet.
    Column("token_hash", Name, primary_key=True),
    Column("email_folded", String(254), nullable=False),
    Column("body", Words, nullable=False),  # JSON, a domain.people.Pending
    Column("expires_at", Moment, nullable=False),
    Index(None, "email_folded"),  # several may wait for one address; the first that is confirmed gets it
    Index(None, "expires_at"),
    **TABLE_OPTIONS,
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Name, primary_key=True),
    Column("user_id", Name, ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False),
    Column("device", String(120), nullable=False),
    Column("address", Name, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("proved_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("refresh", Name, nullable=False),
    Column("before", Name, nullable=False),
    Column("rotated_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    Index(None, "user_id", "seen_at"),
    Index(None, "expires_at"),
    **TABLE_OPTIONS,
)

tokens = Table(
    "tokens",
    metadata,
    # Single-use links, by their hash.
    Column("token_hash", Name, primary_key=True),
    Column("kind", Name, nullable=False),
    Column("user_id", Name, ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False),
    Column("data", Words, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Index(None, "user_id", "kind"),
    Index(None, "expires_at"),
    **TABLE_OPTIONS,
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("user_id", Name, ForeignKey(users.c.id, ondelete="CASCADE"), primary_key=True),
    Column("code_hash", Name, primary_key=True),
    Column("used_at", Moment),
    **TABLE_OPTIONS,
)

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", String(512), primary_key=True),  # ids are up to 1,023 bytes by the standard; real ones are under 100
    Column("user_id", Name, ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False),
    Column("public_key", LargeBinary(2_048), nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("name", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("used_at", Moment),
    Index(None, "user_id"),
    **TABLE_OPTIONS,
)

questions = Table(
    "questions",
    metadata,
    Column("user_id", Name, ForeignKey(users.c.id, ondelete="CASCADE"), primary_key=True),
    Column("question", String(200), nullable=False),
    Column("answer_hash", String(255), nullable=False),
    **TABLE_OPTIONS,
)

limits = Table(
    "limits",
    metadata,
    # Counters of a window; `key` is hashed, so that no name or address is kept longer than it must.
    Column("key", Name, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("until", Moment, nullable=False),
    Index(None, "until"),
    **TABLE_OPTIONS,
)

audit = Table(
    "audit",
    metadata,
    # Rows are added and never changed; each MAC covers the one before it.
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("action", Name, nullable=False),
    Column("actor", String(80), nullable=False),
    Column("target", String(80), nullable=False),
    Column("address", Name, nullable=False),
    Column("detail", Words, nullable=False),  # JSON
    Column("mac", Name, nullable=False),
    Index(None, "action", "seq"),
    Index(None, "actor", "seq"),
    Index(None, "target", "seq"),
    **TABLE_OPTIONS,
)

outbox = Table(
    "outbox",
    metadata,
    # Mail that is to be delivered; a row goes when the server has taken it. In development it stays to be read.
    Column("id", Name, primary_key=True),
    Column("mail", Words, nullable=False),  # JSON, a domain.people.Mail
    Column("at", Moment, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("sent_at", Moment),
    Index(None, "next_at"),
    **TABLE_OPTIONS,
)
