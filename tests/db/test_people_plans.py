"""Limits, the audit log and the outbox are asked at every request or for ever growing: no statement walks a table."""

from datetime import timedelta

from sqlalchemy import event as events
from sqlalchemy import text

from db.audit import SqlAudit
from db.connect import connect
from db.limits import SqlLimits
from db.outbox import SqlOutbox
from tests.db.test_audit_contract import KEY, NOON, event
from tests.db.test_outbox import mail


def test_every_statement_finds_its_rows_by_an_index(sqlite: str) -> None:
    engine = connect(sqlite)
    limits, audit, outbox = SqlLimits(engine, KEY), SqlAudit(engine, KEY), SqlOutbox(engine)
    audit.add([event(number, actor=f"user-{number % 7}") for number in range(300)])
    for number in range(100):
        limits.hit(f"key {number}", 3, 60, NOON)
        outbox.put(mail(number))
    with engine.begin() as connection:
        connection.execute(text("ANALYZE"))
    asked: dict[str, object] = {}

    def note(_connection: object, _cursor: object, statement: str, values: object, *_: object) -> None:
        asked[statement] = values

    events.listen(engine, "before_cursor_execute", note)
    for _ in range(4):
        limits.hit("key 1", 3, 60, NOON)
    limits.left("key 1", 3, 60, NOON)
    limits.forget("key 2")
    limits.purge(NOON + timedelta(minutes=2))
    audit.add([event()])
    audit.find(limit=10)
    audit.find(action="signed_in", before=200, limit=10)
    audit.find(actor="user-3", limit=10)
    audit.find(action="signed_in", actor="user-3", since=NOON, limit=10)
    audit.inspect()
    for waiting in outbox.claim(NOON + timedelta(seconds=9), 60):
        outbox.later(waiting.id, NOON)
        outbox.done(waiting.id)
    events.remove(engine, "before_cursor_execute", note)

    plans: dict[str, list[str]] = {}
    with engine.connect() as connection:
        for statement, values in asked.items():
            if statement.startswith(("SELECT", "UPDATE", "DELETE")):
                rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)  # type: ignore[arg-type]
                plans[statement] = [row.detail for row in rows]
    engine.dispose()

    assert len(plans) >= 12
    slow = {statement: plan for statement, plan in plans.items() if not all(step.startswith("SEARCH") for step in plan)}
    # The newest rows are read from the end of the index: a page of them, not the table.
    walks = [step for plan in slow.values() for step in plan]
    assert all(step.startswith("SCAN audit USING INDEX sqlite_autoindex_audit_1") for step in walks), slow
    assert all("ORDER BY audit.seq DESC" in statement for statement in slow), slow
