"""The app's end of a webhook, on loopback: it keeps what it is told, and answers as a test wants."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from domain.membership.model import ProviderEvent
from domain.membership.ports import Provider
from tests.infra.payments.loopback import Reply, Request, serving


class Hook:
    """`refuses` is how many times more it answers with 503; `address` is where it listens."""

    def __init__(self) -> None:
        self.address = ""
        self.provider: Provider | None = None
        self.refuses = 0
        self.tries = 0
        self.paths: set[str] = set()
        self._events: list[ProviderEvent] = []
        self._news = threading.Condition()

    def answer(self, request: Request) -> Reply:
        with self._news:
            self.tries += 1
            self.paths.add(request.path)
            if self.refuses or self.provider is None:
                self.refuses = max(0, self.refuses - 1)
                self._news.notify_all()
                return 503, b"", {}
            self._events.append(self.provider.verify(request.headers, request.body))
            self._news.notify_all()
            status, body, kind = self.provider.accepted()
            return status, body, {"Content-Type": kind}

    def heard(self, done: Callable[[list[ProviderEvent]], bool], within_s: float = 30.0) -> list[ProviderEvent]:
        """Wait until `done` and return all that was told so far."""
        end = time.monotonic() + within_s
        with self._news:
            while not done(self._events):
                left = end - time.monotonic()
                assert left > 0, f"only heard {[event.kind for event in self._events]}"
                self._news.wait(left)
            return list(self._events)

    def kinds(self, *last: str) -> list[ProviderEvent]:
        """Wait until these kinds were told, and return all events but those of no use."""
        events = self.heard(lambda told: set(last) <= {event.kind for event in told})
        return [event for event in events if event.kind != "other"]


@contextmanager
def hooked() -> Iterator[Hook]:
    hook = Hook()
    with serving(hook.answer) as address:
        hook.address = f"{address}/payments/sandbox/webhook"
        yield hook
