"""A turn's events on the wire (docs/turn.md): text/event-stream, ids to resume from, sound as base64 PCM."""

import asyncio
import base64
import logging
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from typing import Protocol

import msgspec
from litestar.response import Stream

from domain.audio import SPOKEN_RATE
from domain.events import LAST, Began, Cited, Done, Event, Failed, Heard, Said, Sound, Spent, Unheard
from web.error_words import words
from web.met import PlanOf, met
from web.presence import Presence
from web.render import Pages, Ui

log = logging.getLogger(__name__)
HEARTBEAT_S = 10.0
# Nothing on the way may keep, change or hold back what streams (nginx holds it without the second header).
HEADERS = {"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}
_json = msgspec.json.Encoder().encode


class Followed(Protocol):
    """What of a turn the stream needs: domain.turn.Turn, or a turn told from what was kept."""

    @property
    def id(self) -> str: ...

    def events(self, after: int = 0) -> AsyncGenerator[tuple[int, Event], None]: ...


class Watch(Protocol):
    """Who counts streams and notes how turns end."""

    def opened(self) -> None: ...

    def closed(self, *, whole: bool) -> None: ...

    def ended(self, event: Done | Failed, turn_id: str, guest: str) -> None: ...


class Encoder:
    """Events to bytes, in one reader's language.

    Encoding takes microseconds (HTML alone a template's rendering, twice a turn), keeping the bytes for a
    rare resume would double the memory of every turn: so each stream encodes for itself.
    """

    def __init__(self, pages: Pages, ui: Ui, plan_of: PlanOf = lambda _: None, chat_id: str = "") -> None:
        self._pages, self._ui, self._plan_of, self._chat_id = pages, ui, plan_of, chat_id
        self._of: dict[type[Event], Callable[..., bytes]] = {
            Began: self._began,
            Heard: self._heard,
            Unheard: self._unheard,
            Cited: self._cited,
            Said: self._said,
            Sound: self._sound,
            Spent: self._spent,
            Done: self._done,
            Failed: self._failed,
        }

    def encode(self, number: int, event: Event) -> bytes:
        """Return the event's message. The id goes last, on its final part: a cut before it loses nothing."""
        try:
            return b"%sid: %d\n\n" % (self._of[type(event)](event), number)
        except Exception:  # a page that cannot be drawn must not cut the sound
            log.exception("event %d (%s) cannot be written", number, type(event).__name__)
            return b": event %d is missing\n\n" % number if not isinstance(event, LAST) else self.lost(number)

    def lost(self, number: int) -> bytes:
        return b"%sid: %d\n\n" % (self._failed(Failed("turn_failed", {}, True)), number)

    def _began(self, event: Began) -> bytes:
        return _named(b"turn", {"turn": event.turn, "rate": SPOKEN_RATE})

    def _heard(self, event: Heard) -> bytes:
        return self._html("room/_heard.html", message=event.message, attachments=event.attachments)

    def _unheard(self, event: Unheard) -> bytes:
        return self._html("room/_unheard.html", text=event.text) + b"\n" + _named(b"unheard", {"text": event.text})

    def _cited(self, event: Cited) -> bytes:
        return self._html("room/_cited.html", turn=event.turn, sources=event.sources, chat_id=self._chat_id)

    def _said(self, event: Said) -> bytes:
        return _named(b"cue", {"piece": event.piece, "text": event.text, "start_ms": event.start_ms})

    def _sound(self, event: Sound) -> bytes:
        return b"event: audio\ndata: %s\n" % base64.b64encode(event.audio.pcm)

    def _spent(self, event: Spent) -> bytes:
        shown = met(event.code, event.detail, self._ui.language, datetime.now(UTC), self._plan_of)
        html = self._pages.html("membership/_met.html", self._ui, met=shown)
        return _named(b"spent", {"code": event.code, "message": shown.message, "html": html})

    def _done(self, event: Done) -> bytes:
        message = event.message
        html = b"" if message is None else self._html("room/_reply.html", message=message) + b"\n"
        return html + _named(
            b"done",
            {
                "turn": event.turn,
                "message": message.id if message is not None else None,
                "text": event.text,
                "interrupted": event.interrupted,
                "ms": event.ms,
                "receipt": event.receipt,
                "left": event.left,
            },
        )

    def _failed(self, event: Failed) -> bytes:
        message = words(event.code, event.detail, self._ui.language)
        return _named(b"fail", {"code": event.code, "message": message, "retry": event.retry})

    def _html(self, template: str, **context: object) -> bytes:
        html = self._pages.html(template, self._ui, **context)
        # splitlines would also break at characters that SSE does not; a lone \r does end a line in SSE
        lines = html.replace("\r\n", "\n").replace("\r", "\n").strip().split("\n")
        data = "".join(f"data: {line}\n" for line in lines if line.strip())
        return b"event: message\n" + data.encode("utf-8", "replace")


def _named(name: bytes, data: object) -> bytes:
    return b"event: %s\ndata: %s\n" % (name, _json(data))


async def messages(
    turn: Followed, after: int, encoder: Encoder, watch: Watch, guest: str, presence: Presence | None = None
) -> AsyncGenerator[bytes, None]:
    """Yield the turn's events from `after` + 1 on. Being closed only detaches: the turn has its own task.

    Whoever is signed out meanwhile gets one more event, which says so, and none of what was to come.

    A pause of the turn is bridged by leaving its log and coming back to it, since following is free
    and a pending `anext` cannot be kept waiting without a task of its own.
    """
    watch.opened()
    if presence is not None:
        presence.opened()
    whole = False
    events = turn.events(after)
    try:
        while True:
            number = after
            try:
                async with asyncio.timeout(HEARTBEAT_S) if presence is None else presence.limit(HEARTBEAT_S):
                    number, event = await anext(events)
            except TimeoutError:
                events = turn.events(after)
                if presence is None or not presence.over:
                    yield b": still here\n\n"
            except StopAsyncIteration:
                whole = True
                return
            if presence is not None:
                await presence.look()
                if presence.over:
                    whole = True
                    gone = Failed("signed_out", {}, False)
                    watch.ended(gone, turn.id, guest)
                    yield encoder.encode(after + 1, gone)
                    return
            if number == after:
                continue
            after = number
            if isinstance(event, LAST):
                whole = True
                watch.ended(event, turn.id, guest)
            yield encoder.encode(after, event)
    finally:
        # Nothing is awaited here: a cancelled stream is cancelled again at every await. The log's own
        # generator awaits nothing when it ends either, and goes with this frame.
        watch.closed(whole=whole)
        if presence is not None:
            presence.closed()


def event_stream(
    turn: Followed, after: int, encoder: Encoder, watch: Watch, guest: str, presence: Presence | None = None
) -> Stream:
    return Stream(
        messages(turn, after, encoder, watch, guest, presence),
        media_type="text/event-stream",
        headers=HEADERS,
        status_code=200,
    )
