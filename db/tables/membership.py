"""The tables of membership, also behind CORE_URL: orders, what providers told, coupons, the books; what is used.

Money is whole minor units. No foreign key leads to an account: what was paid stays in the books when the account has
gone (db/order_owners.py takes its id out). Rows of `transactions`, `entries` and `provider_events` are added and never
changed; of `uses`, only whose they are.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    Table,
    UniqueConstraint,
)

from db.tables.core import metadata as metadata
from db.tables.types import TABLE_OPTIONS, Moment, Name, Plain

REF_CHARS = 255  # of ids that providers made: Stripe says so of its own

orders = Table(
    "orders",
    metadata,
    Column("id", Name, primary_key=True),
    Column("user_id", Name, nullable=False),  # "" when the account has gone
    # What may be open once per account: "plus/month" while it is, the order's own id from then on.
    Column("slot", Plain(160), nullable=False),
    Column("kind", Name, nullable=False),
    Column("plan_id", Name, nullable=False),
    Column("period", Name, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Name, nullable=False),
    Column("list_amount", BigInteger, nullable=False),
    Column("credit", BigInteger, nullable=False),
    Column("discount", BigInteger, nullable=False),
    Column("coupon", Name, nullable=False),
    Column("provider", Name, nullable=False),
    Column("provider_ref", Plain(REF_CHARS), nullable=False),
    Column("live", Boolean, nullable=False),
    Column("account", Plain(REF_CHARS), nullable=False),
    Column("trial_days", Integer, nullable=False),
    Column("state", Name, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("paid_at", Moment),
    Column("granted_at", Moment),
    Column("from_", Moment),
    Column("to_", Moment),
    Column("refunded", BigInteger, nullable=False),
    Column("receipt", BigInteger),
    Column("problem", Name, nullable=False),
    Column("moved_at", Moment, nullable=False),
    UniqueConstraint("user_id", "slot"),
    UniqueConstraint("receipt"),
    Index(None, "user_id", "created_at"),
    Index(None, "state", "created_at"),
    Index(None, "state", "moved_at"),
    Index(None, "created_at"),
    **TABLE_OPTIONS,
)

counters = Table(
    "counters",
    metadata,
    # Numbers without gaps: whoever takes one holds the row until the unit of work is kept or dropped.
    Column("name", Name, primary_key=True),
    Column("value", BigInteger, nullable=False),
    **TABLE_OPTIONS,
)

provider_events = Table(
    "provider_events",
    metadata,
    Column("provider", Name, primary_key=True),
    Column("id", Plain(REF_CHARS), primary_key=True),
    Column("kind", Name, nullable=False),
    Column("order_id", Name, nullable=False),
    Column("ref", Plain(REF_CHARS), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Name, nullable=False),
    Column("account", Plain(REF_CHARS), nullable=False),
    Column("live", Boolean, nullable=False),
    Column("subscription", Plain(REF_CHARS), nullable=False),
    Column("period_end", Moment),
    Column("at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Index(None, "order_id", "received_at"),
    **TABLE_OPTIONS,
)

order_jobs = Table(
    "order_jobs",
    metadata,
    # The outbox: what is to be done about an order; a row goes when it is done. `due` is when, or until when somebody
    # has it.
    Column("id", Name, primary_key=True),
    Column("order_id", Name, nullable=False),
    Column("what", Name, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due", Moment, nullable=False),
    Column("provider", Name, nullable=False),  # of an event, "" for other jobs
    Column("event_id", Plain(REF_CHARS), nullable=False),
    Index(None, "due"),
    **TABLE_OPTIONS,
)

memberships = Table(
    "memberships",
    metadata,
    Column("user_id", Name, primary_key=True),
    Column("plan_id", Name, nullable=False),
    Column("since", Moment, nullable=False),
    Column("until", Moment, nullable=False),
    Column("period", Name, nullable=False),
    Column("renews", Boolean, nullable=False),
    Column("next_plan", Name, nullable=False),
    Column("next_period", Name, nullable=False),
    Column("next_amount", BigInteger, nullable=False),
    Column("grace_until", Moment),
    Column("trial", Boolean, nullable=False),
    Column("provider", Name, nullable=False),
    Column("subscription", Plain(REF_CHARS), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("ends_at", Moment, nullable=False),  # `grace_until`, or `until` where there is none
    Index(None, "ends_at"),
    Index(None, "provider", "subscription"),
    **TABLE_OPTIONS,
)

trials = Table(
    "trials",
    metadata,
    # Who had one, and with which means of payment; the latter stays when the account has gone.
    Column("order_id", Name, primary_key=True),
    Column("user_id", Name),
    Column("print", Plain(REF_CHARS)),
    UniqueConstraint("user_id"),
    UniqueConstraint("print"),
    **TABLE_OPTIONS,
)

coupons = Table(
    "coupons",
    metadata,
    Column("code", Name, primary_key=True),
    Column("percent", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Name, nullable=False),
    Column("most", Integer, nullable=False),
    Column("once_each", Boolean, nullable=False),
    Column("plan_id", Name, nullable=False),
    Column("until", Moment),
    **TABLE_OPTIONS,
)

coupon_uses = Table(
    "coupon_uses",
    metadata,
    # One row per use, so that no two can be the last one. One that came free again has no order.
    Column("code", Name, ForeignKey(coupons.c.code), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 0, below `most`
    Column("order_id", Name),
    Column("once", Name),  # whose it is, where each may use it once; else the order's id
    UniqueConstraint("code", "order_id"),
    UniqueConstraint("code", "once"),
    **TABLE_OPTIONS,
)

transactions = Table(
    "transactions",
    metadata,
    Column("id", Plain(160), primary_key=True),  # made from the cause: the same twice is written once
    Column("order_id", Name, nullable=False),
    Column("at", Moment, nullable=False),
    Index(None, "order_id", "at"),
    **TABLE_OPTIONS,
)

entries = Table(
    "entries",
    metadata,
    # Debits are positive, credits negative; those of a transaction sum to zero in each currency.
    Column("transaction_id", Plain(160), ForeignKey(transactions.c.id), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("day", Date, nullable=False),  # UTC
    Column("account", Name, nullable=False),
    Column("currency", Name, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Index(None, "day", "account", "currency", "amount"),  # the books are read from this index alone
    **TABLE_OPTIONS,
)

meters = Table(
    "meters",
    metadata,
    # How much of a feature somebody has used in a window, and how much is held for what goes on.
    Column("owner", Name, primary_key=True),
    Column("feature", Name, primary_key=True),
    Column("window_key", Name, primary_key=True),
    Column("used", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("touched_at", Moment, nullable=False),
    Index(None, "touched_at"),
    **TABLE_OPTIONS,
)

holds = Table(
    "holds",
    metadata,
    Column("id", Name, primary_key=True),
    Column("owner", Name, nullable=False),
    Column("feature", Name, nullable=False),
    Column("window_key", Name, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index(None, "expires_at"),
    Index(None, "owner"),
    **TABLE_OPTIONS,
)

uses = Table(
    "uses",
    metadata,
    # One row per call that somebody pays for with what their plan gives.
    Column("call_id", Name, primary_key=True),
    Column("owner", Name, nullable=False),
    Column("feature", Name, nullable=False),
    Column("kind", Name, nullable=False),
    Column("amount", BigInteger, nullable=False),  # as it was counted: less than it took where no more was held
    Column("at", Moment, nullable=False),
    Index(None, "owner"),
    **TABLE_OPTIONS,
)

use_days = Table(
    "use_days",
    metadata,
    # What the uses of a UTC day come to, written with them.
    Column("owner", Name, primary_key=True),
    Column("feature", Name, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("amount", BigInteger, nullable=False),
    **TABLE_OPTIONS,
)
