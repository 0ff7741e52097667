"""A browser as far as a turn is concerned: cookies, segments in real time, the stream of events."""

import asyncio
import base64
import json
import re
import secrets
import time
from dataclasses import dataclass, field

import aiohttp

from domain.audio import Audio

SEGMENT_S = 0.4
PAUSE_S = 0.14  # silence after which the browser says that the user may have finished
ENDPOINT_S = 0.45  # silence after which it is sure


@dataclass
class Heard:
    """What came of one turn; times are seconds from the end of speech (its last voiced sample)."""

    first_sound: float = 0.0
    own_words: float = 0.0  # the second piece: what the model wrote after the opening
    last_sound: float = 0.0
    text: str = ""
    said: str = ""
    audio_s: float = 0.0
    receipt: dict[str, int | bool] = field(default_factory=dict)
    stall_s: float = 0.0  # silence a player without a jitter buffer would have had inside the reply
    failed: str = ""


class Caller:
    def __init__(self, base: str, http: aiohttp.ClientSession) -> None:
        self.base, self.http, self.chat = base, http, ""

    async def call(self, character: str, language: str) -> None:
        """Open a chat and its page, as a browser does."""
        data = {"language": language}
        async with self.http.post(
            f"{self.base}/characters/{character}/chats", data=data, headers=self._same(), allow_redirects=False
        ) as answer:
            found = re.search(r"/chats/([\w-]+)", answer.headers.get("Location", ""))
            assert found, (answer.status, await answer.text())
            self.chat = found.group(1)
        async with self.http.get(f"{self.base}/chats/{self.chat}") as page:
            assert page.status == 200, page.status
            await page.read()

    async def prepare(self) -> None:
        async with self.http.post(f"{self.base}/chats/{self.chat}/prepare", headers=self._same()) as answer:
            assert answer.status < 300, answer.status

    async def speak(self, speech: Audio, hands_free: bool) -> Heard:
        """Speak in real time, sending segments; end at the last voiced sample, or at the endpoint after it."""
        wav = Audio(speech.pcm + bytes(int(ENDPOINT_S * speech.rate) * 2 if hands_free else 0), speech.rate).wav()
        utterance, began, sent, seq = secrets.token_urlsafe(8), time.monotonic(), 0, 0
        ended = began + speech.seconds
        jobs: list[asyncio.Task[None]] = []

        async def segment(until_s: float, pause: bool) -> None:
            nonlocal sent, seq
            await asyncio.sleep(max(0.0, began + until_s - time.monotonic()))
            end = 44 + int(until_s * speech.rate) * 2
            jobs.append(asyncio.create_task(self._segment(utterance, seq, wav[sent:end], pause)))
            sent, seq = end, seq + 1

        at = SEGMENT_S
        while at < speech.seconds:
            await segment(at, False)
            at += SEGMENT_S
        if hands_free:
            await segment(speech.seconds + PAUSE_S, True)
            await asyncio.sleep(max(0.0, ended + ENDPOINT_S - time.monotonic()))
        else:
            await asyncio.sleep(max(0.0, ended - time.monotonic()))
        form = aiohttp.FormData()
        form.add_field("key", secrets.token_urlsafe(9))
        form.add_field("utterance", utterance)
        form.add_field("speech", wav, filename="speech.wav", content_type="audio/wav")
        return await self._turn(form, ended)

    async def post(self, wav: bytes) -> Heard:
        """Send a whole recording; times run from the request."""
        form = aiohttp.FormData({"key": secrets.token_urlsafe(9)})
        form.add_field("speech", wav, filename="speech.wav", content_type="audio/wav")
        return await self._turn(form, time.monotonic())

    async def type(self, text: str) -> Heard:
        form = aiohttp.FormData({"key": secrets.token_urlsafe(9), "text": text})
        return await self._turn(form, time.monotonic())

    async def _segment(self, utterance: str, seq: int, data: bytes, pause: bool) -> None:
        url = f"{self.base}/chats/{self.chat}/utterances/{utterance}?seq={seq}&pause={int(pause)}"
        async with self.http.post(url, data=data, headers=self._same()) as answer:
            assert answer.status == 204, (answer.status, await answer.text())

    async def _turn(self, form: aiohttp.FormData, ended: float) -> Heard:
        heard, name, played_until, piece = Heard(), "", 0.0, 0
        async with self.http.post(f"{self.base}/chats/{self.chat}/turns", data=form, headers=self._same()) as answer:
            assert answer.status == 200, (answer.status, await answer.text())
            async for raw in answer.content:
                line = raw.decode().rstrip("\n")
                if line.startswith("event:"):
                    name = line[6:].strip()
                elif line.startswith("data:"):
                    now = time.monotonic()
                    if name == "audio":
                        seconds = len(base64.b64decode(line[5:])) / 2 / 24_000
                        heard.first_sound = heard.first_sound or now - ended
                        heard.last_sound = now - ended
                        if piece == 1:
                            heard.own_words = heard.own_words or now - ended
                        heard.audio_s += seconds
                        if played_until and now > played_until:
                            heard.stall_s += now - played_until
                        played_until = max(now, played_until) + seconds
                    elif name == "cue":
                        cue = json.loads(line[5:])
                        piece = cue["piece"]
                        heard.said += cue["text"]
                    elif name == "done":
                        heard.receipt = json.loads(line[5:])["receipt"]
                    elif name == "fail":
                        heard.failed = json.loads(line[5:])["code"]
                    elif name == "message":
                        heard.text += line[5:]
                elif not line:
                    name = ""
        return heard

    def _same(self) -> dict[str, str]:
        return {"Origin": self.base, "Sec-Fetch-Site": "same-origin"}
