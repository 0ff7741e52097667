"""What every audit log does, the fake and the real one alike, on each database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from threading import Barrier
from typing import Any, get_args

import pytest
from sqlalchemy import Engine

from db.audit import SqlAudit
from db.audit_chain import HeadFile
from db.connect import connect
from domain.audit import ACTIONS, Action, happened
from domain.errors import BadInput, Unavailable
from domain.people import Audit, AuditEvent
from tests.db.conftest import SQL, emptied, opened
from tests.fakes_limits import MemoryAudit

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
KEY = "a key of the tests, kept out of every database"


def event(minute: float = 0, **fields: Any) -> AuditEvent:
    usual = {"action": "signed_in", "actor": "anna", "target": "session-1", "address": "203.0.113.0/24", "detail": {}}
    return AuditEvent(**{**usual, "at": NOON + timedelta(minutes=minute), **fields})


@pytest.fixture(params=["memory", *SQL])
def audit(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Audit]:
    if request.param == "memory":
        yield MemoryAudit()
        return
    with emptied(request.getfixturevalue(request.param)) as engine:
        yield SqlAudit(engine, KEY, HeadFile(tmp_path / "head", KEY.encode()))


def test_events_come_back_as_they_were_told_newest_first_and_numbered(audit: Audit) -> None:
    told = [
        event(0, detail={"with": "password", "tries": 3}),
        event(1, action="role_changed", actor="admin-1", target="anna", detail={"from": "user", "to": "member"}),
        event(
            2, actor="guest:7f3a", target="", address="", detail={"zh": "中文", "quote": '"\\\n', "big": -(2**63) + 1}
        ),
    ]
    audit.add(told[:1])
    audit.add([])
    audit.add(told[1:])

    rows = audit.find()
    assert [row.seq for row in rows] == [3, 2, 1]
    assert rows[0].event.detail == {"zh": "中文", "quote": '"\\\ufffd', "big": -(2**63) + 1}
    assert [row.event for row in rows[1:]] == [told[1], told[0]]
    assert audit.verify() is None


def test_filters_and_pages_find_what_they_name(audit: Audit) -> None:
    audit.add(
        [event(n, actor="anna" if n % 2 else "berta", action="proved" if n % 3 else "exported") for n in range(30)]
    )

    def numbers(**asked: Any) -> list[int]:
        return [row.seq for row in audit.find(**asked)]

    assert numbers(about="anna") == list(range(30, 0, -2))
    assert numbers(action="exported") == list(range(28, 0, -3))
    assert numbers(about="anna", action="exported", limit=2) == [28, 22]
    assert numbers(about="anna", action="exported", limit=2, before=22) == [16, 10]
    assert numbers(since=NOON + timedelta(minutes=27)) == [30, 29, 28]
    assert numbers(limit=0) == numbers(limit=-3) == []
    assert numbers(before=1) == numbers(about="nobody") == []
    assert numbers(before=2**80) == numbers(limit=200) == numbers(before=-5)
    for hostile in ("\0", "\ud800", "' OR 1=1 --", "x" * 100_000, "中文"):
        assert numbers(about=hostile) == numbers(action=hostile) == []


def test_what_was_done_to_somebody_is_found_with_what_they_did_each_row_once(audit: Audit) -> None:
    audit.add(
        [
            event(0, action="sign_in_failed", actor="system", target="anna"),
            event(1, actor="anna", target="session-1"),
            event(2, actor="berta", target="session-2"),
            event(3, action="suspended", actor="admin-1", target="anna"),
            event(4, action="password_changed", actor="anna", target="anna"),
        ]
    )
    assert [row.seq for row in audit.find(about="anna")] == [5, 4, 2, 1]
    assert [row.seq for row in audit.find(about="anna", limit=2)] == [5, 4]
    assert [row.seq for row in audit.find(about="anna", limit=2, before=4)] == [2, 1]
    assert [row.seq for row in audit.find(about="anna", action="suspended")] == [4]
    assert [row.seq for row in audit.find(about="admin-1")] == [4]


def test_times_are_kept_in_utc_to_the_microsecond(audit: Audit) -> None:
    audit.add([event(at=NOON.astimezone(timezone(timedelta(hours=8))))])
    assert audit.find()[0].event.at == NOON
    assert audit.verify() is None


def test_a_moment_without_a_zone_is_refused_and_nothing_of_its_batch_is_kept(audit: Audit) -> None:
    with pytest.raises(BadInput):
        audit.add([event(), event(at=datetime(2026, 3, 1))])
    assert audit.find() == []


HOSTILE = [
    "\0",
    "\ud800",
    "\udfff" * 200,
    "x" * 1_000_000,
    "\u202e\u2066",
    "'; DROP TABLE audit; --",
    "a\r\nb\x1b[2J",
    "😀" * 200,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_keeps_no_row_out_of_the_log(audit: Audit, text: str) -> None:
    audit.add([event(action=text, actor=text, target=text, address=text, detail={text: text, "n": 10**40})])
    audit.add([event()])

    kept = audit.find()[1].event
    assert audit.verify() is None
    assert len(kept.actor) <= 80 and len(kept.action) <= 64
    assert all(sign.isprintable() or sign in "\u202e\u2066" for sign in kept.actor)
    assert kept.detail["n"] == 2**63 - 1
    assert len(str(kept)) < 3_000


def test_a_detail_too_many_is_left_out(audit: Audit) -> None:
    audit.add([event(detail={f"name-{number:04}": number for number in range(5_000)})])
    assert len(audit.find()[0].event.detail) == 16


def test_yes_and_no_come_back_as_numbers_as_json_would_have_it(audit: Audit) -> None:
    audit.add([event(detail={"known": True})])
    assert [type(value) for value in audit.find()[0].event.detail.values()] == [int]


def test_writers_at_once_make_one_chain_and_lose_nothing(audit: Audit) -> None:
    start = Barrier(20)

    def write(writer: int) -> None:
        start.wait()
        for number in range(5):
            audit.add([event(number, actor=f"writer-{writer}"), event(number, target=f"{writer}-{number}")])

    with ThreadPoolExecutor(20) as crowd:
        list(crowd.map(write, range(20)))

    rows = audit.find(limit=1_000)
    assert [row.seq for row in rows] == list(range(200, 0, -1))
    assert len({row.event.target for row in rows} - {"session-1"}) == 100
    assert audit.verify() is None


@pytest.mark.parametrize("kind", SQL)
def test_writers_of_several_processes_make_one_chain(kind: Any, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Each with its own lock and connections, as processes have."""
    url = request.getfixturevalue(kind)
    with emptied(url) as engine, ExitStack() as engines:
        head = HeadFile(tmp_path / "head", KEY.encode())
        logs = [SqlAudit(engines.enter_context(opened(url)), KEY, head) for _ in range(6)]
        start = Barrier(len(logs))

        def write(log: SqlAudit) -> None:
            start.wait()
            for number in range(8):
                log.add([event(number)])

        with ThreadPoolExecutor(len(logs)) as crowd:
            list(crowd.map(write, logs))
        finding = SqlAudit(engine, KEY, head).inspect()
        assert (finding.rows, finding.broken, finding.compared) == (48, None, True)
        assert head.read() == finding.last


def test_a_long_log_is_read_page_by_page(engine: Engine) -> None:
    log = SqlAudit(engine, KEY)
    for _ in range(5):
        log.add([event(n) for n in range(500)])
    assert log.inspect().rows == 2_500


def test_a_database_that_is_away_says_so() -> None:
    with pytest.raises(Unavailable):
        SqlAudit(connect("mysql+pymysql://root@127.0.0.1:1/nothing"), KEY).add([event()])


def test_every_action_has_its_words() -> None:
    assert set(ACTIONS) == set(get_args(Action))
    assert all(words and len(name) <= 64 and name.isidentifier() for name, words in ACTIONS.items())


def test_an_event_is_made_fit_to_be_kept() -> None:
    made = happened("role_changed", NOON, "admin-1", "anna\0", to="member", count=3)
    assert made == event(
        action="role_changed", actor="admin-1", target="anna\ufffd", address="", detail={"count": 3, "to": "member"}
    )
