"""Counters, the audit log and the outbox in memory, for tests of what stands above them."""

from collections.abc import Sequence
from datetime import datetime

from domain.audit import clean
from domain.people import AuditEvent, AuditRow, Mail
from infra.local_limits import LocalLimits


class MemoryLimits(LocalLimits):
    """What counts when Redis is away does for tests too."""


class MemoryAudit:
    """Without a chain: nobody can get at it."""

    def __init__(self) -> None:
        self.rows: list[AuditRow] = []

    def add(self, events: Sequence[AuditEvent]) -> None:
        for event in [clean(event) for event in events]:
            self.rows.append(AuditRow(len(self.rows) + 1, event, ""))

    def find(
        self, action: str = "", about: str = "", since: datetime | None = None, before: int = 0, limit: int = 100
    ) -> list[AuditRow]:
        return [
            row
            for row in reversed(self.rows)
            if action in ("", row.event.action)
            and about in ("", row.event.actor, row.event.target)
            and (since is None or row.event.at >= since)
            and (before <= 0 or row.seq < before)
        ][: max(limit, 0)]

    def verify(self) -> int | None:
        return None


class MemoryMailer:
    """Keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[Mail] = []

    def send(self, mail: Mail) -> None:
        self.sent.append(mail)
