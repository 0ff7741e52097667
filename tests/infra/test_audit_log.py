"""The writer of the audit log: deeds are kept before they are answered, failures of engines behind the back."""

import asyncio
import logging
import threading
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from domain.audit import happened
from domain.errors import Unavailable
from domain.people import AuditEvent
from infra.audit_log import AuditWriter
from tests.fakes_limits import MemoryAudit

pytestmark = pytest.mark.anyio
SOON_S = 60
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Moody(MemoryAudit):
    """A log that fails for as long as it is told to, and says when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.error: Exception | None = None
        self.asked = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()

    def add(self, events: Sequence[AuditEvent]) -> None:
        assert self.gate.wait(SOON_S)
        try:
            if self.error is not None:
                raise self.error
            super().add(events)
        finally:
            self.asked.release()


def signed_in() -> AuditEvent:
    return happened("signed_in", NOON, "anna")


async def test_a_deed_is_in_the_log_before_its_answer() -> None:
    audit = Moody()
    await AuditWriter(audit).record(signed_in())
    assert [row.event for row in audit.rows] == [signed_in()]


async def test_a_deed_that_cannot_be_kept_is_not_answered() -> None:
    audit = Moody()
    audit.error = Unavailable("store_unavailable")
    with pytest.raises(Unavailable):
        await AuditWriter(audit).record(signed_in())


async def test_writing_does_not_hold_up_the_loop() -> None:
    audit = Moody()
    audit.gate.clear()
    writing = asyncio.create_task(AuditWriter(audit).record(signed_in()))
    await asyncio.sleep(0)  # the loop goes on: this line is reached while the database takes its time
    assert not writing.done()
    audit.gate.set()
    await writing


async def test_who_goes_away_does_not_take_the_row_with_them() -> None:
    audit = Moody()
    audit.gate.clear()
    writing = asyncio.create_task(AuditWriter(audit).record(signed_in()))
    await asyncio.sleep(0)  # it has begun
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    audit.gate.set()
    assert await asyncio.to_thread(audit.asked.acquire, timeout=SOON_S)
    assert len(audit.rows) == 1


async def test_equal_failures_are_one_row_with_their_number() -> None:
    audit = Moody()
    writer = AuditWriter(audit, lambda: NOON, every_s=600)
    for _ in range(2_000):
        writer.engine_failed("asr", "asr_failed")
    writer.engine_failed("tts", "engine_late")
    assert writer.waiting == 2
    await writer.close()

    assert [(row.event.target, row.event.detail) for row in audit.rows] == [
        ("asr", {"code": "asr_failed", "times": 2_000}),
        ("tts", {"code": "engine_late", "times": 1}),
    ]
    assert not [thread for thread in threading.enumerate() if thread.name == "audit"]


async def test_failures_are_written_without_being_asked_and_counted_anew() -> None:
    audit = Moody()
    writer = AuditWriter(audit, every_s=0.01)
    for times in (1, 2):
        writer.engine_failed("llm", "llm_failed")
        assert await asyncio.to_thread(audit.asked.acquire, timeout=SOON_S)
        assert len(audit.rows) == times
    await writer.close()
    assert [row.event.detail["times"] for row in audit.rows] == [1, 1]


@pytest.mark.parametrize("error", [Unavailable("store_unavailable"), RuntimeError("a fault of ours")])
async def test_failures_wait_while_the_database_is_away(error: Exception) -> None:
    audit = Moody()
    audit.error = error
    writer = AuditWriter(audit, every_s=0.01)
    writer.engine_failed("llm", "llm_failed")
    for _ in range(3):
        assert await asyncio.to_thread(audit.asked.acquire, timeout=SOON_S)
    writer.engine_failed("llm", "llm_failed")
    audit.error = None
    await writer.close()
    assert sum(int(row.event.detail["times"]) for row in audit.rows) == 2
    assert writer.waiting == 0


async def test_what_finds_no_room_is_lost_and_told(caplog: pytest.LogCaptureFixture) -> None:
    writer = AuditWriter(Moody(), every_s=600, most_waiting=3)
    with caplog.at_level(logging.ERROR):
        for number in range(10):
            writer.engine_failed("llm", f"code_{number}")
    assert (writer.waiting, writer.lost) == (3, 7)
    assert "no room" in caplog.text
    await writer.close()


async def test_the_end_of_the_program_does_not_wait_for_a_database_that_is_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    audit = Moody()
    audit.error = Unavailable("store_unavailable")
    writer = AuditWriter(audit, every_s=600, close_s=0)
    writer.engine_failed("llm", "llm_failed")
    await writer.close()
    assert "could not be written before the end: 1" in caplog.text
    writer.engine_failed("asr", "asr_failed")
    assert writer.lost == 1


async def test_a_writer_that_was_never_used_has_no_thread_and_closes_twice() -> None:
    writer = AuditWriter(Moody())
    await writer.close()
    await writer.close()
