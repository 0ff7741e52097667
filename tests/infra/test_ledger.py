"""The writer of the ledger: never in the way, never a row lost that a clean stop could save."""

import logging
import threading
from collections.abc import Callable, Sequence

import pytest

from domain.errors import BadInput, Unavailable
from domain.usage import Call
from infra.ledger import BATCH, LedgerWriter
from tests.db.test_ledger_contract import EVER, call
from tests.fakes_stores import MemoryLedger

pytestmark = pytest.mark.anyio
SOON_S = 60  # nobody waits for so long: what is waited for is an event


class Moody(MemoryLedger):
    """A ledger that fails for as long as it is told to, and says when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.fails: Callable[[Sequence[Call]], Exception | None] = lambda calls: None
        self.asked = threading.Semaphore(0)
        self.batches: list[int] = []
        self.threads: set[str] = set()

    def record(self, calls: Sequence[Call]) -> int:
        self.batches.append(len(calls))
        self.threads.add(threading.current_thread().name)
        error = self.fails(calls)
        try:
            if error is not None:
                raise error
            return super().record(calls)
        finally:
            self.asked.release()


def away(_: Sequence[Call]) -> Exception:
    return Unavailable("store_unavailable")


def ids(ledger: MemoryLedger) -> set[str]:
    return {row.id for row in ledger.turn("turn-1")}


async def test_rows_are_written_by_a_thread_of_its_own_without_being_asked() -> None:
    ledger = Moody()
    writer = LedgerWriter(ledger, every_s=0.01)
    writer.note(call("a"))

    assert ledger.asked.acquire(timeout=SOON_S)
    assert ids(ledger) == {"a"}
    await writer.close()
    assert ledger.threads == {"ledger"}


async def test_closing_writes_everything_that_was_noted_in_batches() -> None:
    ledger = Moody()
    writer = LedgerWriter(ledger, every_s=600)
    for number in range(2 * BATCH + 1):
        writer.note(call(f"c{number}"))
    await writer.close()

    assert len(ids(ledger)) == 2 * BATCH + 1
    assert ledger.batches == [BATCH, BATCH, 1]
    assert writer.waiting == 0
    assert not [thread for thread in threading.enumerate() if thread.name == "ledger"]


async def test_a_writer_that_was_never_used_has_no_thread_and_closes_twice() -> None:
    writer = LedgerWriter(Moody())
    await writer.close()
    await writer.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "ledger"]


async def test_a_database_that_is_away_costs_no_row() -> None:
    ledger = Moody()
    ledger.fails = away
    writer = LedgerWriter(ledger, every_s=0.005)
    writer.note(call("a"))
    assert ledger.asked.acquire(timeout=SOON_S)
    assert ledger.asked.acquire(timeout=SOON_S)  # it tries again
    writer.note(call("b"))
    assert ids(ledger) == set()

    ledger.fails = lambda calls: None
    await writer.close()

    assert ids(ledger) == {"a", "b"}


async def test_a_database_that_comes_back_during_the_close_costs_no_row() -> None:
    ledger = Moody()
    answers = iter([away, away])
    ledger.fails = lambda calls: next(answers, lambda calls: None)(calls)
    writer = LedgerWriter(ledger, every_s=600)
    writer.note(call("a"))
    await writer.close()

    assert ids(ledger) == {"a"}
    assert len(ledger.batches) == 3


async def test_a_database_that_stays_away_does_not_hold_up_the_end_and_the_log_says_what_is_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ledger = Moody()
    ledger.fails = away
    writer = LedgerWriter(ledger, every_s=600, close_s=0)
    writer.note(call("a"))
    await writer.close()

    assert "could not be written before the end: 1" in caplog.text


async def test_a_row_written_but_not_acknowledged_is_there_once() -> None:
    class Deaf(Moody):
        def record(self, calls: Sequence[Call]) -> int:
            first = not self.batches
            super().record(calls)
            if first:
                raise Unavailable("store_unavailable")
            return 0

    ledger = Deaf()
    writer = LedgerWriter(ledger, every_s=0.005)
    writer.note(call("a"))
    await writer.close()

    assert ledger.days(EVER)[0].calls == 1
    assert writer.waiting == 0


@pytest.mark.parametrize("error", [BadInput("form_bad"), ZeroDivisionError()])
async def test_one_bad_row_is_told_and_dropped_and_the_others_are_kept(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Moody()
    ledger.fails = lambda calls: error if any(row.id == "bad" for row in calls) else None
    writer = LedgerWriter(ledger, every_s=600)
    for name in ("a", "bad", "b"):
        writer.note(call(name))
    await writer.close()

    assert ids(ledger) == {"a", "b"}
    assert "'bad'" in caplog.text


async def test_a_full_queue_refuses_rows_with_one_line_and_neither_blocks_nor_raises(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ledger = Moody()
    writer = LedgerWriter(ledger, every_s=600, most_waiting=3)
    for number in range(9):
        writer.note(call(f"c{number}"))

    assert (writer.waiting, writer.lost) == (3, 6)
    assert sum("no room" in record.message for record in caplog.records) == 1
    await writer.close()
    assert ids(ledger) == {"c0", "c1", "c2"}
    writer.note(call("late"))
    assert ids(ledger) == {"c0", "c1", "c2"}


async def test_rows_come_from_many_threads_at_once() -> None:
    ledger = Moody()
    writer = LedgerWriter(ledger, every_s=0.001)

    def tell(teller: int) -> None:
        for number in range(200):
            writer.note(call(f"c{teller}-{number}"))

    threads = [threading.Thread(target=tell, args=(teller,)) for teller in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    await writer.close()

    assert len(ids(ledger)) == 1_000


async def test_a_slow_database_is_waited_for_by_nobody_who_notes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ledger, free = Moody(), threading.Event()
    began = threading.Event()

    def stuck(_: Sequence[Call]) -> None:
        began.set()
        free.wait(SOON_S)

    ledger.fails = stuck
    writer = LedgerWriter(ledger, every_s=0.001)
    writer.note(call("a"))
    assert began.wait(SOON_S)
    writer.note(call("b"))  # would hang here if it took a lock that writing holds
    assert writer.waiting == 2
    free.set()
    await writer.close()
    assert ids(ledger) == {"a", "b"}
