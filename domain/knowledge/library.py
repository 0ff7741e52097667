"""What a turn asks of everything that is known: the port, and what comes back."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from domain.chat import Line
from domain.knowledge.model import Citation


class Found(msgspec.Struct, frozen=True):
    """`sources` tells whether there is any page to draw on at all; where there is none, nothing was asked."""

    sources: bool = False
    citations: tuple[Citation, ...] = ()  # worth quoting, best first; empty when nothing fits the question


class Library(Protocol):
    async def consult(
        self, owner: str, persona_id: str, question: str, history: Sequence[Line], patient: bool = False
    ) -> Found:
        """Look for what the character may quote to this owner; `history` is what was said before, oldest first.

        `patient`: there is a second or two, since the user may still go on; else there are some 100 ms.

        Draws on the shelves of `shelves_for(owner, persona_id)` and no others. May be cancelled at any time.
        Raises Unavailable.
        """
