"""The mailers: domain.people.Mailer by SMTP, and for development an outbox that is only read."""

import asyncio
import logging
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from db.outbox import SqlOutbox, Waiting
from domain.errors import BadInput, Unavailable
from domain.people import Mail
from infra.mail_message import message, readable, sender_of
from infra.smtp import Connection, Later, Refused, server

log = logging.getLogger(__name__)
EVERY_S = 15.0  # how often the outbox is looked at for what others left, or what is to be tried again
FIRST_PAUSE_S, LONGEST_PAUSE_S = 60.0, 4 * 3_600.0
GIVE_UP = timedelta(days=2)
AT_ONCE = 20
LEASE_S = 600.0  # longer than AT_ONCE mails take; a worker that died has its mails sent by another after it
KEEP = timedelta(days=7)  # mails of a development outbox; longer than GIVE_UP
CLOSE_S = 5.0


class Outbox:
    """For development: mail stays in the table, and GET /outbox shows it."""

    def __init__(self, store: SqlOutbox) -> None:
        self._store = store

    def send(self, mail: Mail) -> None:
        """Raises BadInput("email_bad"), Unavailable."""
        self._store.put(readable(mail), to_be_sent=False)
        self._store.purge(mail.at - KEEP)

    def newest(self, limit: int = 50) -> list[Mail]:
        return self._store.newest(limit)

    def start(self) -> None:
        """Nothing to be done."""

    async def close(self) -> None:
        """Nothing to be done."""


class SmtpMailer:
    """Mail goes into the outbox and from there, by one thread, to the server. `url` is the setting MAIL."""

    def __init__(
        self,
        store: SqlOutbox,
        url: str,
        sender: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        every_s: float = EVERY_S,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._store, self._sender, self._now, self._every_s = store, sender, now, every_s
        self._server, self._context = server(url), context
        self._from = sender_of(sender).addr_spec
        self._wake, self._closing = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def send(self, mail: Mail) -> None:
        """Keep it and return. Raises BadInput("email_bad"), Unavailable when it cannot be kept."""
        self._store.put(readable(mail))
        self.start()
        self._wake.set()

    def newest(self, limit: int = 50) -> list[Mail]:
        """Of real mail nobody reads what waits."""
        return []

    def start(self) -> None:
        """Begin with what is left from before."""
        with self._lock:
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._run, name="mail", daemon=True)
                self._thread.start()

    async def close(self) -> None:
        """End soon. What was not delivered stays in the outbox for the next start."""
        with self._lock:
            self._closing.set()
            self._wake.set()
            thread = self._thread
        if thread is not None:
            await asyncio.to_thread(thread.join, CLOSE_S)

    def _run(self) -> None:
        self._tidy()
        while not self._closing.is_set():
            self._wake.clear()
            try:
                if self.deliver() == AT_ONCE:
                    continue
            except Unavailable:
                log.warning("the outbox cannot be read just now")
            except Exception:
                log.exception("delivering mail failed")  # a fault of ours must not be the last mail's
            self._wake.wait(self._every_s)

    def _tidy(self) -> None:
        """Erase what is older than any mail that waits: those of a development outbox, links and all."""
        try:
            self._store.purge(self._now() - KEEP)
        except Unavailable:
            log.warning("old mail cannot be erased just now")

    def deliver(self) -> int:
        """Send what is due; return how many were looked at. The thread calls this, and tests do."""
        due = self._store.claim(self._now(), LEASE_S, AT_ONCE)
        if not due:
            return 0
        try:
            with Connection(self._server, self._context) as line:
                for number, waiting in enumerate(due):
                    if self._closing.is_set():
                        self._put_back(due[number:])
                        break
                    self._deliver(line, waiting)
        except Later as error:
            log.warning("the mail server cannot be used just now (%s): %d mails wait", error, len(due))
            for waiting in due:
                self._later(waiting)
        return len(due)

    def _deliver(self, line: Connection, waiting: Waiting) -> None:
        mail = waiting.mail
        try:
            if mail is None:
                raise Refused("it cannot be read")
            line.send(message(mail, self._sender), self._from, mail.to)
        except (Refused, BadInput) as error:
            log.error("mail %s is given up: %s", waiting.id, error)
            self._store.done(waiting.id)
        except Later as error:
            log.warning("mail %s is tried again later: %s", waiting.id, error)
            self._later(waiting)
        else:
            log.info("mail %s (%s) was taken", waiting.id, mail.kind)
            self._store.done(waiting.id)

    def _later(self, waiting: Waiting) -> None:
        now = self._now()
        if waiting.mail is None or now - waiting.mail.at > GIVE_UP:
            log.error("mail %s is given up after %d tries", waiting.id, waiting.tries)
            self._store.done(waiting.id)
            return
        pause_s = min(FIRST_PAUSE_S * 2 ** min(waiting.tries - 1, 20), LONGEST_PAUSE_S)
        self._store.later(waiting.id, now + timedelta(seconds=pause_s))

    def _put_back(self, left: list[Waiting]) -> None:
        for waiting in left:
            self._store.later(waiting.id, self._now())
