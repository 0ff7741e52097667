"""A Qdrant server that is down, or takes half a minute for an answer: the turn goes on in time and says so."""

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from db.vectors_server import ServerIndex, connect
from domain.chat import Sourced
from domain.events import Cited, Done
from domain.knowledge.consult import Consult
from domain.knowledge.model import Shelf
from domain.knowledge.search import Search
from domain.looking_up import WAIT_S
from infra.clock import SystemClock
from tests.bench.server import free_port
from tests.domain.knowledge.fakes_search import Counts
from tests.domain.test_turn import follow
from tests.domain.test_turn_sources import Study

pytestmark = pytest.mark.anyio
SHELF = Shelf("", "socrates")


class Encoder:
    size = 3

    async def embed(self, texts: Sequence[str], kind: str) -> list[list[float]]:
        return [[1.0, 0.0, 0.0] for _ in texts]


class Stuck(BaseHTTPRequestHandler):
    """Knows its collections, and is still thinking about every search when the test is long over."""

    over: threading.Event
    searches: list[str]

    def do_GET(self) -> None:
        self._answer({"exists": True})

    def do_PUT(self) -> None:
        self._answer({"operation_id": 1, "status": "completed"})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.searches.append(self.path)
        self.over.wait(30)
        self.close_connection = True

    def _answer(self, result: dict[str, Any]) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.dumps({"result": result, "status": "ok", "time": 0.0}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def stuck() -> Iterator[tuple[ServerIndex, list[str]]]:
    searches: list[str] = []
    over = threading.Event()
    kind = type("Stuck", (Stuck,), {"over": over, "searches": searches})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    index = connect(f"http://127.0.0.1:{server.server_address[1]}")
    try:
        index.ensure("numbers", 3)
        yield index, searches
    finally:
        over.set()
        index.close()
        server.shutdown()
        thread.join()
        server.server_close()


def study(index: ServerIndex, look_up_s: float = WAIT_S) -> Study:
    search = Search(Encoder(), index, None)  # type: ignore[arg-type]  # no hit, so no page is asked for
    return Study(Consult(search, Counts(SHELF), SystemClock()), look_up_s=look_up_s)


async def told(here: Study, number: int = 1) -> None:
    turn = await here.begin(f"key-0000000{number}")
    events = await asyncio.wait_for(follow(turn), 20)  # and not the 30 s of the server
    assert [event.sources for event in events if isinstance(event, Cited)] == [Sourced(missed=True)]
    done = events[-1]
    assert isinstance(done, Done) and done.text and not done.interrupted


async def test_a_server_that_never_answers_is_not_waited_for_and_soon_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("domain.knowledge.consult.REST_S", 600.0)  # longer than six turns on any machine
    with stuck() as (index, searches):
        # Longer than a turn waits, or on a busy machine it would be over before the server is asked.
        here = study(index, look_up_s=1.0)
        for number in range(1, 7):
            await told(here, number)
        assert 1 <= len(searches) <= 3
        assert here.kept() == Sourced(missed=True)


async def test_a_server_that_is_not_there_is_told_and_the_turn_goes_on() -> None:
    index = connect(f"http://127.0.0.1:{free_port()}")
    here = study(index)
    for number in range(1, 4):
        await told(here, number)
    index.close()
