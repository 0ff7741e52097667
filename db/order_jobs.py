"""What providers told, and the outbox of orders: a job is written with what caused it and leased to one worker."""

from datetime import datetime, timedelta
from typing import Any, get_args

import msgspec
from sqlalchemy import Connection, Engine, RowMapping, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from db.again import again
from db.order_rows import is_ref, refuse, whole
from db.tables.membership import order_jobs, provider_events
from db.work import known, new_id, reading, writing
from domain.membership.model import EventKind, ProviderEvent
from domain.membership.ports import Job

_EVENT = [provider_events.c[name] for name in ProviderEvent.__struct_fields__]
_KEEP = insert(provider_events)
_EVENTS = (
    select(*_EVENT)
    .where(provider_events.c.order_id == bindparam("which"))
    .order_by(provider_events.c.received_at, provider_events.c.at, provider_events.c.id)
)
_ONE = select(*_EVENT).where(
    provider_events.c.provider == bindparam("of_provider"), provider_events.c.id == bindparam("which")
)

_MINE = order_jobs.c.id == bindparam("which")
_ADD = insert(order_jobs)
_DUE = (
    select(*(order_jobs.c[name] for name in Job.__struct_fields__))
    .where(order_jobs.c.due <= bindparam("now"))
    .order_by(order_jobs.c.due)
    .limit(bindparam("most"))
)
# Of two workers that saw the same row, the second finds `tries` changed.
_LEASE = update(order_jobs).where(_MINE, order_jobs.c.tries == bindparam("seen")).values(
    tries=order_jobs.c.tries + 1, due=bindparam("until")
)  # fmt: skip
_DONE = delete(order_jobs).where(_MINE)
_AGAIN = update(order_jobs).where(_MINE).values(due=bindparam("then"))


class SqlOrderJobs:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @again()
    def receive(self, event: ProviderEvent, now: datetime) -> bool:
        """Raises BadInput for an event that no database could hold."""
        row = event_row(event) | {"received_at": now}
        try:
            with writing(self._engine) as connection:
                connection.execute(_KEEP, row)
                add_job(connection, event.order_id, "apply", now, event.provider, event.id)
        except IntegrityError:
            return False
        return True

    def events(self, order_id: str) -> list[ProviderEvent]:
        if not known(order_id):
            return []
        with reading(self._engine) as connection:
            return [_event(row) for row in connection.execute(_EVENTS, {"which": order_id}).mappings()]

    def event(self, provider: str, event_id: str) -> ProviderEvent | None:
        if not known(provider) or not is_ref(event_id):
            return None
        with reading(self._engine) as connection:
            row = connection.execute(_ONE, {"of_provider": provider, "which": event_id}).mappings().first()
        return None if row is None else _event(row)

    @again()
    def jobs(self, now: datetime, limit: int = 20, lease_s: int = 60) -> list[Job]:
        """The longest due first."""
        with reading(self._engine) as connection:
            due = connection.execute(_DUE, {"now": now, "most": max(limit, 0)}).mappings().all()
        if not due:
            return []  # asking every few seconds must not take the writers' turn
        until = now + timedelta(seconds=lease_s)
        with writing(self._engine) as connection:
            return [
                Job(**{**row, "tries": row["tries"] + 1})
                for row in due
                if connection.execute(_LEASE, {"which": row["id"], "seen": row["tries"], "until": until}).rowcount
            ]

    @again()
    def done(self, job_id: str) -> None:
        if known(job_id):
            with writing(self._engine) as connection:
                connection.execute(_DONE, {"which": job_id})

    @again()
    def again(self, job_id: str, due: datetime) -> None:
        if known(job_id):
            with writing(self._engine) as connection:
                connection.execute(_AGAIN, {"which": job_id, "then": due})


def add_job(
    connection: Connection, order_id: str, what: str, now: datetime, provider: str = "", event_id: str = ""
) -> None:
    of_event = {"provider": provider, "event_id": event_id}
    connection.execute(_ADD, {"id": new_id(), "order_id": order_id, "what": what, "tries": 0, "due": now, **of_event})


def event_row(event: ProviderEvent) -> dict[str, Any]:
    fits = {
        "provider": known(event.provider),
        "id": event.id != "" and is_ref(event.id),
        "kind": event.kind in get_args(EventKind),
        "order_id": event.order_id == "" or known(event.order_id),
        "amount": whole(event.amount),
        "currency": event.currency == "" or known(event.currency),
        **{name: is_ref(getattr(event, name)) for name in ("ref", "account", "subscription")},
        "at": event.at.tzinfo is not None,
        "period_end": event.period_end is None or event.period_end.tzinfo is not None,
    }
    refuse(fits)
    return msgspec.structs.asdict(event)


def _event(row: RowMapping) -> ProviderEvent:
    return ProviderEvent(**row)
