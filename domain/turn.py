"""One utterance and the reply to it: a task of its own that writes events into a log (domain/turn_log.py).

The order of events is that of docs/turn.md.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress

import msgspec

from domain.ahead import ahead
from domain.audio import Audio
from domain.brevity import brief, measure
from domain.chat import Chat, Line, Message, Receipt, Reply, Sourced
from domain.cutting import cut_reply
from domain.errors import ParleyError, Unavailable
from domain.events import Began, Cited, Done, Event, Failed, Heard, Spent, Unheard
from domain.filing import showing
from domain.filing.looking import Attached, Looking
from domain.filing.model import Attachment
from domain.filing.showing import Shown
from domain.hearing import Hearing
from domain.knowledge.facts import asks_for_a_fact
from domain.looking_up import BEHIND_S, LookedUp, LookUp, LookUps
from domain.membership.held import Counts, Free, Voice
from domain.membership.voice import Metering, Unmetered
from domain.opening import opening_of
from domain.persona import Persona
from domain.ports import Chats, Clock, Llm, Speaker
from domain.prompts import prompt_for
from domain.sentences import after, ends_sentence, pieces
from domain.spoken import SpokenText
from domain.spoken_reply import Spoken
from domain.turn_log import TurnLog
from domain.usage import TURN

SHORTEST_SPEECH_S = 0.15


class Ask(msgspec.Struct, frozen=True):
    """What the user sent: the bytes of a recording, or text. `began` is the clock at the request's start."""

    key: str
    began: float
    speech: bytes | None = None
    text: str | None = None
    utterance: str | None = None
    session: str = ""  # the sign-in it came with: the turn ends with that
    network: str = ""  # where a guest comes from, "" for who has an account
    attachments: tuple[str, ...] = ()  # the ids of what comes with it


class Tools(msgspec.Struct, frozen=True):
    """What a turn works with."""

    hearing: Hearing
    llm: Llm
    tts: Speaker
    chats: Chats
    clock: Clock
    look_ups: LookUps
    metering: Metering = Unmetered()
    looking: Looking = Looking()


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
        voice: Voice | None = None,
        attached: Attached = Attached(),  # noqa: B008
    ) -> None:
        self.id = turn_id
        self.key = ask.key
        self.session = ask.session
        self.chat = chat
        self.persona = persona
        self.message: Message | None = None  # the reply, once kept
        self._ask = ask
        self._tools = tools
        self._on_end = on_end
        self._voice = voice or Free()
        self._textual = self._voice.refusal is not None  # there is no voice for it: it is answered in text
        self._log = TurnLog(tools.clock, lambda: self._cancel(Stopped()))
        self._stopped: Stopped | None = None
        self._ending = False  # it is being kept, and brings that to its end whoever stops it
        self._task: asyncio.Task[None] | None = None
        self._settling: asyncio.Task[int | None] | None = None
        self._marks: dict[str, int] = {}
        self._early = False
        self._sources = Sourced()
        self._attached, self._shown, self._opening = attached, Shown(), ""
        speaker = None if self._textual else tools.tts
        card = persona.card(chat.language)
        self._spoken = Spoken(self._log, speaker, card.voice, chat.language, tools.clock, self._mark)

    # -- following ---------------------------------------------------------------------------------

    def start(self, speech: Audio | None, history: tuple[Message, ...]) -> None:
        self._mark("upload")
        self._log.write(Began(self.id))
        self._tell_spent()
        self._task = asyncio.create_task(self._run(speech, history), name=f"turn {self.id}")
        self._log.watch()

    def events(self, after: int = 0) -> AsyncGenerator[tuple[int, Event], None]:
        """Yield (number, event) from event `after` + 1 on, until the last one. Numbers count from 1."""
        return self._log.follow(after)

    @property
    def ended(self) -> float:
        """The clock's time of the last event, 0.0 while the turn runs."""
        return self._log.ended

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
        if self._stopped is None:  # it was at its end already
            await self._correct(how)

    def _cancel(self, how: Stopped) -> None:
        if self._stopped is None and self._task is not None and not self._ending:
            self._stopped = how
            # Behind its first step: a task that is cancelled before it would never come to its end.
            asyncio.get_running_loop().call_soon(self._interrupt, self._task)

    def _interrupt(self, task: asyncio.Task[None]) -> None:
        if not self._ending:  # nor would one that is cancelled while what was said is written
            task.cancel()

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
        look_up: LookUp | None = None
        try:
            self._shown = await self._tools.looking.show(text, self._attached, history)
            look_up = self._tools.look_ups.start(self.chat, text, history, self._shown)
            await self._answer(text, history, look_up, keeping)
        except BaseException:
            # What the user said is kept whatever becomes of the reply. The write runs in a thread and
            # takes a few ms; shielded, since this very task may be under cancellation.
            await asyncio.shield(keeping)
            raise
        finally:
            self._tools.look_ups.end(look_up)

    async def _answer(
        self, text: str, history: tuple[Message, ...], look_up: LookUp | None, keeping: asyncio.Task[None]
    ) -> None:
        card = self.persona.card(self.chat.language)
        begins = showing.opening(self._shown, self.chat.language) or opening_of(card, history)
        opening = self._opening = begins if self._tools.llm.continues else ""
        found = await self._look_up(look_up)
        if found is None and not opening:
            found = self._found(self._tools.look_ups.missed(self.chat, look_up))
        if found is not None and self._must_admit(text, found):
            self._mark("first_clause")
            await asyncio.shield(keeping)
            await self._spoken.say(card.unknown)
            return
        rest = pieces(self._speakable(self._deltas(text, history, look_up, found, opening)))
        async with aclosing(ahead(brief(after(opening, rest), measure(text)), by=1)) as reply:
            async for piece in reply:
                self._mark("first_clause")
                await asyncio.shield(keeping)
                if not await self._may_sound(piece):
                    self._tell_spent()
                    break
                await self._spoken.say(piece)
        await asyncio.shield(keeping)
        if not self._spoken.cues:  # nothing that can be spoken, a block of code say
            raise Unavailable("llm_failed")

    async def _deltas(
        self, text: str, history: tuple[Message, ...], look_up: LookUp | None, found: LookedUp | None, opening: str
    ) -> AsyncGenerator[str, None]:
        """Yield what the LLM writes. Sources that are late have while the opening sounds, which waits for nobody."""
        if found is None:
            found = await self._look_up(look_up, BEHIND_S)
            found = found or self._found(self._tools.look_ups.missed(self.chat, look_up))
            if self._must_admit(text, found):
                yield self.persona.card(self.chat.language).unknown
                return
        prompt = prompt_for(
            self.chat, self.persona, history, Line("user", text), opening=opening, preface=found.preface,
            images=self._shown.images,
        )  # fmt: skip
        async with aclosing(self._tools.llm.reply(prompt)) as deltas:
            async for delta in deltas:
                yield delta

    async def _hear(self, speech: Audio) -> str:
        if speech.seconds < SHORTEST_SPEECH_S:
            return ""
        key = f"{self.chat.id}/{self._ask.utterance}" if self._ask.utterance else None
        transcript, self._early = await self._tools.hearing.transcribe(key, speech, self.chat.language)
        return transcript.text.strip()

    async def _keep_heard(self, text: str) -> None:
        message, attachments = await asyncio.to_thread(self._keep, text)
        self._log.write(Heard(message, attachments))
        self._cite()

    def _keep(self, text: str) -> tuple[Message, tuple[Attachment, ...]]:
        tools, chat = self._tools, self.chat
        message = tools.chats.heard(chat.guest, chat.id, self.id, self._ask.key, text, tools.clock.now())
        return message, tools.looking.take(chat.guest, chat.id, self._attached.fresh, self.id)

    async def _look_up(self, look_up: LookUp | None, seconds: float | None = None) -> LookedUp | None:
        """Return what the model is quoted for this reply, None when that takes longer."""
        found = await self._tools.look_ups.found(self.chat, look_up, seconds)
        return None if found is None else self._found(found)

    def _found(self, found: LookedUp) -> LookedUp:
        if found.asked:
            self._mark("sources")
            self._sources = found.sources
            self._cite()
        return found

    def _must_admit(self, text: str, found: LookedUp) -> bool:
        """Whether to say that it does not know: a fact was asked for, and its sources do not hold it.

        Only in place of a small model, which would make one up (domain/knowledge/facts.py); others are told to.
        """
        unknown = self.persona.card(self.chat.language).unknown
        return bool(unknown) and found.nothing and self._tools.llm.continues and asks_for_a_fact(text)

    def _cite(self) -> None:
        """Tell the sources as soon as both they and what was heard are there."""
        if self._sources != Sourced() and self._log.has(Heard):
            self._log.write(Cited(self.id, self._sources))

    async def _speakable(self, deltas: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
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
        self._voice.waive()
        self._log.write(Unheard(line))
        await self._spoken.say(line)

    async def _may_sound(self, piece: str) -> bool:
        """Whether there is voice for one more piece. The first always sounds, and a sentence is not left unfinished."""
        if self._textual or not self._spoken.cues:
            return True
        begun = not ends_sentence(self._spoken.cues[-1].text)
        return await self._voice.covers(self._spoken.end_with(piece), begun=begun)

    def _tell_spent(self) -> None:
        if (refusal := self._voice.refusal) is not None:
            self._log.write(Spent(refusal.code, refusal.detail))

    # -- the end -----------------------------------------------------------------------------------

    async def _end(self, failed: Failed | None) -> None:
        """Keep what was said and write the last event."""
        self._ending = True
        self._mark("total")
        reply = self._reply()
        # Beside the keeping of the reply; held here, for asyncio itself keeps only weak references.
        settling = self._settling = asyncio.create_task(self._voice.end(self._counts(failed)))
        heard = "asr" in self._marks and not self._log.has(Unheard)
        try:
            if self._stopped is not None and self._stopped.superseded:
                await asyncio.to_thread(self._unsay)
                reply = Reply("", interrupted=True, receipt=reply.receipt)
            elif heard and reply.text and not (failed and reply.text == self._opening.strip()):
                self.message = await self._keep_reply(reply)
        except ParleyError as error:
            failed = failed or Failed(error.code, error.detail, False)
        except Exception:
            self._log.write(failed or Failed("turn_failed", {}, True))
            raise
        left = await asyncio.shield(settling)
        text, cut, ms, receipt = reply.text, reply.interrupted, self._spoken.ms, reply.receipt
        self._log.write(failed or Done(self.id, self.message, text, cut, ms, receipt, left))
        if self._on_end is not None and heard:
            self._on_end(self)

    def _counts(self, failed: Failed | None) -> Counts:
        """What of this turn its owner pays for. A failure is ours, unless more than the opening had sounded."""
        if self._stopped is not None and self._stopped.superseded:
            return "spoken"
        broken = failed and (not self._spoken.first_sound_at or self._spoken.text == self._opening.strip())
        return "nothing" if broken else "all"

    def _reply(self) -> Reply:
        said, stopped = self._spoken, self._stopped
        reply = Reply(said.text, stopped is not None, (), Receipt(**self._marks, early=self._early), self._sources)
        if self._textual:  # shown, not spoken: all of it was there to be read
            return reply
        if stopped is None:
            return msgspec.structs.replace(reply, cues=tuple(said.cues))
        return cut_reply(msgspec.structs.replace(reply, cues=said.all_cues()), said.heard_ms(stopped.heard_ms))

    async def _correct(self, how: Stopped) -> None:
        """The turn was over on our side, but its sound was cut short."""
        if how.superseded and not self.message:
            await asyncio.to_thread(self._unsay)
        elif self.message is not None and how.heard_ms >= 0:
            kept = self.message
            done = Reply(kept.text, False, kept.cues, kept.receipt or Receipt(), kept.sources)
            if how.heard_ms < (done.cues[-1].end_ms if done.cues else 0):
                self.message = await self._keep_reply(cut_reply(done, how.heard_ms))

    async def _keep_reply(self, reply: Reply) -> Message:
        chat, tools = self.chat, self._tools
        return await asyncio.to_thread(tools.chats.said, chat.guest, chat.id, self.id, reply, tools.clock.now())

    def _unsay(self) -> None:
        tools, chat = self._tools, self.chat
        tools.chats.unsay(chat.guest, chat.id, self.id)
        if self._attached.fresh:
            tools.looking.give_back(chat.guest, chat.id, self.id)

    def _mark(self, phase: str) -> None:
        if phase not in self._marks:
            self._marks[phase] = round((self._tools.clock.monotonic() - self._ask.began) * 1000)
