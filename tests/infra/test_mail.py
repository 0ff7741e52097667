"""Mail: to one person, with nothing in it that somebody slipped in, over TLS, and not lost while the server is away."""

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.connect import connect
from db.migrate import upgrade
from db.outbox import SqlOutbox
from domain.errors import BadInput
from domain.people import Mail
from infra import mail as mailers
from infra.mail import Outbox, SmtpMailer
from infra.mail_message import message, readable
from infra.smtp import Server, server
from tests.db.test_outbox import NOON, mail
from tests.infra.smtp_server import Letter, Post, certificate, post_office

FROM = "Parley <no-reply@parley.example>"


class Hands:
    """A clock that is moved by hand."""

    time = NOON + timedelta(hours=1)

    def __call__(self) -> datetime:
        return self.time

    def wait(self, **time: float) -> None:
        self.time += timedelta(**time)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('mail') / 'core.db'}"
    upgrade(url)
    return url


@pytest.fixture
def store(file: str) -> Iterator[SqlOutbox]:
    engine = connect(file)
    store = SqlOutbox(engine)
    store.purge(NOON + timedelta(days=100))
    yield store
    engine.dispose()


@pytest.fixture
def post() -> Iterator[Post]:
    with post_office() as post:
        yield post


@pytest.fixture
def clock() -> Hands:
    return Hands()


def mailer(store: SqlOutbox, post: Post, clock: Hands, url: str = "smtp://127.0.0.1:{}", **more: Any) -> SmtpMailer:
    return SmtpMailer(store, url.format(post.port), FROM, clock, every_s=600, **more)


def only(post: Post) -> Letter:
    assert len(post.letters) == 1
    return post.letters[0]


def test_a_mail_arrives_as_it_was_written(store: SqlOutbox, post: Post, clock: Hands) -> None:
    body = "Hello Anna,\n\n.\n..dots\nhttps://parley.example/recover?token=" + "x" * 200 + "\n再见 😀\n"
    store.put(mail(subject="Ein neues Paßwort 新密码", body=body))
    assert mailer(store, post, clock).deliver() == 1

    letter = only(post)
    got = message_from_bytes(letter.data, policy=policy.default)
    assert (letter.sender, letter.to) == ("<no-reply@parley.example>", ["<anna@example.org>"])
    assert (got["from"], got["to"], got["subject"]) == (FROM, "anna@example.org", "Ein neues Paßwort 新密码")
    assert got.get_content().replace("\r\n", "\n") == body
    assert got["message-id"] == "<mail-001@parley.example>"
    assert got["auto-submitted"] == "auto-generated"
    assert all(sign < 128 for sign in letter.data)
    assert all(len(line) <= 998 for line in letter.data.split(b"\r\n"))
    assert store.newest() == []  # nothing of it is kept


HOSTILE = [
    "x\r\nBcc: eve@example.org",
    "x\nX: y",
    "x\r\n\r\n<b>",
    "a\0b",
    "\ud800",
    "\u202e",
    "\x85NEL",
    "\u2028X: y",
    "x" * 100_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_becomes_a_header(store: SqlOutbox, post: Post, clock: Hands, text: str) -> None:
    store.put(readable(mail(subject=text, body=text)))  # as both mailers do
    assert mailer(store, post, clock).deliver() == 1

    got = message_from_bytes(only(post).data, policy=policy.default)
    assert sorted(name.lower() for name in got) == [
        "auto-submitted", "content-transfer-encoding", "content-type", "date", "from", "message-id", "mime-version",
        "subject", "to",
    ]  # fmt: skip
    assert only(post).to == ["<anna@example.org>"]


ANY = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("\r\n\0: \ud800=?")), max_size=60)


@given(ANY, ANY)
def test_whatever_is_written_there_is_one_body_one_recipient_and_nine_headers(subject: str, body: str) -> None:
    made = message(mail(subject=subject, body=body), FROM).as_bytes()
    got = message_from_bytes(made, policy=policy.default)
    assert len(got.keys()) == 9
    assert got["to"] == "anna@example.org"
    assert not got.is_multipart()
    assert b"\n" not in made.replace(b"\r\n", b"")


BAD = [
    "", "anna", "@", "anna@", "@example.org", "anna@example.org, eve@example.org",
    "anna@example.org\r\nRCPT TO:<eve@x>",
    "anna@example.org eve@x", "<anna@example.org>", "Anna <anna@example.org>", '"a b"@example.org', "a@b@c",
    "anna@example.org\0", "anna;eve@example.org", "g:anna@example.org;", "\ud800@example.org", "anna@[127.0.0.1]",
    "(c)anna@example.org", "x" * 300 + "@example.org", "anna@example.org\n", "\tanna@example.org",
]  # fmt: skip


@pytest.mark.parametrize("to", BAD)
def test_what_is_not_one_address_is_refused_before_it_is_kept(
    store: SqlOutbox, post: Post, clock: Hands, to: str
) -> None:
    for one in (Outbox(store), mailer(store, post, clock)):
        with pytest.raises(BadInput, match="email_bad"):
            one.send(mail(to=to))
    with pytest.raises(BadInput):
        message(mail(to=to), FROM)
    assert store.newest() == []
    assert post.commands == []


def test_sending_never_waits_for_a_server(store: SqlOutbox, clock: Hands) -> None:
    """A server that takes the connection and then says nothing."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"smtp://127.0.0.1:{silent.getsockname()[1]}"
        sending = SmtpMailer(store, url, FROM, clock, every_s=600)
        sending.send(mail())
        silent.settimeout(60)
        connection, _ = silent.accept()  # the thread is there, and waits
        silent.close()  # what it tries next is refused, not left waiting
        sending.send(mail(2))
        assert len(store.newest()) == 2
        connection.close()
        asyncio.run(sending.close())
    assert not [thread for thread in threading.enumerate() if thread.name == "mail"]


def test_the_thread_delivers_what_is_sent_and_what_was_left(store: SqlOutbox, clock: Hands) -> None:
    arrived = threading.Semaphore(0)
    with post_office() as post:
        post.answer = lambda command: arrived.release() if command == "received" else None
        store.put(mail(1))  # by a process that ended
        sending = mailer(store, post, clock)
        sending.start()
        assert arrived.acquire(timeout=60)
        sending.send(mail(2))
        assert arrived.acquire(timeout=60)
        asyncio.run(sending.close())
        sending.send(mail(3))  # after the end: kept for the next start
    assert [letter.data.count(b"mail-00") for letter in post.letters] == [1, 1]
    assert [each.id for each in store.newest()] == ["mail-003"]


def test_a_server_that_is_away_costs_no_mail_and_is_asked_less_and_less(
    store: SqlOutbox, post: Post, clock: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    store.put(mail())
    post.answer = lambda command: "421 4.3.2 anna@example.org: not now"
    sending = mailer(store, post, clock)
    tried = []
    for minute in range(40):
        if sending.deliver():
            tried.append(minute)
        clock.wait(minutes=1)
    assert tried == [0, 1, 3, 7, 15, 31]
    assert "anna" not in caplog.text

    post.answer = lambda command: None
    clock.wait(hours=1)
    assert sending.deliver() == 1
    only(post)


def test_after_two_days_it_is_given_up_and_the_log_names_the_mail_and_nobody(
    store: SqlOutbox, post: Post, clock: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    store.put(mail())
    post.answer = lambda command: "421 not now"
    sending = mailer(store, post, clock)
    for _ in range(60):
        sending.deliver()
        clock.wait(hours=1)
    assert store.newest() == []
    assert "mail mail-001 is given up after" in caplog.text
    assert "anna" not in caplog.text and "https" not in caplog.text


@pytest.mark.parametrize(
    ("verb", "reply", "kept"),
    [
        ("RCPT", "550 no such user anna@example.org", False),
        ("RCPT", "450 greylisted", True),
        ("MAIL", "550 who are you", True),  # our setting is wrong, not the mail
        ("MAIL", "451 later", True),
        ("DATA", "554 no", False),
        ("received", "554 spam", False),
        ("received", "452 full", True),
        ("received", "", True),  # hangs up
        ("RCPT", "", True),
        ("RCPT", "nonsense", True),
    ],
)
def test_a_refusal_for_ever_ends_a_mail_and_any_other_puts_it_off(
    store: SqlOutbox, post: Post, clock: Hands, caplog: pytest.LogCaptureFixture, verb: str, reply: str, kept: bool
) -> None:
    store.put(mail(1))
    store.put(mail(2, to="berta@example.org"))
    broken = [True]

    def answer(command: str) -> str | None:
        if broken[0] and command.startswith(verb):
            broken[0] = False  # only the first mail meets it
            return reply
        return None

    post.answer = answer
    caplog.set_level(logging.INFO)
    sending = mailer(store, post, clock)
    sending.deliver()
    clock.wait(hours=1)
    sending.deliver()
    arrived = {to for letter in post.letters for to in letter.to}
    assert arrived == ({"<anna@example.org>"} if kept else set()) | {"<berta@example.org>"}
    assert store.newest() == []
    assert "anna" not in caplog.text


def test_a_row_that_cannot_be_read_is_dropped_and_the_rest_delivered(
    store: SqlOutbox, post: Post, clock: Hands, file: str
) -> None:
    store.put(mail(1))
    store.put(mail(2))
    engine = connect(file)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE outbox SET mail = '[]' WHERE id = 'mail-001'")
    engine.dispose()
    mailer(store, post, clock).deliver()
    only(post)
    assert store.newest() == []


def test_mail_to_another_machine_goes_over_tls_and_then_gives_the_password(
    store: SqlOutbox, clock: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, ours = certificate(tmp_path)
    store.put(mail())
    monkeypatch.setattr("infra.smtp.loopback", lambda host: False)
    with post_office(theirs, offers=("AUTH PLAIN",)) as post:
        mailer(store, post, clock, "smtp://an%40na:p%3Ass@127.0.0.1:{}", context=ours).deliver()
    assert only(post).encrypted and only(post).user == "an@na"
    before = post.commands.index("STARTTLS")
    assert not [line for line in post.commands[:before] if line.startswith(("AUTH", "MAIL"))]


def test_tls_from_the_beginning_works_too(store: SqlOutbox, clock: Hands, tmp_path: Path) -> None:
    theirs, ours = certificate(tmp_path)
    store.put(mail())
    with post_office(theirs, whole=True) as post:
        mailer(store, post, clock, "smtps://127.0.0.1:{}", context=ours).deliver()
    only(post)


@pytest.mark.parametrize("fault", ["no STARTTLS", "unknown issuer", "another name", "refuses"])
def test_without_good_tls_nothing_leaves_and_nothing_is_lost(
    store: SqlOutbox, clock: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    theirs, ours = certificate(tmp_path, "other.test" if fault == "another name" else "127.0.0.1")
    store.put(mail())
    monkeypatch.setattr("infra.smtp.loopback", lambda host: False)
    with post_office(None if fault == "no STARTTLS" else theirs, offers=("AUTH PLAIN",)) as post:
        if fault == "refuses":
            post.answer = lambda command: "454 TLS not available" if command == "STARTTLS" else None
        context = None if fault == "unknown issuer" else ours
        mailer(store, post, clock, "smtp://anna:secret@127.0.0.1:{}", context=context).deliver()
    assert post.letters == []
    assert not [line for line in post.commands if line.startswith(("AUTH", "MAIL"))]
    assert len(store.newest()) == 1


def test_the_url_of_a_server_says_how_to_reach_it() -> None:
    assert server("smtp://mail.example.org") == Server("mail.example.org", 587, "starttls")
    assert server("smtp://mail.example.org:25") == Server("mail.example.org", 25, "starttls")
    assert server("smtps://u:p@mail.example.org") == Server("mail.example.org", 465, "whole", "u", "p")
    for here in ("localhost", "127.0.0.1", "[::1]"):
        assert server(f"smtp://{here}:2525").tls == "none"
    for there in ("127.0.0.1.example.org", "10.0.0.1", "localhost.example.org"):
        assert server(f"smtp://{there}").tls == "starttls"
    for bad in ("", "http://x", "smtp://", "smtp:mail.example.org", "smtp://mail.example.org:99999"):
        with pytest.raises(ValueError, match=r"MAIL|[Pp]ort"):
            server(bad)


def test_a_sender_that_is_none_is_found_at_the_start(store: SqlOutbox) -> None:
    for sender in ("", "Parley", "a@b, c@d", "a@b\nBcc: c@d"):
        with pytest.raises(BadInput):
            SmtpMailer(store, "smtp://127.0.0.1", sender)


def test_the_outbox_of_development_keeps_mail_to_be_read(store: SqlOutbox) -> None:
    box = Outbox(store)
    for day in range(10):
        box.send(mail(day, at=NOON + timedelta(days=day)))
    box.start()
    asyncio.run(box.close())
    assert [each.id for each in box.newest(3)] == ["mail-009", "mail-008", "mail-007"]
    assert len(box.newest()) == mailers.KEEP.days + 1


def test_real_mail_is_not_shown(store: SqlOutbox, post: Post, clock: Hands) -> None:
    store.put(mail())
    assert mailer(store, post, clock).newest() == []
    assert isinstance(mail(), Mail)


def test_a_week_of_development_is_not_delivered_by_the_first_real_mail_server(
    store: SqlOutbox, post: Post, clock: Hands
) -> None:
    Outbox(store).send(mail(1))
    Outbox(store).send(mail(2, at=clock()))
    sending = mailer(store, post, clock)
    assert sending.deliver() == 0
    clock.wait(days=7)
    sending.start()
    asyncio.run(sending.close())
    assert [each.id for each in store.newest()] == ["mail-002"]
    assert post.letters == []
