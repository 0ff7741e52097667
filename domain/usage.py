"""What function calls used and what they cost: one ledger row per call, in whole micro-dollars."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from typing import Literal, Protocol

import msgspec

CallKind = Literal["asr", "llm", "tts", "embed"]
Outcome = Literal["done", "stopped", "failed"]

# The turn on whose behalf models are called: set by the turn, read where a call is written into the ledger.
TURN: ContextVar[str] = ContextVar("turn", default="")


class Usage(msgspec.Struct, frozen=True):
    """What one call used, told by the function itself at the end of the call."""

    engine_ms: int  # that the engine worked, which is what a GPU is paid for
    audio_ms: int = 0  # heard or spoken
    tokens_in: int = 0
    tokens_out: int = 0
    container: str = ""


class Header(msgspec.Struct, frozen=True):
    """The first item of every stream: by its call id the stream can be cancelled, which leaving it does not do."""

    call_id: str
    container: str


class Meter:
    """What a call has used so far: handed down to the engine, which fills it in while it works."""

    def __init__(self) -> None:
        self.engine_s = 0.0
        self.audio_ms = self.tokens_in = self.tokens_out = 0
        self.container = self.remote_id = ""
        self.answered = False  # whether something came back

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count the time of the block as the engine's. Used by one thread at a time."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.engine_s += time.perf_counter() - began

    def usage(self) -> Usage:
        return Usage(round(self.engine_s * 1000), self.audio_ms, self.tokens_in, self.tokens_out, self.container)

    def take(self, usage: Usage) -> None:
        """Take over what a function elsewhere has measured."""
        self.engine_s = usage.engine_ms / 1000
        self.audio_ms, self.container = usage.audio_ms, usage.container
        self.tokens_in, self.tokens_out = usage.tokens_in, usage.tokens_out


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the ledger. `id` is the caller's own: a call that is run twice is billed once."""

    id: str
    turn_id: str  # "" for work outside a turn: greetings, reading ahead, ingest
    kind: CallKind
    at: datetime  # UTC, when the call began
    runtime: str  # inline, local or modal
    remote_id: str  # the function call's id on Modal, "" inline
    container: str
    outcome: Outcome
    engine_ms: int  # of a call that was stopped or failed: as long as its caller saw it run
    audio_ms: int
    tokens_in: int
    tokens_out: int
    price_class: str  # a row of infra/prices.toml
    price_version: str
    microusd: int


class Sum(msgspec.Struct, frozen=True):
    """Several calls of one kind together."""

    kind: CallKind
    calls: int
    engine_ms: int
    audio_ms: int
    tokens_in: int
    tokens_out: int
    microusd: int


class TurnCost(msgspec.Struct, frozen=True):
    turn_id: str
    at: datetime
    calls: int
    engine_ms: int
    microusd: int


class Day(msgspec.Struct, frozen=True):
    day: date  # UTC
    turns: int
    calls: int
    microusd: int


class Ledger(Protocol):
    """The append-only ledger of function calls. Every method is one unit of work."""

    def record(self, calls: Sequence[Call]) -> int:
        """Write the rows that are not there yet; return how many were new. All or none are written."""

    def turn(self, turn_id: str) -> list[Call]:
        """The calls of one turn, oldest first."""

    def turns(self, limit: int = 50, before: datetime | None = None) -> list[TurnCost]:
        """Newest first."""

    def days(self, since: date) -> list[Day]:
        """Newest first; days without a call are left out."""

    def sums(self, since: date, until: date) -> list[Sum]:
        """One row per kind over the days `since` to `until`, both included."""
