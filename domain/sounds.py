"""Speech that is made ahead or again: greetings, samples, and any line of a chat replayed."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Protocol

import msgspec

from domain.audio import SPOKEN_RATE, Audio
from domain.chat import Chat
from domain.errors import NotFound, ParleyError
from domain.persona import LANGUAGES, Card, Language, Persona
from domain.ports import Chats, Personas, Speaker
from domain.sentences import pieces

log = logging.getLogger(__name__)
QUIET_S = 2.0  # between looks whether the engines have become free
LOOK_S = 0.1  # between looks whether somebody needs them again


class Shelf(Protocol):
    """Keeps bytes under a name between starts of the program. Sync; losing any of them is harmless."""

    def get(self, name: str) -> bytes | None: ...

    def put(self, name: str, data: bytes) -> None: ...


class Sounds:
    def __init__(self, tts: Speaker, chats: Chats, personas: Personas, shelf: Shelf) -> None:
        self._tts = tts
        self._chats = chats
        self._personas = personas
        self._shelf = shelf
        self._making: dict[str, asyncio.Task[Audio]] = {}

    async def greeting(self, persona: Persona, language: Language) -> Audio:
        """Return the greeting as 24 kHz sound: from the shelf, or made now and put there."""
        return await self._kept(persona.card(language).greeting, persona.card(language), language)

    async def line(self, guest: str, chat_id: str, message_id: str) -> Audio:
        """Return a reply of the character again. Raises NotFound, also for what was never spoken.

        What sounds here is counted for nobody: it was when it was spoken.
        """

        def find() -> tuple[str, Card, Language]:
            message = self._chats.message(guest, chat_id, message_id)
            if message.role != "assistant" or not message.cues:
                raise NotFound("line_silent")
            chat = self._chats.get(guest, chat_id)
            return message.text, self._personas.get(chat.persona_id).card(chat.language), chat.language

        text, card, language = await asyncio.to_thread(find)
        return await self._made(text, card, language)

    async def again(self, chat: Chat, text: str) -> Audio:
        """Return a line of the character, from the shelf or spoken again. Raises NotFound when it has left."""
        persona = await asyncio.to_thread(self._personas.get, chat.persona_id)
        kept = await asyncio.to_thread(self.on_the_shelf, chat, text)
        return kept[1] if kept is not None else await self._made(text, persona.card(chat.language), chat.language)

    def greeting_of(self, chat: Chat) -> str:
        """Return the words a chat began with, "" if its character has left. Waits for the store."""
        try:
            return self._personas.get(chat.persona_id).card(chat.language).greeting
        except NotFound:
            return ""

    def on_the_shelf(self, chat: Chat, text: str) -> tuple[str, Audio] | None:
        """Return what is kept of this line in the character's voice, and its name; make nothing. Waits for the disk."""
        try:
            name = _name(text, self._personas.get(chat.persona_id).card(chat.language), chat.language)
        except NotFound:
            return None
        kept = self._shelf.get(name)
        return (name.removesuffix(".pcm"), Audio(kept, SPOKEN_RATE)) if kept else None

    async def make_ahead(self, personas: Sequence[Persona], busy: Callable[[], bool]) -> None:
        """Make the greeting of every character while nobody is `busy`; who comes in between is not kept waiting."""
        for language in LANGUAGES:
            for persona in personas:
                try:
                    await self._quietly(persona.card(language), language, busy)
                except ParleyError as error:
                    log.warning("no greeting for %s: %s", persona.id, error.code)

    async def _quietly(self, card: Card, language: Language, busy: Callable[[], bool]) -> None:
        """Put a greeting on the shelf; what is half made when somebody speaks is dropped and begun again later."""
        name = _name(card.greeting, card, language)
        while not await asyncio.to_thread(self._shelf.get, name):
            while busy():  # noqa: ASYNC110 - nothing would set an event that is worth two seconds
                await asyncio.sleep(QUIET_S)
            making = asyncio.create_task(self._made(card.greeting, card, language))
            while not making.done() and not busy():
                await asyncio.wait({making}, timeout=LOOK_S)
            if making.done():
                await asyncio.to_thread(self._shelf.put, name, making.result().pcm)
                return
            making.cancel()

    async def _kept(self, text: str, card: Card, language: Language) -> Audio:
        name = _name(text, card, language)
        kept = await asyncio.to_thread(self._shelf.get, name)
        if kept:
            return Audio(kept, SPOKEN_RATE)
        if name not in self._making:  # ten visitors who open one page make it once
            task = self._making[name] = asyncio.create_task(self._made(text, card, language))
            task.add_done_callback(lambda _: self._making.pop(name, None))
        sound = await asyncio.shield(self._making[name])
        await asyncio.to_thread(self._shelf.put, name, sound.pcm)
        return sound

    async def _made(self, text: str, card: Card, language: Language) -> Audio:
        """Speak `text` in the same pieces as a turn would, so that pieces already made are not made again."""

        async def whole() -> AsyncGenerator[str, None]:
            yield text

        pcm = bytearray()
        async with aclosing(pieces(whole())) as cut:
            async for piece in cut:
                async with aclosing(self._tts.speak(piece, card.voice, language)) as sounds:
                    async for audio in sounds:
                        pcm += audio.pcm
        return Audio(bytes(pcm), SPOKEN_RATE)


def _name(text: str, card: Card, language: Language) -> str:
    return hashlib.sha256(msgspec.json.encode(["1", text, card.voice, language])).hexdigest()[:32] + ".pcm"
