"""A document, a picture and a recording thrown into a chat, and a spoken question: real readers, real small models.

The facts are invented, so that no model can know them, and the answers are a name or a number.
"""

import io
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import numpy as np
import pytest
import soxr

from domain.audio import HEARD_RATE, Audio
from domain.persona import Language, Voice
from tests.bench.server import Server, serving
from tests.bench.voices import Say, speaker
from tests.infra.readers.honest import docx, paragraph, written
from tests.web.events import parse

pytestmark = [pytest.mark.models, pytest.mark.timeout(1800)]
WAIT_S = 240
LATE = 5  # times that a busy machine may be late with one answer
TRIES = 2  # in one chat, where a wrong answer makes the next one likely
CHATS = 4
LETTER = [
    "Dear Agnes, the crossing took nine hours, since the wind stood against us all the way from the islands. "
    "Nobody was ill but the cook, who blamed his own soup and would not come out of the galley until we had "
    "passed the breakwater.",
    "The house is small and stands at the end of a lane of plane trees. There are two rooms below and one above, "
    "with a window from which one sees the roofs and a piece of the sea. The landlady bakes on Fridays and sings "
    "while she does.",
    "If you follow me, go to the harbour office first. The password of the harbour office in Quellport is "
    "marmalade, and without it the porter lets nobody in after six, however wet they are and however kindly they "
    "ask him.",
    "The market is on Tuesdays and Saturdays. They sell oranges, ropes, second-hand books and a cheese that "
    "smells of hay. I have bought a lamp there, and a chair with three legs, which is one more than it needs when "
    "I sit on it.",
    "The ferry back runs every other day. The captain of the ferry is called Ottoline Brandt; she has a parrot "
    "and no patience with people who are late, so be at the pier a quarter of an hour before.",
    "In the evenings I walk to the lighthouse and back, and think of what you said about the piano. Write soon, "
    "and tell me whether the roof has been mended and what became of the neighbour's goat. Yours ever, Tobias.",
]
BRIEF = [f"第{day}天，大海很平静，船员们在修补船帆。" for day in range(1, 7)] + ["奎港灯塔的门票是九块钱。"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("attaching"), ENGINES="real", MODELS="default", PAYMENTS="off") as running:
        yield running


@pytest.fixture(scope="module")
def say() -> Say:
    return speaker()


def spoken(say: Say, text: str, language: Language) -> bytes:
    voice = Voice("heart" if language == "en" else "xiaobei")
    parts = [audio.samples() for audio in say(text, voice, language, threading.Event())]
    sound = soxr.resample(np.concatenate(parts), 24_000, HEARD_RATE).astype(np.float32)
    return Audio.of(np.concatenate([sound, np.zeros(HEARD_RATE // 2, np.float32)]), HEARD_RATE).wav()


class Wandered(AssertionError):
    """It had what it needed before it, and answered something else."""


class Chat:
    def __init__(self, server: Server, stack: ExitStack, language: Language, character: str = "assistant") -> None:
        self.client = stack.enter_context(httpx.Client(base_url=server.url, timeout=WAIT_S))
        answer = self.client.post(f"/characters/{character}/chats", data={"language": language})
        self.place = answer.headers["location"]
        self.turns = 0

    def throw(self, name: str, data: bytes) -> str:
        answer = self.client.post(f"{self.place}/attachments", files={"file": (name, data)})
        assert answer.status_code == 201, answer.text
        for _ in range(WAIT_S * 4):
            html = self.client.get(f"{self.place}/attachments").text
            if 'data-state="reading"' not in html:
                break
            threading.Event().wait(0.25)
        assert 'data-state="ready"' in html, html
        found: list[str] = re.findall(r'data-attachment="([\w-]+)"', html)
        return found[0]

    def ask(self, ids: str = "", **sent: Any) -> tuple[str, str]:
        """Return the whole stream and what was answered. What a busy machine is late with is asked again."""
        for _ in range(LATE):
            self.turns += 1
            data = {"key": f"turn-{self.turns:08}", "attachments": ids, "text": sent.get("text", "")}
            files = {"speech": ("speech.wav", sent["speech"])} if "speech" in sent else None
            stream = self.client.post(f"{self.place}/turns", data=data, files=files).text
            done = next(event for event in parse(stream) if event.name in ("done", "fail"))
            if done.name == "done":
                break
        assert done.name == "done", done.data
        print(f"\n  {sent.get('text', 'spoken')}\n    {done.json['text']}")
        return stream, done.json["text"].lower()

    def learns(self, wanted: str, ids: str = "", **sent: Any) -> str:
        """Ask until the answer holds what is wanted, and return the stream. A small model wanders off now and then;
        what it was given to read holds it every time.
        """
        for _ in range(TRIES):
            stream, answer = self.ask(ids, **sent)
            assert re.search(wanted, stream.split("event: cue")[0].lower()), "it is quoted before the first word"
            if re.search(wanted, answer):
                return stream
        raise Wandered(answer)


def told(server: Server, language: Language, story: Callable[[Chat], None]) -> None:
    """Tell a story in a fresh chat, and in another where the model did not come to the point."""
    for chat in range(CHATS):
        with ExitStack() as stack:
            try:
                return story(Chat(server, stack, language))
            except Wandered:
                if chat == CHATS - 1:
                    raise
    return None


def test_a_spoken_question_is_answered_from_a_document(server: Server, say: Say) -> None:
    password = spoken(say, "What is the password of the harbour office?", "en")
    captain = spoken(say, "And who is the captain of the ferry?", "en")

    def story(chat: Chat) -> None:
        one = chat.throw("letter.docx", docx("".join(map(paragraph, LETTER))))
        assert "letter.docx" in chat.learns("marmalade", one, speech=password)
        chat.learns("brandt|ottoline", speech=captain)

    told(server, "en", story)


def test_in_chinese_too(server: Server, say: Say) -> None:
    question = spoken(say, "灯塔的门票多少钱？", "zh")

    def story(chat: Chat) -> None:
        one = chat.throw("来信.md", "\n\n".join(BRIEF).encode())
        assert "来信.md" in chat.learns("九|9", one, speech=question)

    told(server, "zh", story)


def test_what_is_written_in_a_picture_is_answered_from(server: Server) -> None:
    out = io.BytesIO()
    written(["FERRY TIMETABLE", "Quellport to Anse: departs 17:45"], size=40).save(out, "PNG")

    def story(chat: Chat) -> None:
        one = chat.throw("sign.png", out.getvalue())
        chat.learns(r"17[:. ]?45|5[:. ]?45|quarter to six|five forty", one, text="When does the ferry to Anse depart?")

    told(server, "en", story)


def test_a_recording_is_written_down_and_answered_from(server: Server, say: Say) -> None:
    memo = spoken(
        say, "I left the key to the boat house under the blue flower pot. The meeting is on Thursday at nine.", "en"
    )

    def story(chat: Chat) -> None:
        one = chat.throw("memo.wav", memo)
        page = chat.client.get(f"{chat.place}/attachments/{one}").text.lower()
        assert "flower" in page and "thursday" in page
        chat.learns("pot", one, text="Where is the key to the boat house?")

    told(server, "en", story)
