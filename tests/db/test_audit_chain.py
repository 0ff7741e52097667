"""Whoever has the database and not the key cannot change the log unseen."""

import itertools
import os
import re
import secrets
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from db.audit import SqlAudit
from db.audit_chain import Head, HeadBroken, HeadFile, row_mac
from db.audit_verify import main
from db.connect import connect
from domain.audit import clean
from tests.db.conftest import emptied, server_database
from tests.db.test_audit_contract import KEY, NOON, event

ROWS = 12


class Log:
    """A log with twelve rows, and the database open to an attacker."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.head = engine, HeadFile(folder / "audit-head", KEY.encode())
        self.log = SqlAudit(engine, KEY, self.head)
        self.log.add([event(number, actor=f"user-{number}", detail={"n": number}) for number in range(ROWS)])

    def attack(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def found(self) -> tuple[int | None, str]:
        finding = self.log.inspect()
        assert self.log.verify() == finding.broken
        return finding.broken, finding.why


@pytest.fixture
def log(engine: Engine, tmp_path: Path) -> Log:
    return Log(engine, tmp_path)


def test_a_log_that_nobody_touched_is_whole(log: Log) -> None:
    assert log.found() == (None, "")


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'user-8'", "actor = 'user-4 '", "action = 'signed_out'", "target = ''", "address = ''",
        "at = '2026-03-01 12:04:00.123457'", "detail = '{\"n\":5}'", "detail = '{\"n\": 4}'", "mac = ''",
        "mac = 'f00d'", "mac = 'é'", "actor = '\u202e'", "detail = '{}'",
    ],
)  # fmt: skip
def test_any_column_of_any_row_that_is_changed_is_found(log: Log, change: str) -> None:
    log.attack(f"UPDATE audit SET {change} WHERE seq = 5")  # noqa: S608
    assert log.found() == (5, "changed")


@pytest.mark.parametrize("row", [1, 2, 7, ROWS - 1])
def test_a_row_that_is_taken_out_is_found(log: Log, row: int) -> None:
    log.attack(f"DELETE FROM audit WHERE seq = {row}")  # noqa: S608
    assert log.found() == (row, "missing")


@pytest.mark.parametrize("row", [1, 2, 7, ROWS - 1])
def test_a_row_that_is_taken_out_is_found_when_the_others_move_up(log: Log, row: int) -> None:
    log.attack(f"DELETE FROM audit WHERE seq = {row}")  # noqa: S608
    for number in range(row + 1, ROWS + 1):
        log.attack(f"UPDATE audit SET seq = {number - 1} WHERE seq = {number}")  # noqa: S608
    assert log.found() == (row, "changed")


def test_rows_that_change_places_are_found(log: Log) -> None:
    log.attack(
        "UPDATE audit SET seq = 100 WHERE seq = 4",
        "UPDATE audit SET seq = 4 WHERE seq = 5",
        "UPDATE audit SET seq = 5 WHERE seq = 100",
    )
    assert log.found() == (4, "changed")


@pytest.mark.parametrize("number", [ROWS + 1, 0, -3, 2**62])
def test_a_row_that_is_put_in_is_found(log: Log, number: int) -> None:
    copied = "at, action, actor, target, address, detail, mac"
    log.attack(f"INSERT INTO audit (seq, {copied}) SELECT {number}, {copied} FROM audit WHERE seq = 12")  # noqa: S608
    assert log.found()[0] == (ROWS + 1 if number > ROWS else number)


@pytest.mark.parametrize("kept", [0, 1, ROWS - 1])
def test_an_end_that_was_cut_off_is_found_by_the_head(log: Log, kept: int) -> None:
    log.attack(f"DELETE FROM audit WHERE seq > {kept}")  # noqa: S608
    assert log.found() == (kept + 1, "cut")


def test_a_cut_end_that_grew_again_is_found_by_the_head(log: Log) -> None:
    """The program itself went on writing after the attack: the chain is whole, but it is not the one we knew."""
    log.attack("DELETE FROM audit WHERE seq > 8")
    unwitting = SqlAudit(log.engine, KEY)
    unwitting.add([event(number) for number in range(4)])
    assert log.found() == (12, "other")
    unwitting.add([event(number) for number in range(4)])
    assert log.found() == (12, "other")


def test_rows_that_we_signed_ourselves_cannot_be_put_between_others(log: Log) -> None:
    """The end is taken away for a while, the program writes on, and then the old end comes back over the new one."""
    names = "seq, at, action, actor, target, address, detail, mac"
    log.attack(f"CREATE TABLE aside AS SELECT {names} FROM audit WHERE seq > 9", "DELETE FROM audit WHERE seq > 8")  # noqa: S608
    try:
        SqlAudit(log.engine, KEY).add([event(actor="other")])
        log.attack(f"INSERT INTO audit ({names}) SELECT {names} FROM aside")  # noqa: S608
        assert log.found() == (10, "changed")
    finally:
        log.attack("DROP TABLE aside")


def test_without_a_head_a_cut_end_cannot_be_seen_and_the_finding_admits_it(log: Log) -> None:
    log.attack("DELETE FROM audit WHERE seq > 8")
    finding = SqlAudit(log.engine, KEY).inspect()
    assert (finding.rows, finding.broken, finding.compared) == (8, None, False)


def test_a_head_that_was_noted_elsewhere_sees_what_a_local_one_that_is_gone_cannot(log: Log) -> None:
    noted = log.log.inspect().last
    log.attack("DELETE FROM audit WHERE seq > 8")
    blind = SqlAudit(log.engine, KEY)
    assert blind.inspect(noted).why == "cut"
    blind.add([event(number) for number in range(9)])
    assert blind.inspect(noted).why == "other"


def test_the_programs_log_says_a_head_an_hour_that_can_be_asked_for_later(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """Where no file outlives the process, the log that is kept elsewhere has what a cut end is seen by."""
    now = [7_000.0]
    audit = SqlAudit(engine, KEY, monotonic=lambda: now[0])
    with caplog.at_level("INFO", "db.audit"):
        for minutes in (0, 20, 59, 61, 90):
            now[0] = 7_000.0 + minutes * 60
            audit.add([event(minutes)])
    told = re.findall(r"head of the audit log is (\d+):(\w{64})", caplog.text)
    heads = [Head(int(seq), mac) for seq, mac in told]
    assert [head.seq for head in heads] == [1, 4]
    assert audit.inspect(heads[1]).broken is None
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit WHERE seq > 3")
    assert audit.inspect(heads[1]).broken == 4


def test_another_key_fits_no_row(log: Log) -> None:
    finding = SqlAudit(log.engine, "another key").inspect()
    assert (finding.broken, finding.why) == (1, "changed")


def test_a_row_by_somebody_without_the_key_is_found(log: Log) -> None:
    SqlAudit(log.engine, "the attacker's").add([event()])
    assert log.found() == (ROWS + 1, "changed")


def test_a_head_that_was_written_by_somebody_else_is_found(log: Log, tmp_path: Path) -> None:
    for forged in ("", "3", "8 abc def", "-1 a b", "9" * 5_000, "\xff\x00"):
        (tmp_path / "audit-head").write_bytes(forged.encode("latin-1"))
        with pytest.raises(HeadBroken):
            log.head.read()
        assert log.found() == (ROWS + 1, "head")
    log.log.add([event()])  # goes on, and does not paint it over
    assert log.found() == (ROWS + 2, "head")


def test_a_head_signed_for_one_row_fits_no_other(log: Log, tmp_path: Path) -> None:
    file = tmp_path / "audit-head"
    file.write_text(file.read_text().replace("12 ", "8 ", 1))
    assert log.found() == (ROWS + 1, "head")


def test_the_head_only_moves_forward_and_is_for_its_owner_only(log: Log, tmp_path: Path) -> None:
    log.head.move(Head(3, "x"))
    assert log.head.read() == log.log.inspect().last
    assert (tmp_path / "audit-head").stat().st_mode & 0o777 == 0o600


def test_a_head_that_cannot_be_written_loses_no_row(engine: Engine, tmp_path: Path) -> None:
    log = SqlAudit(engine, KEY, HeadFile(tmp_path / "no such folder" / "head", KEY.encode()))
    log.add([event()])
    assert len(log.find()) == 1


def test_rows_that_were_made_unreadable_are_named_and_the_page_of_the_log_still_opens(
    sqlite: str, tmp_path: Path
) -> None:
    """SQLite keeps anything in any column."""
    with emptied(sqlite) as engine:
        for column, value in (("at", "'soon'"), ("at", "x'ff'"), ("actor", "x'ff'"), ("detail", "x'c328'"),
                              ("actor", "CAST(x'c328' AS TEXT)"), ("mac", "7"), ("seq", "'five'")):  # fmt: skip
            log = Log(engine, tmp_path)
            log.attack(f"UPDATE audit SET {column} = {value} WHERE seq = 5")  # noqa: S608
            broken, why = log.found()
            assert broken == 5, (column, value, why)
            assert len(log.log.find(limit=50)) >= ROWS - 1
            log.attack("DELETE FROM audit")
            (tmp_path / "audit-head").unlink()


TEXTS = st.text(alphabet=st.one_of(st.characters(), st.sampled_from('",[]{}\\ \0\ud800')), max_size=20)
EVENTS = st.builds(
    event,
    action=TEXTS, actor=TEXTS, target=TEXTS, address=TEXTS,
    at=st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    detail=st.dictionaries(TEXTS, st.one_of(TEXTS, st.integers()), max_size=4),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(EVENTS, min_size=2, max_size=5))
def test_no_two_different_rows_have_one_encoding_and_every_text_is_kept_whole(
    migrated_file: Path, events: list[Any]
) -> None:
    with emptied(f"sqlite:///{migrated_file}") as engine:
        log = SqlAudit(engine, KEY)
        log.add(events)
        assert [row.event for row in reversed(log.find())] == [clean(each) for each in events]
        assert log.verify() is None

    def mac(each: Any) -> str:
        kept = clean(each)
        return row_mac(b"k", {**msgspec.structs.asdict(kept), "seq": 1, "detail": str(kept.detail)}, "")

    for one, other in itertools.combinations(events, 2):
        assert (mac(one) == mac(other)) == (clean(one) == clean(other))


@given(TEXTS, TEXTS)
def test_texts_cannot_be_shifted_from_one_column_to_the_next(one: str, other: str) -> None:
    row: dict[str, Any] = {
        "seq": 1,
        "at": NOON,
        "action": "a",
        "actor": clean(event(actor=one)).actor,
        "address": "",
        "detail": "{}",
    }
    shifted = {**row, "actor": row["actor"] + "x", "target": clean(event(target=other)).target}
    assert row_mac(b"k", {**row, "target": "x" + shifted["target"]}, "") != row_mac(b"k", shifted, "")


WRITER = """
import sys
from pathlib import Path
from db.audit import SqlAudit
from db.audit_chain import HeadFile
from db.connect import connect
from tests.db.test_audit_contract import KEY, event
log = SqlAudit(connect(sys.argv[1]), KEY, HeadFile(Path(sys.argv[2]), KEY.encode()))
for number in range(100_000):
    log.add([event(number)])
    print(number + 1, flush=True)
"""


def test_a_writer_that_is_killed_loses_no_acknowledged_row_and_breaks_nothing(sqlite: str, tmp_path: Path) -> None:
    with emptied(sqlite) as engine:
        head = HeadFile(tmp_path / "audit-head", KEY.encode())
        before = 0
        for wanted in (3, 10):
            with subprocess.Popen(
                [sys.executable, "-c", WRITER, sqlite, str(tmp_path / "audit-head")],
                stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."},
            ) as writer:  # fmt: skip
                assert writer.stdout
                told = [next(writer.stdout) for _ in range(wanted)]
                writer.send_signal(signal.SIGKILL)
                told += list(writer.stdout)
            finding = SqlAudit(engine, KEY, head).inspect()
            assert finding.broken is None
            assert finding.rows - before >= len([line for line in told if line.endswith("\n")])
            before = finding.rows


def test_the_command_names_the_first_broken_row(
    sqlite: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "audit-key").write_text(KEY + "\n")
    env = {"CORE_URL": sqlite, "DATA_DIR": str(tmp_path)}
    with emptied(sqlite) as engine:
        log = Log(engine, tmp_path)
        assert main([], env) == 0
        out = capsys.readouterr().out
        assert "whole: 12 rows" in out and "could not be seen" not in out
        noted = out.split("elsewhere: ")[1].strip()

        log.attack("UPDATE audit SET actor = 'me' WHERE seq = 7")
        assert main([], env) == 1
        assert "BROKEN: row 7 was changed" in capsys.readouterr().out

        log.attack("DELETE FROM audit WHERE seq > 5")
        (tmp_path / "audit-head").unlink()
        assert main([], {**env, "AUDIT_KEY": KEY}) == 0
        assert "could not be seen" in capsys.readouterr().out
        assert main(["--expect", noted], env) == 1
        assert "BROKEN: row 6 is missing" in capsys.readouterr().out


def test_the_command_says_what_it_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = f"sqlite:///{tmp_path / 'empty.db'}"
    for env, words in (
        ({"DATA_DIR": str(tmp_path)}, "there is no database"),
        ({"DATA_DIR": str(tmp_path), "CORE_URL": empty}, "AUDIT_KEY is not set"),
        ({"DATA_DIR": str(tmp_path), "CORE_URL": empty, "AUDIT_KEY": KEY}, "does not answer"),
        ({"DATA_DIR": str(tmp_path), "CORE_URL": "gopher://x", "AUDIT_KEY": KEY}, "no such database"),
    ):
        assert main([], env) == 2
        assert words in capsys.readouterr().out
    assert main(["--expect", "12"], {"DATA_DIR": str(tmp_path)}) == 2


@pytest.mark.server
@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_the_command_says_so_of_a_server_that_nobody_has_migrated(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with server_database(kind) as url:
        assert main([], {"CORE_URL": url, "DATA_DIR": str(tmp_path), "AUDIT_KEY": KEY}) == 2
    assert "has no such table" in capsys.readouterr().out


@pytest.mark.server
@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_a_user_of_the_database_who_may_only_add_and_read_is_enough(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """The grants that docs/audit.md advises."""
    name = f"parley_{secrets.token_hex(4)}"
    login = f"{name}@127.0.0.1" if kind == "mysql" else name
    with emptied(request.getfixturevalue(kind)) as engine:
        url = engine.url.set(username=name).render_as_string(hide_password=False)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE USER {login}")
            connection.exec_driver_sql(f"GRANT SELECT, INSERT ON audit TO {login}")
        limited = connect(url)
        try:
            log = Log(limited, tmp_path)
            assert log.found() == (None, "")
            for statement in ("UPDATE audit SET actor = 'me'", "DELETE FROM audit", "TRUNCATE TABLE audit"):
                with pytest.raises(DBAPIError, match="denied"):
                    log.attack(statement)
            assert log.found() == (None, "")
        finally:
            limited.dispose()
            with engine.begin() as connection:
                if kind == "postgresql":
                    connection.exec_driver_sql(f"DROP OWNED BY {login}")
                connection.exec_driver_sql(f"DROP USER {login}")
