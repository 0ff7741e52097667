"""One utterance and the reply to it: a task of its own that writes an append-only log of events.

The order of events is that of docs/turn.md. Whoever follows the log may come, go and come back; the
turn goes on without them for a short grace and then stops, so that nobody pays for a voice that
nobody hears.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress

import msgspec

from domain.ahead import ahead
from domain.audio import Audio
from domain.brevity import brief, measure
from domain.chat import Chat, Cue, Line, Message, Receipt, Reply, heard_part
from domain.errors import ParleyError, Unavailable
from domain.events import LAST, Began, Done, Event, Failed, Heard, Said, Sound, Unheard
from domain.hearing import Hearing
from domain.opening import opening_of
from domain.persona import Persona
from domain.ports import Chats, Clock, Llm, Speaker
from domain.prompts import prompt_for
from domain.sentences import after, pieces
from domain.spoken import SpokenText
from domain.usage import TURN

GRACE_S = 10.0
SHORTEST_SPEECH_S = 0.15


class Ask(msgspec.Struct, frozen=True):
    """What the user sent: the bytes of a recording, or text. `began` is the clock at the request's start."""

    key: str
    began: float
    speech: bytes | None = None
    text: str | None = None
    utterance: str | None = None


class Tools(msgspec.Struct, frozen=True):
    """What a turn works with."""

    hearing: Hearing
    llm: Llm
    tts: Speaker
    chats: Chats
    clock: Clock


class Stopped(msgspec.Struct, frozen=True):
    """Why a turn was stopped: `heard_ms` of the reply had sounded, -1 when nobody knows."""

    heard_ms: int = -1
    superseded: bool = False


class Turn:
    def __init__(
        self,
        turn_id: str,
        chat: Chat,
        persona: Persona,
        ask: Ask,
        tools: Tools,
        on_end: Callable[["Turn"], None] | None = None,
    ) -> None:
        self.id = turn_id
        self.key = ask.key
        self.chat = chat
        self.persona = persona
        self.message: Message | None = None  # the reply, once kept
        self.ended = 0.0  # clock time of the last event, 0.0 while the turn runs
        self._ask = ask
        self._tools = tools
        self._on_end = on_end
        self._log: list[Event] = []
        self._changed = asyncio.Event()
        self._followers = 0
        self._grace: asyncio.TimerHandle | None = None
        self._stopped: Stopped | None = None
        self._task: asyncio.Task[None] | None = None
        self._marks: dict[str, int] = {}
        self._early = False
        self._cues: list[Cue] = []
        self._part: Cue | None = None  # the piece that is being synthesised
        self._first_sound_at = 0.0

    # -- following ---------------------------------------------------------------------------------

    def start(self, speech: Audio | None, history: tuple[Message, ...]) -> None:
        self._mark("upload")
        self._emit(Began(self.id))
        self._task = asyncio.create_task(self._run(speech, history), name=f"turn {self.id}")
        self._watch()

    async def events(self, after: int = 0) -> AsyncGenerator[tuple[int, Event], None]:
        """Yield (number, event) from event `after` + 1 on, until the last one. Numbers count from 1."""
        self._followers += 1
        self._watch()
        try:
            while True:
                while after < len(self._log):
                    after += 1
                    yield after, self._log[after - 1]
                if self.ended:
                    return
                await self._changed.wait()
        finally:
            self._followers -= 1
            self._watch()

    def _watch(self) -> None:
        """Start the grace when nobody follows, end it when somebody does."""
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None
        if not self._followers and not self.ended:
            self._grace = asyncio.get_running_loop().call_later(GRACE_S, self._cancel, Stopped())

    def _emit(self, event: Event) -> None:
        self._log.append(event)
        if isinstance(event, LAST):
            self.ended = self._tools.clock.monotonic()
            self._watch()
        self._changed.set()
        self._changed = asyncio.Event()

    # -- stopping ----------------------------------------------------------------------------------

    async def stop(self, how: Stopped) -> None:
        """Stop the engines, keep exactly what was heard. After the end it corrects what was kept."""
        if self.ended:
            await self._correct(how)
            return
        self._cancel(how)
        if self._task is not None:
            with suppress(asyncio.CancelledError):
                await asyncio.shield(self._task)

    def _cancel(self, how: Stopped) -> None:
        if self._stopped is None and self._task is not None and not self.ended:
            self._stopped = how
            self._task.cancel()

    # -- the road ----------------------------------------------------------------------------------

    async def _run(self, speech: Audio | None, history: tuple[Message, ...]) -> None:
        TURN.set(self.id)  # in this task: what it asks of models is this turn's
        try:
            await self._speak(speech, history)
        except asyncio.CancelledError:
            if self._stopped is None:  # not ours: the loop is closing
                self._stopped = Stopped()
            if self._task is not None:
                self._task.uncancel()  # what follows is the end of the turn, not its cancellation
        except ParleyError as error:
            await self._end(Failed(error.code, error.detail, isinstance(error, Unavailable)))
            return
        except Exception:
            await self._end(Failed("turn_failed", {}, True))
            raise
        await self._end(None)

    async def _speak(self, speech: Audio | None, history: tuple[Message, ...]) -> None:
        text = self._ask.text
        if speech is not None:
            text = await self._hear(speech)
        self._mark("asr")
        if not text:
            await self._apologise()
            return
        keeping = asyncio.create_task(self._keep_heard(text))
        try:
            opening = opening_of(self.persona.card(self.chat.language), history) if self._tools.llm.continues else ""
            prompt = prompt_for(self.chat, self.persona, history, Line("user", text), opening=opening)
            rest = pieces(self._spoken(self._tools.llm.reply(prompt)))
            async with aclosing(ahead(brief(after(opening, rest), measure(text)), by=1)) as reply:
                async for piece in reply:
                    self._mark("first_clause")
                    await asyncio.shield(keeping)
                    await self._say(piece)
            await asyncio.shield(keeping)
            if not self._cues:  # nothing that can be spoken, a block of code say
                raise Unavailable("llm_failed")
        except BaseException:
            # What the user said is kept whatever becomes of the reply. The write runs in a thread and
            # takes a few ms; shielded, since this very task may be under cancellation.
            await asyncio.shield(keeping)
            raise

    async def _hear(self, speech: Audio) -> str:
        if speech.seconds < SHORTEST_SPEECH_S:
            return ""
        key = f"{self.chat.id}/{self._ask.utterance}" if self._ask.utterance else None
        transcript, self._early = await self._tools.hearing.transcribe(key, speech, self.chat.language)
        return transcript.text.strip()

    async def _keep_heard(self, text: str) -> None:
        tools, chat = self._tools, self.chat
        message = await asyncio.to_thread(
            tools.chats.heard, chat.guest, chat.id, self.id, self._ask.key, text, tools.clock.now()
        )
        self._emit(Heard(message))

    async def _spoken(self, deltas: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
        """Pass on what can be spoken, and note when the first of it came."""
        cleaner = SpokenText([self.persona.card(self.chat.language).name])
        async with aclosing(deltas) as stream:
            async for delta in stream:
                self._mark("first_token")
                if clean := cleaner.feed(delta):
                    yield clean
        if clean := cleaner.close():
            yield clean

    async def _apologise(self) -> None:
        line = self.persona.card(self.chat.language).unheard
        self._emit(Unheard(line))
        await self._say(line)

    async def _say(self, piece: str) -> None:
        card = self.persona.card(self.chat.language)
        number, start = len(self._cues), self._cues[-1].end_ms if self._cues else 0
        made = 0.0
        self._part = Cue(piece, start, start)
        self._emit(Said(number, piece, start))
        async with aclosing(self._tools.tts.speak(piece, card.voice, self.chat.language)) as sounds:
            async for audio in sounds:
                if not self._first_sound_at:
                    self._first_sound_at = self._tools.clock.monotonic()
                self._mark("first_sound")
                made += audio.seconds * 1000
                self._part = Cue(piece, start, start + round(made))
                self._emit(Sound(number, audio))
        self._cues.append(self._part)
        self._part = None

    # -- the end -----------------------------------------------------------------------------------

    async def _end(self, failed: Failed | None) -> None:
        """Keep what was said and write the last event."""
        self._mark("total")
        reply = self._reply()
        heard = "asr" in self._marks and not any(isinstance(e, Unheard) for e in self._log)
        try:
            if self._stopped is not None and self._stopped.superseded:
                await self._store(self._tools.chats.unsay)
                reply = Reply("", interrupted=True, receipt=reply.receipt)
            elif heard and reply.text and not (failed and reply.text in self.persona.card(self.chat.language).openings):
                self.message = await self._keep_reply(reply)
        except ParleyError as error:
            failed = failed or Failed(error.code, error.detail, False)
        except Exception:
            self._emit(failed or Failed("turn_failed", {}, True))
            raise
        ms = self._cues[-1].end_ms if self._cues else 0
        self._emit(failed or Done(self.id, self.message, reply.text, reply.interrupted, ms, reply.receipt))
        if self._on_end is not None and heard:
            self._on_end(self)

    def _reply(self) -> Reply:
        receipt = Receipt(**self._marks, early=self._early)
        if self._stopped is None:
            return Reply("".join(c.text for c in self._cues).strip(), False, tuple(self._cues), receipt)
        cues = [*self._cues, *([_whole(self._part, self._cues)] if self._part else [])]
        heard_ms = self._stopped.heard_ms
        if heard_ms < 0:  # nobody said: what a player at full speed had played by now
            since = self._tools.clock.monotonic() - self._first_sound_at if self._first_sound_at else 0.0
            heard_ms = int(since * 1000)
        return _cut_reply(Reply("", True, tuple(cues), receipt), heard_ms)

    async def _correct(self, how: Stopped) -> None:
        """The turn was over on our side, but its sound was cut short."""
        if how.superseded and not self.message:
            await self._store(self._tools.chats.unsay)
        elif self.message is not None and how.heard_ms >= 0:
            done = Reply(self.message.text, False, self.message.cues, self.message.receipt or Receipt())
            if how.heard_ms < (done.cues[-1].end_ms if done.cues else 0):
                self.message = await self._keep_reply(_cut_reply(done, how.heard_ms))

    async def _keep_reply(self, reply: Reply) -> Message:
        chat, tools = self.chat, self._tools
        return await asyncio.to_thread(tools.chats.said, chat.guest, chat.id, self.id, reply, tools.clock.now())

    async def _store(self, method: object) -> None:
        await asyncio.to_thread(method, self.chat.guest, self.chat.id, self.id)  # type: ignore[arg-type]

    def _mark(self, phase: str) -> None:
        if phase not in self._marks:
            self._marks[phase] = round((self._tools.clock.monotonic() - self._ask.began) * 1000)


def _whole(part: Cue, spoken: list[Cue]) -> Cue:
    """Estimate where a piece would have ended whose synthesis was cut: at the pace of what came before."""
    letters = sum(len(c.text) for c in spoken)
    pace = spoken[-1].end_ms / letters if letters else (200 if part.text[:1] >= "\u2e80" else 65)
    return Cue(part.text, part.start_ms, max(part.end_ms, part.start_ms + round(len(part.text) * pace)))


def _cut_reply(reply: Reply, heard_ms: int) -> Reply:
    kept = tuple(
        Cue(c.text, c.start_ms, min(c.end_ms, heard_ms))
        if c.end_ms <= heard_ms
        else Cue(heard_part([c], heard_ms), c.start_ms, heard_ms)
        for c in reply.cues
        if c.start_ms < heard_ms
    )
    text = heard_part(reply.cues, heard_ms)
    return Reply(text, True, tuple(c for c in kept if c.text), reply.receipt)
