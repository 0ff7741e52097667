"""The characters in SQL: the shipped cards are put in at start, the operator may take one away.

- A card that changed on disk changes here too; its place in the gallery is its place among the shipped ones.
- One that is no longer shipped leaves the gallery, but whoever is talking with it can go on.
- One that the operator removed stays removed, whatever is shipped, until it is brought back: NotFound.
"""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Engine, bindparam, insert, select, update

from db.again import again
from db.tables.core import personas
from db.work import alone, known, reading, writing
from domain.errors import NotFound
from domain.persona import Persona

FRESH_S = 30.0  # how long another process's removal may go unseen

_ALL = select(personas.c.id, personas.c.card, personas.c.place, personas.c.removed_at).order_by(personas.c.place)
_ADD = insert(personas)
_UPDATE = update(personas).where(personas.c.id == bindparam("which"))
_REMOVE = _UPDATE.values(removed_at=bindparam("now"))
_decode = msgspec.json.Decoder(Persona).decode


class _Kept(msgspec.Struct, frozen=True):
    read_at: float
    shown: tuple[Persona, ...]
    by_id: dict[str, Persona]


class SqlPersonas:
    """Every turn asks for its character, so they are kept in memory between changes."""

    def __init__(self, engine: Engine, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._monotonic = monotonic
        self._kept: _Kept | None = None
        # Held while reading and while changing, so that what was read before a change is never kept after it.
        self._lock = threading.Lock()

    def all(self) -> list[Persona]:
        return list(self._read().shown)

    def get(self, persona_id: str) -> Persona:
        persona = self._read().by_id.get(persona_id)
        if persona is None:
            raise NotFound("character_gone")
        return persona

    @again()
    def seed(self, shipped: Sequence[Persona]) -> None:
        """Put the shipped characters in, in this order; processes that start at once take turns."""
        cards = {persona.id: msgspec.json.encode(persona).decode() for persona in shipped}
        with self._lock, alone(self._engine) as connection:
            self._kept = None
            before = {row.id: (row.card, row.place) for row in connection.execute(_ALL)}
            for place, (persona_id, card) in enumerate(cards.items()):
                if persona_id not in before:
                    connection.execute(_ADD, {"id": persona_id, "card": card, "place": place, "removed_at": None})
                elif before[persona_id] != (card, place):
                    connection.execute(_UPDATE, {"which": persona_id, "card": card, "place": place})
            for persona_id in before.keys() - cards.keys():
                connection.execute(_UPDATE, {"which": persona_id, "place": None})

    def remove(self, persona_id: str, now: datetime) -> None:
        """Take a character away. Raises NotFound("character_gone") when it never was."""
        self._mark(persona_id, now)

    def bring_back(self, persona_id: str) -> None:
        self._mark(persona_id, None)

    @again()
    def _mark(self, persona_id: str, removed_at: datetime | None) -> None:
        if not known(persona_id):
            raise NotFound("character_gone")
        with self._lock, writing(self._engine) as connection:
            self._kept = None
            if not connection.execute(_REMOVE, {"which": persona_id, "now": removed_at}).rowcount:
                raise NotFound("character_gone")

    def _read(self) -> _Kept:
        kept = self._kept
        if kept is not None and self._monotonic() - kept.read_at < FRESH_S:
            return kept
        with self._lock:
            now = self._monotonic()
            with reading(self._engine) as connection:
                rows = connection.execute(_ALL.where(personas.c.removed_at.is_(None))).all()
            found = [(_decode(row.card), row.place) for row in rows]
            shown = tuple(persona for persona, place in found if place is not None)
            self._kept = _Kept(now, shown, {persona.id: persona for persona, _ in found})
            return self._kept
