"""The sandbox's postman: brings events to the app's webhook, and comes again until they are taken."""

import contextlib
import http.client
import sqlite3
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime

from infra.payments import signed
from infra.payments.sandbox_books import Books
from infra.payments.sandbox_letters import Letter
from infra.payments.sandbox_wire import HEADER

TIMEOUT_S = 10.0
FIRST_S, LONGEST_S = 0.5, 300.0  # before the second try; doubled each time, up to this
LOOK_S = 5.0  # how often checkouts are looked through for those whose time is over
# Without the proxies of the environment: the app is on this machine.
_OPEN = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class Postman(threading.Thread):
    def __init__(self, books: Books, webhook: str, key: str) -> None:
        super().__init__(name="postman", daemon=True)
        self._books, self._webhook, self._key = books, webhook, key

    def run(self) -> None:
        while True:
            self._books.news.clear()
            with contextlib.suppress(sqlite3.Error):  # a full disk: what was not written down is brought once more
                self._round()
            self._books.news.wait(self._rest())

    def _round(self) -> None:
        self._books.expire(datetime.now(UTC))
        for letter in self._books.letters.due(_now()):
            self._bring(letter)

    def _rest(self) -> float:
        due = self._books.letters.next_due()
        return LOOK_S if due is None else min(LOOK_S, max(0.0, due - _now()))

    def _bring(self, letter: Letter) -> None:
        """Sign anew for each try, as Stripe does: a signature is good for minutes, the tries go on for days."""
        well, last = send(self._webhook, letter.body, self._key)
        if well:
            self._books.letters.arrived(letter.seq, last)
        else:
            wait = min(LONGEST_S, FIRST_S * 2.0 ** min(letter.tries, 20))
            self._books.letters.failed(letter.seq, last, _now() + wait)


def send(webhook: str, body: bytes, key: str) -> tuple[bool, str]:
    """Return whether it was taken, and what to show of the answer."""
    headers = {"Content-Type": "application/json", HEADER: signed.sign(key, body, datetime.now(UTC))}
    request = urllib.request.Request(webhook, body, headers)  # noqa: S310 - the address that the app gave
    try:
        with _OPEN(request, timeout=TIMEOUT_S) as answer:
            return 200 <= answer.status < 300, str(answer.status)
    except urllib.error.HTTPError as wrong:
        with wrong:
            return False, str(wrong.code)
    except (OSError, http.client.HTTPException) as wrong:
        return False, type(wrong).__name__


def _now() -> float:
    return datetime.now(UTC).timestamp()
