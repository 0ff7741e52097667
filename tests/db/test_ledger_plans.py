"""The ledger grows by several rows a turn for ever: no statement may read it from one end to the other."""

from datetime import date, timedelta

from db.connect import connect
from db.ledger import SqlLedger
from tests.db.statements import count_rows, noted, plans
from tests.db.test_ledger_contract import NOON, TODAY, call

COUNTING = "USE TEMP B-TREE FOR GROUP BY"


def test_every_statement_of_the_ledger_finds_its_rows_by_an_index(sqlite: str) -> None:
    engine = connect(sqlite)
    ledger = SqlLedger(engine)
    ledger.record([call(f"c{number}", f"turn-{number // 4}", -60 * number) for number in range(400)])
    count_rows(engine)
    with noted(engine) as asked:
        ledger.record([call("c1"), call("new")])
        ledger.turn("turn-1")
        ledger.turns(5)
        ledger.turns(5, before=NOON - timedelta(days=1))
        ledger.days(TODAY - timedelta(days=5))
        ledger.sums(date(2026, 2, 27), TODAY)

    found = plans(engine, asked)
    engine.dispose()

    # Groups are counted in memory, among the rows that the index gave.
    steps = [step for plan in found.values() for step in plan if step != COUNTING]
    assert len(found) >= 9
    walks = [step for step in steps if not step.startswith("SEARCH")]
    # Newest turns are read backwards along the index until there are enough of them.
    assert all(step.startswith("SCAN calls USING COVERING INDEX ix_calls_at_") for step in walks), steps
    assert len(walks) == 1
    assert [step for step in steps if "ix_calls_at_turn_id" in step and "COVERING" not in step] == []
