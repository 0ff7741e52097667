"""What the domain needs from the world: model ports are async, store ports are sync.

Every model call is bounded by a deadline and stops soon after its task is cancelled or its
generator is closed; whatever goes wrong in an engine arrives as Unavailable.
"""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from domain.audio import Audio
from domain.chat import Chat, Line, Message, Reply
from domain.persona import Language, Persona, Voice

Vector = list[float]


class Transcript(msgspec.Struct, frozen=True):
    """What was heard. `text` is empty when there was no speech, and never holds an engine's tags.

    An engine that does not listen for the other two leaves them empty: `emotion` is how it was said ("happy",
    "neutral"), `sounds` are what else was to be heard ("laughter", "music"), in order.
    """

    text: str
    language: Language
    emotion: str = ""
    sounds: tuple[str, ...] = ()


SUMMARY = "summary"  # the chat id of prompts for a running summary: nobody waits for the answer


class Prompt(msgspec.Struct, frozen=True):
    """What the LLM is asked: `chat_id` lets an engine keep one prefix cache per chat."""

    chat_id: str
    system: str
    lines: tuple[Line, ...]  # oldest first; the last is the user's
    max_tokens: int = 220
    temperature: float = 0.7
    opening: str = ""  # how the reply begins; an engine that `continues` goes on from here
    images: tuple[bytes, ...] = ()  # JPEG, what the user shows with the last line; only for an engine that `sees`


class Transcriber(Protocol):
    async def transcribe(self, speech: Audio, language: Language) -> Transcript:
        """Return the final transcript of 16 kHz speech of at most 60 s.

        `language` is what is expected; another of the known languages is recognised when it is clear.
        Silence and noise give an empty text. Raises Unavailable.
        """


class Speaker(Protocol):
    def speak(self, text: str, voice: Voice, language: Language) -> AsyncGenerator[Audio, None]:
        """Yield 24 kHz sound of one piece of text, without leading silence, as it is made.

        Text in the other script than `language` is spoken too. Raises Unavailable.
        """


class Llm(Protocol):
    continues: bool  # whether a reply can be made to go on from `Prompt.opening`
    sees: bool  # whether it looks at `Prompt.images`

    def reply(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        """Yield deltas of the reply, after its opening. Closing it stops the model. Raises Unavailable."""

    async def prepare(self, prompt: Prompt) -> None:
        """Read the prompt into the engine's cache so that the next reply starts at once."""


class Embedder(Protocol):
    """Text to vectors for cosine search."""

    size: int

    async def embed(self, texts: Sequence[str], kind: Literal["query", "passage"]) -> list[Vector]:
        """Return one unit vector of `size` floats per text, in order.

        At most 64 texts of 8,000 characters; longer ones are cut. Raises Unavailable.
        """


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the time in UTC, aware."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""


class Personas(Protocol):
    """The characters one can talk to."""

    def all(self) -> list[Persona]: ...

    def get(self, persona_id: str) -> Persona:
        """Raise NotFound("character_gone") when it never was or has been taken away."""


class Chats(Protocol):
    """Chats and what was said in them. Every method is one unit of work.

    `guest` is the owner's id; another's chat is NotFound("chat_gone"), as is one that does not exist.
    """

    def create(self, guest: str, persona_id: str, language: Language, title: str, now: datetime) -> Chat: ...

    def get(self, guest: str, chat_id: str) -> Chat: ...

    def recent(self, guest: str, limit: int = 50, before: datetime | None = None) -> list[Chat]:
        """Newest first, by the last thing said; deleted ones are left out."""

    def messages(self, guest: str, chat_id: str, after: int = 0) -> list[Message]:
        """Oldest first, those whose `seq` is greater than `after`."""

    def message(self, guest: str, chat_id: str, message_id: str) -> Message:
        """Raise NotFound("message_gone")."""

    def rename(self, guest: str, chat_id: str, title: str) -> Chat: ...

    def name(self, guest: str, chat_id: str, title: str) -> Chat:
        """Give it a title where it has none: the one that somebody chose meanwhile stays."""

    def delete(self, guest: str, chat_id: str, now: datetime) -> None:
        """Put the chat away; `restore` brings it back until it is purged."""

    def restore(self, guest: str, chat_id: str) -> Chat: ...

    def purge(self, deleted_before: datetime) -> int:
        """Erase chats deleted before then, with all they hold; return how many."""

    def heard(self, guest: str, chat_id: str, turn_id: str, key: str, text: str, now: datetime) -> Message:
        """Keep what the user said and open the turn, once per `key` in a chat.

        Raises Conflict("turn_exists", turn_id=...) for a key that was used before.
        """

    def said(self, guest: str, chat_id: str, turn_id: str, reply: Reply, now: datetime) -> Message:
        """Keep the reply of a turn; called again for the same turn, it replaces the first."""

    def unsay(self, guest: str, chat_id: str, turn_id: str) -> None:
        """Forget a turn that the user spoke on over: its messages go, its key stays used."""

    def turn(self, guest: str, chat_id: str, turn_id: str) -> tuple[Message | None, Message | None]:
        """Return what was heard and said in a turn. Raise NotFound("turn_gone")."""

    def turn_of_key(self, guest: str, chat_id: str, key: str) -> str | None: ...

    def summarise(self, guest: str, chat_id: str, summary: str, upto: int) -> Chat:
        """Replace the running summary; it covers the messages up to `seq` `upto`."""
