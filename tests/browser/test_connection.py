"""The connection fails at the worst moments, and nothing is lost or said twice."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from tests.bench.server import Server
from tests.browser.conftest import Visitor
from tests.browser.proxy import BadConnection, Cut
from tests.browser.test_conversation import CUT_MS, GAP_MS

pytestmark = pytest.mark.browser
Visitors = Callable[..., Visitor]
CUT = r"Failed to load resource: net::ERR_|ERR_INCOMPLETE_CHUNKED"


@pytest.fixture
def bad_connection(server: Server) -> Iterator[BadConnection]:
    with BadConnection(urlsplit(server.url).port or 0) as connection:
        yield connection


@pytest.fixture
def slow_connection(slow_server: Server) -> Iterator[BadConnection]:
    with BadConnection(urlsplit(slow_server.url).port or 0) as connection:
        yield connection


def test_a_reply_whose_connection_is_cut_twice_is_heard_whole_and_once(
    visitor: Visitors, bad_connection: BadConnection
) -> None:
    room = visitor(url=bad_connection.url, measured=True, may_say=CUT).enter()
    before = room.log()
    bad_connection.cuts.extend([Cut(b"event: audio", 9), Cut(b"event: audio", 15)])
    room.write("Tell me about the sea.")
    room.wait("first-sound")
    end = room.wait("reply-end")["detail"]
    turn = room.wait("turn-end")["detail"]
    room.wait_silence()

    assert bad_connection.made == 2
    events, samples = room.server_turn(turn["turn"])
    done = events[-1]
    assert samples / 24 == pytest.approx(done["ms"], abs=1)
    assert end["ms"] == pytest.approx(done["ms"], abs=1)
    assert sum(one["ms"] for one in room.sounds()) == pytest.approx(done["ms"], abs=CUT_MS + GAP_MS * end["underruns"])
    assert room.log() == [*before, "Tell me about the sea.", done["text"]]
    assert room.lit() == done["text"].split()


def test_a_question_whose_answer_never_arrived_is_asked_again_and_answered_once(
    visitor: Visitors, slow_connection: BadConnection
) -> None:
    room = visitor(url=slow_connection.url, may_say=CUT).enter()
    before = room.log()
    slow_connection.cuts.append(Cut(b"text/event-stream", half=False, stay_down=True))
    room.write("Tell me about the sea.")
    room.until("reconnecting")
    slow_connection.down = False
    room.until("speaking")
    room.page.get_by_role("button", name="Stop speaking").click()
    room.wait("turn-end")

    assert slow_connection.made == 1
    assert room.log()[: len(before) + 1] == [*before, "Tell me about the sea."]
    room.page.reload()
    assert room.log().count("Tell me about the sea.") == 1
    assert len(room.log()) <= len(before) + 2, "the question was answered twice"
