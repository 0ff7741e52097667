"""What happens in a turn, in order: the same types go to the stream, the logs, the tests and docs/turn.md."""

import msgspec

from domain.audio import Audio
from domain.chat import Message, Receipt


class Began(msgspec.Struct, frozen=True, tag=True):
    turn: str


class Heard(msgspec.Struct, frozen=True, tag=True):
    """The user's words are final and kept."""

    message: Message


class Unheard(msgspec.Struct, frozen=True, tag=True):
    """There was no speech; `text` is the character's kind way of saying so, spoken next."""

    text: str


class Said(msgspec.Struct, frozen=True, tag=True):
    """A piece of the reply is about to sound, `start_ms` after the reply's first sound."""

    piece: int
    text: str
    start_ms: int


class Sound(msgspec.Struct, frozen=True, tag=True):
    piece: int
    audio: Audio


class Done(msgspec.Struct, frozen=True, tag=True):
    """The reply is complete and kept; `message` is None when nothing was."""

    turn: str
    message: Message | None
    text: str
    interrupted: bool
    ms: int
    receipt: Receipt


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The turn ended early; `code` and `detail` are those of the error."""

    code: str
    detail: dict[str, object]
    retry: bool


Event = Began | Heard | Unheard | Said | Sound | Done | Failed
LAST = (Done, Failed)
