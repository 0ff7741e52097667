"""What happens in a turn, in order: the same types go to the stream, the logs, the tests and docs/turn.md."""

import msgspec

from domain.audio import Audio
from domain.chat import Message, Receipt, Sourced
from domain.filing.model import Attachment


class Began(msgspec.Struct, frozen=True, tag=True):
    turn: str


class Heard(msgspec.Struct, frozen=True, tag=True):
    """The user's words are final and kept, and what came with them is this turn's."""

    message: Message
    attachments: tuple[Attachment, ...] = ()  # heads


class Unheard(msgspec.Struct, frozen=True, tag=True):
    """There was no speech; `text` is the character's kind way of saying so, spoken next."""

    text: str


class Cited(msgspec.Struct, frozen=True, tag=True):
    """What the reply will stand on; only where there was something to look in. `turn` tells whose reply it is."""

    turn: str
    sources: Sourced


class Said(msgspec.Struct, frozen=True, tag=True):
    """A piece of the reply is about to sound, `start_ms` after the reply's first sound."""

    piece: int
    text: str
    start_ms: int


class Sound(msgspec.Struct, frozen=True, tag=True):
    piece: int
    audio: Audio


class Spent(msgspec.Struct, frozen=True, tag=True):
    """There is no more voice: the reply ends with what was said or, when this comes before it, is text alone.

    `code` and `detail` are those of the refusal that a spoken turn would meet now.
    """

    code: str
    detail: dict[str, object]


class Done(msgspec.Struct, frozen=True, tag=True):
    """The reply is complete and kept; `message` is None when nothing was. `left`: seconds of voice, None uncounted."""

    turn: str
    message: Message | None
    text: str
    interrupted: bool
    ms: int
    receipt: Receipt
    left: int | None = None


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The turn ended early; `code` and `detail` are those of the error."""

    code: str
    detail: dict[str, object]
    retry: bool


Event = Began | Heard | Unheard | Cited | Said | Sound | Spent | Done | Failed
LAST = (Done, Failed)
