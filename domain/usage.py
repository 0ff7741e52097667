"""What function calls used and what they cost: one ledger row per call, in whole micro-dollars."""

from collections.abc import Sequence
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
