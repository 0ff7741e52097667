"""The turns of all chats: begin one, find one, stop one, and what is done between them."""

import asyncio
import logging
import re
import secrets
from collections.abc import Coroutine
from contextlib import aclosing, suppress
from contextvars import copy_context

from domain.audio import Audio, decode
from domain.chat import Chat, Line, Message, to_summarise
from domain.errors import BadInput, ParleyError, TooLong, TooMany
from domain.hearing import Hearing
from domain.opening import opening_of
from domain.persona import Card, Persona
from domain.ports import Chats, Clock, Llm, Personas, Speaker, Transcriber, Transcript
from domain.prompts import prompt_for, summary_prompt
from domain.recorded import RecordedTurn
from domain.turn import Ask, Stopped, Tools, Turn
from domain.usage import TURN

log = logging.getLogger(__name__)
MAX_TEXT = 2_000
TITLE_CHARS = 48
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
    ) -> None:
        self._tools = Tools(Hearing(asr, clock), llm, tts, chats, clock)
        self._personas = personas
        self._max_running = max_running
        self._turns: dict[str, Turn] = {}
        self._begun: dict[tuple[str, str, str], asyncio.Future[Turn | RecordedTurn]] = {}
        self._chores: dict[str, asyncio.Task[None]] = {}

    @property
    def running(self) -> int:
        return sum(1 for turn in self._turns.values() if not turn.ended)

    @property
    def busy(self) -> bool:
        """Whether somebody is being answered, or an answer is being prepared."""
        return bool(self.running or self._chores)

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
        text = readable(ask.text) if ask.text is not None and ask.speech is None else None
        if text is None and ask.speech is None:
            raise BadInput("nothing_said")
        chat, persona, history, before, speech = await asyncio.to_thread(self._read, guest, chat_id, ask)
        if before is not None:
            heard, said = await asyncio.to_thread(self._tools.chats.turn, guest, chat_id, before)
            return RecordedTurn(before, heard, said)
        if self.running >= self._max_running:
            raise TooMany("turns_busy")
        self._rest(chat_id)
        for other in [t for t in self._turns.values() if t.chat.id == chat_id and not t.ended]:
            await other.stop(Stopped())
            history = tuple(await asyncio.to_thread(self._history, chat))
        ask = Ask(ask.key, ask.began, ask.speech, text, ask.utterance)
        turn_id = self._tools.hearing.turn_id(f"{chat_id}/{ask.utterance}") if ask.utterance else ""
        turn = Turn(turn_id or secrets.token_urlsafe(9), chat, persona, ask, self._tools, on_end=self._after)
        self._turns[turn.id] = turn
        turn.start(speech, history)
        return turn

    def _read(
        self, guest: str, chat_id: str, ask: Ask
    ) -> tuple[Chat, Persona, tuple[Message, ...], str | None, Audio | None]:
        """Everything a turn needs before it can begin, in one trip to a thread."""
        chats = self._tools.chats
        chat = chats.get(guest, chat_id)
        persona = self._personas.get(chat.persona_id)
        before = chats.turn_of_key(guest, chat_id, ask.key)
        speech = decode(ask.speech) if ask.speech is not None and before is None else None
        return chat, persona, tuple(self._history(chat)), before, speech

    def _history(self, chat: Chat) -> list[Message]:
        return self._tools.chats.messages(chat.guest, chat.id, after=chat.summary_upto)

    async def find(self, guest: str, chat_id: str, turn_id: str) -> Turn | RecordedTurn:
        """Return a turn of this guest's chat. Raises NotFound."""
        turn = self._turns.get(turn_id)
        if turn is not None and turn.chat.id == chat_id and turn.chat.guest == guest:
            return turn
        heard, said = await asyncio.to_thread(self._tools.chats.turn, guest, chat_id, turn_id)
        return RecordedTurn(turn_id, heard, said)

    async def stop(self, guest: str, chat_id: str, turn_id: str, heard_ms: int, superseded: bool) -> None:
        """Barge-in: stop the turn and keep what was heard."""
        turn = await self.find(guest, chat_id, turn_id)
        if isinstance(turn, Turn):
            await turn.stop(Stopped(heard_ms, superseded))

    async def segment(self, guest: str, chat_id: str, utterance: str, seq: int, data: bytes, pause: bool) -> None:
        """Take a piece of an utterance that is still being spoken."""
        if not _KEY.match(utterance):
            raise BadInput("key_bad")
        chat = await asyncio.to_thread(self._tools.chats.get, guest, chat_id)
        # What is being prepared goes on: the engines put it behind what this utterance needs.
        early = await self._tools.hearing.segment(f"{chat_id}/{utterance}", chat.language, seq, data, pause)
        if early is not None:
            self._chore(chat_id, self._read_on(chat, early))

    async def _read_on(self, chat: Chat, early: asyncio.Task[Transcript]) -> None:
        """The user has paused: have the LLM read what was said, in case that was all."""
        text = (await asyncio.shield(early)).text.strip()
        if text:
            chat, persona, history = await asyncio.to_thread(self._read_chat, chat.guest, chat.id)
            await self._tools.llm.prepare(prompt_for(chat, persona, history, Line("user", text)))

    async def prepare(self, guest: str, chat_id: str) -> None:
        """Have the engine read the character's prompt before the user speaks; returns at once."""
        chat, persona, history = await asyncio.to_thread(self._read_chat, guest, chat_id)
        if chat_id not in self._chores and not any(t.chat.id == chat_id and not t.ended for t in self._turns.values()):
            self._chore(chat_id, self._prepare(chat, persona, history))

    def _read_chat(self, guest: str, chat_id: str) -> tuple[Chat, Persona, list[Message]]:
        chat = self._tools.chats.get(guest, chat_id)
        return chat, self._personas.get(chat.persona_id), self._history(chat)

    async def _prepare(self, chat: Chat, persona: Persona, history: list[Message]) -> None:
        # The next reply's first words before all else: they are quickly made, and sound at once when they are there.
        card, openings = persona.card(chat.language), self._tools.llm.continues
        if openings:
            await self._make(opening_of(card, history), card, chat)
        await self._tools.llm.prepare(prompt_for(chat, persona, history))
        for line in (*(card.openings if openings else ()), card.unheard):
            await self._make(line, card, chat)

    async def _make(self, line: str, card: Card, chat: Chat) -> None:
        """Speak to nobody: the speaker keeps what it has made."""
        if not line:
            return
        async with aclosing(self._tools.tts.speak(line, card.voice, chat.language)) as sounds:
            async for _ in sounds:
                pass

    # -- between turns -----------------------------------------------------------------------------

    def _after(self, turn: Turn) -> None:
        """A turn has ended: name the chat, and sum up what is about to leave the window."""
        self._chore(turn.chat.id, self._tidy(turn))

    async def _tidy(self, turn: Turn) -> None:
        chats, chat, persona = self._tools.chats, turn.chat, turn.persona
        history = await asyncio.to_thread(self._history, chat)
        if not chat.title and history:
            title = " ".join(history[0].text.split())[:TITLE_CHARS]
            await asyncio.to_thread(chats.rename, chat.guest, chat.id, title)
        old = to_summarise(history)
        if not old:
            # What was kept may differ from what the engine wrote (cut, cleaned): it reads that now, not next time.
            await self._prepare(chat, persona, history)
            return
        summary = "".join([delta async for delta in self._tools.llm.reply(summary_prompt(chat, persona, old))])
        if summary.strip():
            chat = await asyncio.to_thread(chats.summarise, chat.guest, chat.id, summary.strip(), old[-1].seq)
            await self._prepare(chat, persona, await asyncio.to_thread(self._history, chat))

    def _chore(self, chat_id: str, work: Coroutine[object, object, None]) -> None:
        """Do something in the background that the next word of the user ends."""
        self._rest(chat_id)

        async def quietly() -> None:
            try:
                await work
            except ParleyError as error:
                log.warning("between turns: %s", error.code)

        nobody = copy_context()
        nobody.run(TURN.set, "")  # begun by a turn's end, say, but no part of what that turn cost
        task = self._chores[chat_id] = asyncio.create_task(quietly(), context=nobody)
        task.add_done_callback(lambda done: self._chore_done(chat_id, done))
        task.add_done_callback(lambda _: work.close())  # cancelled before its first step, it would never be awaited

    def _chore_done(self, chat_id: str, task: asyncio.Task[None]) -> None:
        if self._chores.get(chat_id) is task:
            del self._chores[chat_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("between turns", exc_info=error)

    def _rest(self, chat_id: str) -> None:
        task = self._chores.pop(chat_id, None)
        if task is not None:
            task.cancel()

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
        for chat_id in list(self._chores):
            self._rest(chat_id)
