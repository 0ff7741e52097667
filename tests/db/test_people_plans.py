"""Limits, the audit log and the outbox are asked at every request or for ever growing: no statement walks a table."""

from datetime import timedelta

from db.audit import SqlAudit
from db.connect import connect
from db.limits import SqlLimits
from db.outbox import SqlOutbox
from tests.db.statements import count_rows, noted, plans
from tests.db.test_audit_contract import KEY, NOON, event
from tests.db.test_outbox import mail


def test_every_statement_finds_its_rows_by_an_index(sqlite: str) -> None:
    engine = connect(sqlite)
    limits, audit, outbox = SqlLimits(engine, KEY), SqlAudit(engine, KEY), SqlOutbox(engine)
    audit.add([event(number, actor=f"user-{number % 7}", target=f"user-{number % 11}") for number in range(300)])
    for number in range(100):
        limits.hit(f"key {number}", 3, 60, NOON)
        outbox.put(mail(number))
    count_rows(engine)
    with noted(engine) as asked:
        for _ in range(4):
            limits.hit("key 1", 3, 60, NOON)
        limits.left("key 1", 3, 60, NOON)
        limits.forget("key 2")
        limits.purge(NOON + timedelta(minutes=2))
        audit.add([event()])
        audit.find(limit=10)
        audit.find(action="signed_in", before=200, limit=10)
        audit.find(about="user-3", limit=10)
        audit.find(action="signed_in", about="user-3", since=NOON, limit=10)
        audit.inspect()
        for waiting in outbox.claim(NOON + timedelta(seconds=9), 60):
            outbox.later(waiting.id, NOON)
            outbox.done(waiting.id)

    found = plans(engine, asked)
    engine.dispose()

    assert len(found) >= 12
    slow = {statement: plan for statement, plan in found.items() if not all(step.startswith("SEARCH") for step in plan)}
    # The newest rows are read from the end of the index: a page of them, not the table.
    assert not [statement for statement in slow if "audit.actor =" in statement or "audit.target =" in statement]
    walks = [step for plan in slow.values() for step in plan]
    assert all(step.startswith("SCAN audit USING INDEX sqlite_autoindex_audit_1") for step in walks), slow
    assert all("ORDER BY audit.seq DESC" in statement for statement in slow), slow
