"""A chat and its history: what is kept, and what of it fits the model's window."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from domain.knowledge.model import Citation
from domain.persona import Language

Role = Literal["user", "assistant"]

# History is cut in large steps, not by one message a turn: a prompt whose beginning stays the same
# is read from the engine's prefix cache (measured: 20 to 35 ms per token of the 1.5B on two cores).
WINDOW_TOKENS = 1400
KEPT_TOKENS = 500


class Line(msgspec.Struct, frozen=True):
    role: Role
    text: str


class Cue(msgspec.Struct, frozen=True):
    """One spoken piece of a reply and where it sounds, in ms from the reply's first sound."""

    text: str
    start_ms: int
    end_ms: int


class Receipt(msgspec.Struct, frozen=True):
    """Where a turn's time went, in ms from the moment the request began. -1: that phase did not happen."""

    upload: int = -1  # the whole request is here
    asr: int = -1  # the transcript is final
    first_token: int = -1
    first_clause: int = -1
    first_sound: int = -1
    total: int = -1  # the last sound is made
    early: bool = False  # the transcript was ready before the request came
    sources: int = -1  # the passages are there, or it goes on without; -1 where there is nothing to look in


class Sourced(msgspec.Struct, frozen=True):
    """What a reply stands on: the passages that were quoted to the model."""

    citations: tuple[Citation, ...] = ()
    missed: bool = False  # there was something to look in, but not in time


class Reply(msgspec.Struct, frozen=True):
    text: str
    interrupted: bool = False
    cues: tuple[Cue, ...] = ()
    receipt: Receipt = Receipt()
    sources: Sourced = Sourced()


class Message(msgspec.Struct, frozen=True):
    id: str
    chat_id: str
    turn_id: str
    seq: int
    role: Role
    text: str
    at: datetime
    interrupted: bool = False
    cues: tuple[Cue, ...] = ()
    receipt: Receipt | None = None
    sources: Sourced = Sourced()


class Chat(msgspec.Struct, frozen=True):
    id: str
    guest: str
    persona_id: str
    language: Language
    title: str
    created_at: datetime
    spoken_at: datetime
    summary: str = ""
    summary_upto: int = 0  # the `seq` of the last message the summary covers
    deleted_at: datetime | None = None


def tokens(text: str) -> int:
    """Estimate the tokens of a line, with 4 for its frame."""
    return int(bare_tokens(text)) + 4


def bare_tokens(text: str) -> float:
    """Estimate tokens: about one per Chinese character, one per 3.6 other characters."""
    wide = sum(1 for c in text if c >= "\u2e80")
    return wide + (len(text) - wide) / 3.6


def window(
    messages: Sequence[Message], shown: Callable[[Message], str] = lambda message: message.text,
    budget: int = WINDOW_TOKENS,
) -> tuple[Line, ...]:
    """Return the newest messages that fit `budget` tokens, oldest first, beginning with the user's.

    `shown` says how one reads: always the same of the same message, or no engine's cache would hold the prompt.
    """
    kept: list[Line] = []
    for message in reversed(messages):
        text = shown(message)
        budget -= tokens(text)
        if budget < 0 and kept:
            break
        kept.append(Line(message.role, text))
    while kept and kept[-1].role == "assistant" and len(kept) < len(messages):
        kept.pop()
    return tuple(reversed(kept))


def to_summarise(messages: Sequence[Message]) -> Sequence[Message]:
    """Return the oldest messages that should now become summary: none until the window is full."""
    total = sum(tokens(m.text) for m in messages)
    if total <= WINDOW_TOKENS:
        return ()
    cut = 0
    while cut < len(messages) and total > KEPT_TOKENS:
        total -= tokens(messages[cut].text)
        cut += 1
    while cut < len(messages) and messages[cut].role == "assistant":
        cut += 1
    return messages[:cut]


def heard_part(cues: Sequence[Cue], heard_ms: int) -> str:
    """Return the words that had sounded by `heard_ms`: whole words, whole Chinese characters."""
    said: list[str] = []
    for cue in cues:
        if cue.end_ms <= heard_ms:
            said.append(cue.text)
            continue
        if cue.start_ms < heard_ms:
            share = (heard_ms - cue.start_ms) / max(1, cue.end_ms - cue.start_ms)
            said.append(_cut(cue.text, share))
        break
    return "".join(said).strip()


def _cut(text: str, share: float) -> str:
    end = int(len(text) * share)
    if end < len(text) and text[end : end + 1].isascii() and not text[end].isspace():
        space = text.rfind(" ", 0, end)
        start = max((i + 1 for i, c in enumerate(text[:end]) if c >= "\u2e80"), default=0)
        end = max(space, start, 0)
    return text[:end]
