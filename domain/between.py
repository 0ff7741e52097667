"""What is done between the turns of a chat: engines read ahead, lines are made, a chat is named and summed up.

All of it is a chore: it goes on in the background, one for each chat, and the next word of the user ends it.
"""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import aclosing
from contextvars import copy_context

from domain.chat import Chat, Message, to_summarise
from domain.errors import ParleyError
from domain.opening import opening_of
from domain.persona import Card, Language, Persona, Voice
from domain.prompts import prompt_for, summary_prompt
from domain.turn import Tools, Turn
from domain.usage import TURN

log = logging.getLogger(__name__)
TITLE_CHARS = 48
KEPT_S = 600.0  # a speaker keeps what it has made, but what it kept makes room for others after a while


class Between:
    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._chores: dict[str, asyncio.Task[None]] = {}
        self._made: dict[tuple[str, Voice, Language], float] = {}  # when; the cards' lines, so there are not many

    @property
    def busy(self) -> bool:
        return bool(self._chores)

    def at_work(self, chat_id: str) -> bool:
        return chat_id in self._chores

    def begin(self, chat_id: str, work: Coroutine[object, object, None]) -> None:
        """Do something in the background that the next word of the user ends."""
        self.rest(chat_id)

        async def quietly() -> None:
            try:
                await work
            except ParleyError as error:
                log.warning("between turns: %s", error.code)

        nobody = copy_context()
        nobody.run(TURN.set, "")  # begun by a turn's end, say, but no part of what that turn cost
        task = self._chores[chat_id] = asyncio.create_task(quietly(), context=nobody)
        task.add_done_callback(lambda done: self._done(chat_id, done))
        task.add_done_callback(lambda _: work.close())  # cancelled before its first step, it would never be awaited

    def _done(self, chat_id: str, task: asyncio.Task[None]) -> None:
        if self._chores.get(chat_id) is task:
            del self._chores[chat_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("between turns", exc_info=error)

    def rest(self, chat_id: str) -> None:
        task = self._chores.pop(chat_id, None)
        if task is not None:
            task.cancel()

    def close(self) -> None:
        for chat_id in list(self._chores):
            self.rest(chat_id)

    async def welcome(self, chat: Chat, persona: Persona, history: list[Message]) -> None:
        """Somebody has opened the chat."""
        greeting = persona.card(chat.language).greeting
        await asyncio.gather(self._tools.look_ups.warm(chat, greeting), self._prepare(chat, persona, history))

    async def tidy(self, turn: Turn) -> None:
        """A turn has ended: name the chat, and sum up what is about to leave the window."""
        chats, chat, persona = self._tools.chats, turn.chat, turn.persona
        history = await asyncio.to_thread(self.history, chat)
        if not chat.title and history:
            title = " ".join(history[0].text.split())[:TITLE_CHARS]
            await asyncio.to_thread(chats.name, chat.guest, chat.id, title)
        old = to_summarise(history)
        if not old:
            # What was kept may differ from what the engine wrote (cut, cleaned): it reads that now, not next time.
            await self._prepare(chat, persona, history)
            return
        summary = "".join([delta async for delta in self._tools.llm.reply(summary_prompt(chat, persona, old))])
        if summary.strip():
            chat = await asyncio.to_thread(chats.summarise, chat.guest, chat.id, summary.strip(), old[-1].seq)
            await self._prepare(chat, persona, await asyncio.to_thread(self.history, chat))

    def history(self, chat: Chat) -> list[Message]:
        """Return what the running summary does not hold, oldest first. Waits for the store."""
        return self._tools.chats.messages(chat.guest, chat.id, after=chat.summary_upto)

    async def _prepare(self, chat: Chat, persona: Persona, history: list[Message]) -> None:
        # The next reply's first words before all else: they are quickly made, and sound at once when they are there.
        card, openings = persona.card(chat.language), self._tools.llm.continues
        if openings:
            await self._make(opening_of(card, history), card, chat)
        await self._tools.llm.prepare(prompt_for(chat, persona, history))
        admission = card.unknown if openings and self._tools.look_ups.any else ""
        for line in (*(card.openings if openings else ()), card.unheard, admission):
            await self._keep_made(line, card, chat)

    async def _keep_made(self, line: str, card: Card, chat: Chat) -> None:
        """Of lines that seldom sound: each is a call with a row in the ledger, and elsewhere a GPU's time."""
        key, now = (line, card.voice, chat.language), self._tools.clock.monotonic()
        if now - self._made.get(key, -KEPT_S) >= KEPT_S:
            await self._make(line, card, chat)
            self._made[key] = now

    async def _make(self, line: str, card: Card, chat: Chat) -> None:
        """Speak to nobody: the speaker keeps what it has made."""
        if not line:
            return
        async with aclosing(self._tools.tts.speak(line, card.voice, chat.language)) as sounds:
            async for _ in sounds:
                pass
