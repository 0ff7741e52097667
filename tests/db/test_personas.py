"""What the SQL store of characters does beyond the contract: it spares the database, and sees others' changes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, event

from db.personas import FRESH_S, SqlPersonas
from domain.errors import NotFound
from tests.db.test_personas_contract import SOCRATES, TUTOR

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_turn_does_not_read_the_table_again(engine: Engine) -> None:
    personas = SqlPersonas(engine)
    personas.seed([TUTOR, SOCRATES])
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *call: statements.append(call[2]))

    for _ in range(50):
        personas.get("socrates")
        personas.all()
        with pytest.raises(NotFound):
            personas.get("nobody")
    assert len([statement for statement in statements if statement.startswith("SELECT")]) == 1


def test_a_removal_by_another_process_is_seen_within_half_a_minute(engine: Engine) -> None:
    clock = [0.0]
    ours, theirs = SqlPersonas(engine, lambda: clock[0]), SqlPersonas(engine)
    ours.seed([TUTOR, SOCRATES])
    assert ours.get("socrates") == SOCRATES

    theirs.remove("socrates", NOW)
    assert ours.get("socrates") == SOCRATES
    clock[0] = FRESH_S
    with pytest.raises(NotFound):
        ours.get("socrates")


def test_processes_that_seed_at_once_do_not_disturb_each_other(engine: Engine) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: SqlPersonas(engine).seed([TUTOR, SOCRATES]), range(6)))

    assert SqlPersonas(engine).all() == [TUTOR, SOCRATES]


def test_a_character_removed_while_others_read_is_never_seen_again(engine: Engine) -> None:
    personas = SqlPersonas(engine)
    personas.seed([TUTOR, SOCRATES])
    with ThreadPoolExecutor(4) as pool:
        for _ in range(10):
            reads = [pool.submit(personas.all) for _ in range(20)]
            personas.remove("socrates", NOW)
            assert personas.all() == [TUTOR]
            personas.bring_back("socrates")
            assert all(read.result()[0] == TUTOR for read in reads)
