"""The turns of all chats: begin one, find one, stop one."""

import asyncio
import re
import secrets
from contextlib import suppress

import msgspec

from domain.audio import Audio, decode
from domain.between import Between
from domain.chat import Chat, Line, Message
from domain.endings import Ended
from domain.errors import BadInput, ParleyError, TooLong, TooMany
from domain.filing.looking import Attached, Looking
from domain.hearing import Hearing
from domain.knowledge.library import Library
from domain.looking_up import QUOTED_CHARS, WAIT_S, LookUps
from domain.membership.held import Voice
from domain.membership.voice import Metering, Unmetered
from domain.persona import Language, Persona
from domain.ports import Chats, Clock, Llm, Personas, Speaker, Transcriber, Transcript
from domain.prompts import prompt_for
from domain.recorded import RecordedTurn
from domain.turn import Ask, Stopped, Tools, Turn

MAX_TEXT = 2_000
ASKED_WITHOUT_WORDS: dict[Language, str] = {"en": "What is this?", "zh": "这是什么？"}  # of what is sent alone
KEEP_ENDED_S = 30.0  # a dropped connection may come back for so long and still find the sound
_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}\Z")


def readable(text: str) -> str:
    """Return the text without control characters around it; refuse what databases and models choke on."""
    if len(text) > 4 * MAX_TEXT:  # even before looking at it
        raise TooLong("text_too_long", characters=MAX_TEXT)
    if "\x00" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise BadInput("text_unreadable")
    text = "".join(c for c in text if c in "\n\t" or c.isprintable() or c == "\u200d").strip()
    if len(text) > MAX_TEXT:
        raise TooLong("text_too_long", characters=MAX_TEXT)
    if not text:
        raise BadInput("text_empty")
    return text


class Turns:
    def __init__(
        self,
        asr: Transcriber,
        llm: Llm,
        tts: Speaker,
        chats: Chats,
        personas: Personas,
        clock: Clock,
        max_running: int = 256,
        library: Library | None = None,
        quoted_chars: int = QUOTED_CHARS,
        look_up_s: float = WAIT_S,
        metering: Metering | None = None,
        looking: Looking = Looking(),  # noqa: B008
    ) -> None:
        """`quoted_chars`: how much of its sources the LLM is given to read for a reply."""
        look_ups = LookUps(library, quoted_chars, look_up_s)
        self._tools = Tools(Hearing(asr, clock), llm, tts, chats, clock, look_ups, metering or Unmetered(), looking)
        self._personas = personas
        self._max_running = max_running
        self._turns: dict[str, Turn] = {}
        self._begun: dict[tuple[str, str, str], asyncio.Future[Turn | RecordedTurn]] = {}
        self._between = Between(self._tools)
        self._cuts: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> int:
        return sum(1 for turn in self._turns.values() if not turn.ended)

    @property
    def busy(self) -> bool:
        """Whether somebody is being answered, or an answer is being prepared."""
        return bool(self.running or self._between.busy)

    async def begin(self, guest: str, chat_id: str, ask: Ask) -> Turn | RecordedTurn:
        """Begin a turn, once per `ask.key` in a chat, or refuse with a ParleyError.

        A turn that still runs in this chat is stopped: the user has spoken over it.
        """
        if not _KEY.match(ask.key):
            raise BadInput("key_bad")
        self._forget()
        once = (guest, chat_id, ask.key)
        known = self._begun.get(once)
        if known is not None:
            return await asyncio.shield(known)
        begun = self._begun[once] = asyncio.get_running_loop().create_future()
        try:
            turn = await self._begin(guest, chat_id, ask)
        except BaseException as error:
            del self._begun[once]
            if isinstance(error, ParleyError):
                begun.set_exception(error)
                begun.exception()
            else:
                begun.cancel()
            raise
        begun.set_result(turn)
        if isinstance(turn, RecordedTurn):
            del self._begun[once]
        return turn

    async def _begin(self, guest: str, chat_id: str, ask: Ask) -> Turn | RecordedTurn:
        wordless = bool(ask.attachments) and ask.speech is None and not (ask.text or "").strip()
        text = readable(ask.text) if ask.text is not None and ask.speech is None and not wordless else None
        if text is None and ask.speech is None and not wordless:
            raise BadInput("nothing_said")
        utterance = f"{chat_id}/{ask.utterance}" if ask.utterance else ""
        turn_id = self._tools.hearing.turn_id(utterance) or secrets.token_urlsafe(9)
        turn: Turn | RecordedTurn | None = None
        try:
            turn = await self._begin_as(turn_id, guest, chat_id, ask, text, wordless)
        finally:
            if not isinstance(turn, Turn):
                self._tools.hearing.not_begun(utterance, turn_id)
        return turn

    async def _begin_as(
        self, turn_id: str, guest: str, chat_id: str, ask: Ask, text: str | None, wordless: bool
    ) -> Turn | RecordedTurn:
        others = self._running_in(chat_id)
        read = await asyncio.to_thread(self._read, guest, chat_id, ask, "" if others else turn_id)
        chat, persona, history, before, speech, attached, voice = read
        if before is not None:
            return await asyncio.to_thread(self._recorded, guest, chat_id, before)
        if self.running >= self._max_running:
            if voice is not None:
                await voice.end("nothing")
            raise TooMany("turns_busy")
        self._between.rest(chat_id)
        for other in self._running_in(chat_id):
            await other.stop(Stopped())
            history = tuple(await asyncio.to_thread(self._between.history, chat))
        if voice is None:  # what was kept for the turns that were stopped counts again
            voice = await asyncio.to_thread(self._hold, guest, turn_id, ask, speech)
        ask = msgspec.structs.replace(ask, text=ASKED_WITHOUT_WORDS[chat.language] if wordless else text)
        turn = Turn(turn_id, chat, persona, ask, self._tools, self._after, voice, attached)
        self._turns[turn.id] = turn
        turn.start(speech, history)
        return turn

    def _running_in(self, chat_id: str) -> list[Turn]:
        return [turn for turn in self._turns.values() if turn.chat.id == chat_id and not turn.ended]

    def _read(
        self, guest: str, chat_id: str, ask: Ask, turn_id: str
    ) -> tuple[Chat, Persona, tuple[Message, ...], str | None, Audio | None, Attached, Voice | None]:
        """Everything a turn needs before it can begin, in one trip to a thread; no voice without a `turn_id`."""
        chats = self._tools.chats
        chat = chats.get(guest, chat_id)
        persona = self._personas.get(chat.persona_id)
        before = chats.turn_of_key(guest, chat_id, ask.key)
        speech = decode(ask.speech) if ask.speech is not None and before is None else None
        history = tuple(self._between.history(chat))
        attached = self._tools.looking.read(guest, chat_id, ask.attachments) if before is None else Attached()
        if speech is None and not ask.text and before is None and not attached.fresh:
            raise BadInput("nothing_said")
        voice = self._hold(guest, turn_id, ask, speech) if turn_id and before is None else None
        return chat, persona, history, before, speech, attached, voice

    def _hold(self, guest: str, turn_id: str, ask: Ask, speech: Audio | None) -> Voice:
        return self._tools.metering.begin(guest, turn_id, speech.ms if speech is not None else None, ask.network)

    async def find(self, guest: str, chat_id: str, turn_id: str) -> Turn | RecordedTurn:
        """Return a turn of this guest's chat. Raises NotFound."""
        turn = self._turns.get(turn_id)
        if turn is not None and turn.chat.id == chat_id and turn.chat.guest == guest:
            return turn
        return await asyncio.to_thread(self._recorded, guest, chat_id, turn_id)

    def _recorded(self, guest: str, chat_id: str, turn_id: str) -> RecordedTurn:
        heard, said = self._tools.chats.turn(guest, chat_id, turn_id)
        return RecordedTurn(turn_id, heard, said, self._tools.looking.of_turn(guest, chat_id, turn_id))

    async def stop(self, guest: str, chat_id: str, turn_id: str, heard_ms: int, superseded: bool) -> None:
        """Barge-in: stop the turn and keep what was heard."""
        turn = await self.find(guest, chat_id, turn_id)
        if isinstance(turn, Turn):
            await turn.stop(Stopped(heard_ms, superseded))

    def cut(self, ended: Ended) -> None:
        """A sign-in has ended: stop what it had answered, keeping what was heard. In the loop; returns at once."""
        for turn in list(self._turns.values()):
            if turn.session and not turn.ended and ended.concerns(turn.chat.guest, turn.session):
                task = asyncio.create_task(turn.stop(Stopped()), name=f"cut {turn.id}")
                self._cuts.add(task)
                task.add_done_callback(self._cuts.discard)

    async def segment(
        self, guest: str, chat_id: str, utterance: str, seq: int, data: bytes, pause: bool, network: str = ""
    ) -> None:
        """Take a piece of an utterance that is still being spoken. `network` as in Ask.

        Of who has no voice left nothing is read ahead: their recording would be refused.
        """
        if not _KEY.match(utterance):
            raise BadInput("key_bad")
        chat, pause = await asyncio.to_thread(self._listen, guest, chat_id, pause, network)
        # What is being prepared goes on: the engines put it behind what this utterance needs.
        early = await self._tools.hearing.segment(f"{chat_id}/{utterance}", chat.language, seq, data, pause)
        if early is not None:
            self._between.begin(chat_id, self._read_on(chat, f"{chat_id}/{utterance}", early))

    def _listen(self, guest: str, chat_id: str, pause: bool, network: str) -> tuple[Chat, bool]:
        chat = self._tools.chats.get(guest, chat_id)
        return chat, pause and self._tools.metering.left(guest, network)[1] is None

    async def _read_on(self, chat: Chat, utterance: str, early: asyncio.Task[Transcript]) -> None:
        """The user has paused: look up what was said and have the LLM read both, in case that was all."""
        text = (await asyncio.shield(early)).text.strip()
        if text:
            chat, persona, history = await asyncio.to_thread(self._read_chat, chat.guest, chat.id)
            look_ups, looking = self._tools.look_ups, self._tools.looking
            attached = await asyncio.to_thread(looking.read, chat.guest, chat.id, None)
            shown = await looking.show(text, attached, history)
            look_ups.begin(chat, text, history, self._tools.hearing.coming(utterance), shown)
            preface = (await look_ups.ahead(chat)).preface
            await self._tools.llm.prepare(prompt_for(chat, persona, history, Line("user", text), preface=preface))

    async def prepare(self, guest: str, chat_id: str) -> None:
        """Have the engine read the character's prompt before the user speaks; returns at once."""
        chat, persona, history = await asyncio.to_thread(self._read_chat, guest, chat_id)
        if not self._between.at_work(chat_id) and not self._running_in(chat_id):
            self._between.begin(chat_id, self._between.welcome(chat, persona, history))

    def _read_chat(self, guest: str, chat_id: str) -> tuple[Chat, Persona, list[Message]]:
        chat = self._tools.chats.get(guest, chat_id)
        return chat, self._personas.get(chat.persona_id), self._between.history(chat)

    def _after(self, turn: Turn) -> None:
        self._between.begin(turn.chat.id, self._between.tidy(turn))

    def _forget(self) -> None:
        """Drop turns that ended a while ago, and with them their sound."""
        now = self._tools.clock.monotonic()
        for turn_id in [t.id for t in self._turns.values() if t.ended and now - t.ended > KEEP_ENDED_S]:
            turn = self._turns.pop(turn_id)
            self._begun.pop((turn.chat.guest, turn.chat.id, turn.key), None)

    async def close(self) -> None:
        """Stop everything, keeping what was said, before the process ends."""
        for turn in list(self._turns.values()):
            with suppress(Exception):
                await turn.stop(Stopped())
        self._between.close()
        self._tools.look_ups.close()
