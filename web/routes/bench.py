"""A turn without a browser, for benches: raw PCM in, the ordinary road, the ordinary stream out."""

import asyncio
import secrets
from typing import Any

from litestar import Request, post
from litestar.response import Stream

from domain.audio import HEARD_RATE, Audio
from domain.errors import BadInput
from domain.turn import Ask
from web.forms import SPEECH_BYTES
from web.needs import NeedPages, NeedServices, NeedTelemetry
from web.session import new_guest
from web.sse import Encoder, event_stream

AnyRequest = Request[Any, Any, Any]


@post("/bench/turn", status_code=200, request_max_body_size=SPEECH_BYTES, raw=True)
async def bench_turn(request: AnyRequest, services: NeedServices, pages: NeedPages, telemetry: NeedTelemetry) -> Stream:
    """Take PCM16 16 kHz mono; a new guest's new chat with the first character hears it, storage and all.

    Only routed when BENCH=1 and the engines are scripted.
    """
    pcm = await request.body()
    if len(pcm) % 2:
        raise BadInput("speech_unreadable")
    guest = new_guest()

    def enter() -> str:
        persona = services.personas.all()[0]
        return services.chats.create(guest, persona.id, "en", "", services.clock.now()).id

    chat_id = await asyncio.to_thread(enter)
    ask = Ask(key=secrets.token_urlsafe(12), began=request.state.began, speech=Audio(pcm, HEARD_RATE).wav())
    turn = await services.turns.begin(guest, chat_id, ask)
    return event_stream(turn, 0, Encoder(pages, pages.ui(request)), telemetry, guest)
