"""Programs that are killed, and several at once: what was acknowledged is there, and nothing is there twice."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.chats import SqlChats
from tests.db.conftest import SQL, emptied, opened
from tests.db.test_chats_contract import NOON, new_chat

ROOT = Path(__file__).parents[2]

TALK = """
import sys
from datetime import UTC, datetime
from db.chats import SqlChats
from db.connect import connect
from domain.chat import Reply
url, chat_id = sys.argv[1:]
chats = SqlChats(connect(url))
for number in range(100_000):
    now = datetime.now(UTC)
    chats.heard("anna", chat_id, f"turn-{number}", f"key-{number:06}", f"question {number}", now)
    print("heard", number, flush=True)
    chats.said("anna", chat_id, f"turn-{number}", Reply(f"answer {number}"), now)
    print("said", number, flush=True)
"""

RACE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from db.chats import SqlChats
from db.connect import connect
from domain.errors import Conflict
url, chat_id, name = sys.argv[1:]
chats = SqlChats(connect(url))
now = datetime.now(UTC)
def post(number):
    try:
        chats.heard("anna", chat_id, f"{name}-{number}", f"key-{number % 10:06}", f"question {number}", now)
        return 1
    except Conflict as conflict:
        assert conflict.detail["turn_id"]
        return 0
with ThreadPoolExecutor(10) as pool:
    print(sum(pool.map(post, range(60))))
"""


@pytest.fixture(params=SQL)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    url = str(request.getfixturevalue(request.param))
    with emptied(url):
        yield url


def start(code: str, *arguments: str, stderr: int | None = None) -> subprocess.Popen[str]:
    line = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, text=True)


def test_a_killed_program_loses_nothing_it_acknowledged(url: str) -> None:
    with opened(url) as engine:
        chats = SqlChats(engine)
        chat = new_chat(chats)
        process = start(TALK, url, chat.id)
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        time.sleep(0.1)  # and some more
        process.send_signal(signal.SIGKILL)
        acknowledged = 3 + sum(1 for line in process.stdout if line.endswith("\n"))
        process.wait(timeout=60)
        process.stdout.close()

        kept = chats.messages("anna", chat.id)
        assert acknowledged <= len(kept) <= acknowledged + 1  # one may have been on its way
        said = [f"{word} {number}" for number in range(len(kept)) for word in ("question", "answer")]
        assert [message.text for message in kept] == said[: len(kept)]
        chats.heard("anna", chat.id, "turn-after", "key-after", "And now?", NOON)


def test_two_programs_with_the_same_keys_open_each_turn_once(url: str) -> None:
    with opened(url) as engine:
        chats = SqlChats(engine)
        chat = new_chat(chats)
        programs = [start(RACE, url, chat.id, name, stderr=subprocess.PIPE) for name in ("one", "two")]
        ends = [program.communicate(timeout=120) for program in programs]

        assert [complaint for _, complaint in ends] == ["", ""]
        assert sum(int(opened) for opened, _ in ends) == 10
        kept = chats.messages("anna", chat.id)
        assert len(kept) == 10
        assert len({message.seq for message in kept}) == 10
        assert {chats.turn_of_key("anna", chat.id, f"key-{n:06}") for n in range(10)} == {m.turn_id for m in kept}
