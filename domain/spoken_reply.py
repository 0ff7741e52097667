"""What of a reply has been spoken so far: piece by piece, each with where it sounds."""

from collections.abc import Callable
from contextlib import aclosing

from domain.chat import Cue
from domain.cutting import whole
from domain.events import Said, Sound
from domain.persona import Language, Voice
from domain.ports import Clock, Speaker
from domain.turn_log import TurnLog


class Spoken:
    """`speaker` None: there is no voice for it, it is shown. `mark` notes when a phase of the turn is reached."""

    def __init__(
        self, log: TurnLog, speaker: Speaker | None, voice: Voice, language: Language, clock: Clock,
        mark: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.cues: list[Cue] = []
        self.first_sound_at = 0.0  # the clock's time, 0.0 before it
        self._part: Cue | None = None  # the piece that is being synthesised
        self._log, self._speaker, self._voice, self._language = log, speaker, voice, language
        self._clock, self._mark = clock, mark

    async def say(self, piece: str) -> None:
        self._part = Cue(piece, self.ms, self.ms)
        self._log.write(Said(len(self.cues), piece, self.ms))
        if self._speaker is not None:
            await self._sound(self._speaker, self._part)
        self.cues.append(self._part)
        self._part = None

    async def _sound(self, speaker: Speaker, piece: Cue) -> None:
        made = 0.0
        async with aclosing(speaker.speak(piece.text, self._voice, self._language)) as sounds:
            async for audio in sounds:
                if not self.first_sound_at:
                    self.first_sound_at = self._clock.monotonic()
                self._mark("first_sound")
                made += audio.seconds * 1000
                self._part = Cue(piece.text, piece.start_ms, piece.start_ms + round(made))
                self._log.write(Sound(len(self.cues), audio))

    @property
    def text(self) -> str:
        """The pieces that have been made whole."""
        return "".join(cue.text for cue in self.cues).strip()

    @property
    def ms(self) -> int:
        """How long these pieces are."""
        return self.cues[-1].end_ms if self.cues else 0

    def end_with(self, piece: str) -> int:
        """Return how many ms they would be with one more, at the pace of those before; ask when there are some."""
        return whole(Cue(piece, self.ms, self.ms), self.cues).end_ms

    def all_cues(self) -> tuple[Cue, ...]:
        """Return them with the piece that was cut in its making, as long as it would have been."""
        return (*self.cues, *([whole(self._part, self.cues)] if self._part else ()))

    def heard_ms(self, told: int) -> int:
        """Return how much was heard; where nobody told (-1), what a player at full speed had played by now."""
        if told >= 0:
            return told
        return int((self._clock.monotonic() - self.first_sound_at) * 1000) if self.first_sound_at else 0
