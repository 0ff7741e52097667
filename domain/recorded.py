"""A turn that is no longer in memory, told again from what was kept: its words, without the sound."""

from collections.abc import AsyncGenerator

from domain.chat import Message, Receipt, Sourced
from domain.events import Began, Cited, Done, Event, Heard, Said
from domain.filing.model import Attachment


class RecordedTurn:
    def __init__(
        self, turn_id: str, heard: Message | None, said: Message | None, attachments: tuple[Attachment, ...] = ()
    ) -> None:
        self.id = turn_id
        self._log: list[Event] = [Began(turn_id)]
        if heard is not None:
            self._log.append(Heard(heard, attachments))
        if said is not None and said.sources != Sourced():
            self._log.append(Cited(turn_id, said.sources))
        cues = said.cues if said is not None else ()
        self._log += [Said(number, cue.text, cue.start_ms) for number, cue in enumerate(cues)]
        text = said.text if said is not None else ""
        receipt = (said.receipt if said is not None else None) or Receipt()
        ms = cues[-1].end_ms if cues else 0
        interrupted = said.interrupted if said is not None else True
        self._log.append(Done(turn_id, said, text, interrupted, ms, receipt))

    async def events(self, after: int = 0) -> AsyncGenerator[tuple[int, Event], None]:
        for number, event in enumerate(self._log, 1):
            if number > after:
                yield number, event
