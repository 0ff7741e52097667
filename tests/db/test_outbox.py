"""The outbox on each database: nothing promised is lost, nothing is sent by two at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine, text

from db.outbox import SqlOutbox, Waiting
from domain.errors import BadInput
from domain.people import Mail

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def mail(number: int = 1, **fields: Any) -> Mail:
    usual = {"to": "anna@example.org", "kind": "recover", "subject": "A new password", "body": "Here:\nhttps://x/1\n"}
    return Mail(**{**usual, "id": f"mail-{number:03}", "at": NOON + timedelta(seconds=number), **fields})


@pytest.fixture
def outbox(engine: Engine) -> SqlOutbox:
    return SqlOutbox(engine)


def test_mail_is_due_at_once_and_the_oldest_first(outbox: SqlOutbox) -> None:
    for number in (3, 1, 2):
        outbox.put(mail(number))
    assert outbox.claim(NOON, 60) == []
    assert outbox.claim(NOON + timedelta(seconds=2), 60) == [
        Waiting("mail-001", mail(1), 1),
        Waiting("mail-002", mail(2), 1),
    ]


def test_what_one_has_taken_nobody_else_gets_until_its_time_is_over(outbox: SqlOutbox) -> None:
    outbox.put(mail())
    soon = NOON + timedelta(seconds=10)
    assert len(outbox.claim(soon, 60)) == 1
    assert outbox.claim(soon + timedelta(seconds=59), 60) == []
    assert outbox.claim(soon + timedelta(seconds=60), 60) == [Waiting("mail-001", mail(), 2)]  # that one died


def test_mail_is_put_off_and_done(outbox: SqlOutbox) -> None:
    outbox.put(mail(1))
    outbox.put(mail(2))
    outbox.claim(NOON + timedelta(minutes=1), 60)
    outbox.later("mail-001", NOON + timedelta(hours=1))
    outbox.done("mail-002")
    assert outbox.claim(NOON + timedelta(minutes=59), 60) == []
    assert [each.id for each in outbox.claim(NOON + timedelta(hours=1), 60)] == ["mail-001"]
    assert outbox.newest() == [mail(1)]
    outbox.done("mail-001")
    outbox.done("nobody")
    assert outbox.newest() == []


def test_a_mail_put_twice_is_one(outbox: SqlOutbox) -> None:
    outbox.put(mail())
    outbox.put(mail(body="another"))
    assert outbox.newest() == [mail()]


def test_what_is_only_to_be_read_is_never_due(outbox: SqlOutbox) -> None:
    outbox.put(mail(1), to_be_sent=False)
    outbox.put(mail(2))
    assert [each.id for each in outbox.claim(NOON + timedelta(days=1), 60)] == ["mail-002"]
    assert [each.id for each in outbox.newest()] == ["mail-002", "mail-001"]


def test_the_newest_come_first_and_old_ones_are_purged(outbox: SqlOutbox) -> None:
    for number in range(10):
        outbox.put(mail(number))
    assert [each.id for each in outbox.newest(2)] == ["mail-009", "mail-008"]
    assert outbox.newest(0) == []
    assert outbox.purge(NOON + timedelta(seconds=7)) == 7
    assert [each.id for each in outbox.newest()] == ["mail-009", "mail-008", "mail-007"]


def test_twenty_workers_take_each_mail_once(outbox: SqlOutbox) -> None:
    for number in range(40):
        outbox.put(mail(number))
    start = Barrier(20)

    def work(_: int) -> list[str]:
        start.wait()
        return [each.id for each in outbox.claim(NOON + timedelta(hours=1), 60, 10)]

    with ThreadPoolExecutor(20) as crowd:
        taken = [name for names in crowd.map(work, range(20)) for name in names]
    taken += [each.id for _ in range(4) for each in outbox.claim(NOON + timedelta(hours=1), 60, 10)]
    assert sorted(taken) == [f"mail-{number:03}" for number in range(40)]


def test_a_row_that_cannot_be_read_does_not_stop_the_others(outbox: SqlOutbox, engine: Engine) -> None:
    outbox.put(mail(1))
    outbox.put(mail(2))
    with engine.begin() as connection:
        connection.execute(text("UPDATE outbox SET mail = '{\"to\"' WHERE id = 'mail-001'").bindparams())
    assert outbox.newest() == [mail(2)]
    assert [each.mail for each in outbox.claim(NOON + timedelta(hours=1), 60)] == [None, mail(2)]


@pytest.mark.parametrize("body", ["中文\n" * 30_000, "\u202e'; DROP TABLE outbox; --", "a\0b", "😀"])
def test_any_text_comes_back_as_it_was(outbox: SqlOutbox, body: str) -> None:
    outbox.put(mail(body=body))
    assert outbox.newest() == [mail(body=body)]


def test_a_mail_without_a_usable_id_is_refused(outbox: SqlOutbox) -> None:
    for name in ("", "two words", "x" * 65, "\0"):
        with pytest.raises(BadInput):
            outbox.put(mail(id=name))
