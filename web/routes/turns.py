"""A voice turn over HTTP (docs/turn.md): refusals are statuses, from the first byte on errors are events."""

import asyncio
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.response import Stream

from domain.errors import BadInput, NotFound, TooLong
from domain.limits import LimitName
from domain.turn import Ask
from infra.wiring import Services
from web.callers import caller_of
from web.forms import FORM_BYTES, SEGMENT_BYTES, SPEECH_BYTES, SPEECH_FORM_BYTES, read_form, whole
from web.met import met
from web.needs import Guest, NeedPages, NeedServices, NeedTelemetry, PathId, page
from web.presence import Presence, presence
from web.render import Pages
from web.sse import Encoder, event_stream
from web.visitors import place

AnyRequest = Request[Any, Any, Any]
MOST_ATTACHED = 16  # ids in one form; fewer wait under a composer


@post("/chats/{chat_id:str}/turns", status_code=200, request_max_body_size=SPEECH_FORM_BYTES, raw=True)
async def speak(
    request: AnyRequest,
    chat_id: PathId,
    guest: Guest,
    services: NeedServices,
    pages: NeedPages,
    telemetry: NeedTelemetry,
) -> Stream:
    allowed = asyncio.create_task(_allow(request, services))  # while the body is read: counting takes milliseconds
    try:
        form = await read_form(request)
        try:
            speech = await form.file("speech")
        finally:
            await form.close()
    finally:
        await allowed
    if speech is not None and len(speech) > SPEECH_BYTES:
        raise TooLong("too_large")
    ask = Ask(
        key=form.text("key") or "",
        began=request.state.began,
        speech=speech,
        text=form.text("text") if speech is None else None,
        utterance=form.text("utterance") or None,
        session=session.id if (session := caller_of(request).session) is not None else "",
        network=_network(request),
        attachments=tuple(filter(None, (form.text("attachments") or "").split(",")))[:MOST_ATTACHED],
    )
    turn = await services.turns.begin(guest, chat_id, ask)
    services.engines.prewarm(hearing=speech is not None)  # or a cold turn would wake ASR, then the LLM, then the TTS
    return event_stream(turn, 0, _encoder(request, pages, services), telemetry, guest, _present(request, services))


def _encoder(request: AnyRequest, pages: Pages, services: Services) -> Encoder:
    return Encoder(pages, pages.ui(request), services.minutes.plan_of, request.path_params["chat_id"])


def _network(request: AnyRequest) -> str:
    """Return where a guest comes from: guests of one network share what it has in a day. "" where that is not known,
    and for who has signed in.
    """
    network = place(request).network
    return network if caller_of(request).user is None and network != "?" else ""


async def _allow(request: AnyRequest, services: Services) -> None:
    """Raises TooMany for who speaks more often than anybody does."""
    if services.config.bench:  # it speaks like a crowd
        return
    caller, where = caller_of(request), place(request)
    name: LimitName = "turn_guest" if caller.user is None else "turn_user"
    await asyncio.gather(
        services.members.gate.check_both((name, caller.owner), ("turn_address", where.network), address=where.network),
        asyncio.to_thread(services.minutes.metering.warm, caller.owner, _network(request)),
    )


@get("/chats/{chat_id:str}/turns/{turn_id:str}/events", raw=True)
async def resume(
    request: AnyRequest,
    chat_id: PathId,
    turn_id: PathId,
    guest: Guest,
    services: NeedServices,
    pages: NeedPages,
    telemetry: NeedTelemetry,
) -> Stream:
    after = request.headers.get("last-event-id") or request.query_params.get("after")
    turn = await services.turns.find(guest, chat_id, turn_id)
    start = max(0, whole(after, "after", 0))
    return event_stream(turn, start, _encoder(request, pages, services), telemetry, guest, _present(request, services))


def _present(request: AnyRequest, services: Services) -> Presence | None:
    return presence(services.members.endings, services.sign_ins, caller_of(request).session)


@post("/chats/{chat_id:str}/turns/{turn_id:str}/stop", status_code=204)
async def stop(request: AnyRequest, chat_id: PathId, turn_id: PathId, guest: Guest, services: NeedServices) -> None:
    """Barge-in."""
    form = await read_form(request)
    await services.turns.stop(guest, chat_id, turn_id, form.number("heard_ms", -1), form.flag("superseded"))


@post(
    "/chats/{chat_id:str}/utterances/{utterance:str}",
    status_code=204,
    request_max_body_size=SEGMENT_BYTES,
)
async def segment(
    request: AnyRequest, chat_id: PathId, utterance: PathId, guest: Guest, services: NeedServices
) -> None:
    """Take the next bytes of a recording that is still being made.

    Who pauses more often than anybody does is heard at the end: nothing is refused.
    """
    query = request.query_params
    seq = whole(query.get("seq"), "seq", -1)
    if seq < 0:
        raise BadInput("form_bad", field="seq")
    data = await request.body()
    pause = query.get("pause") == "1" and services.minutes.reads_ahead(
        caller_of(request).owner, place(request).network, services.clock.now()
    )
    await services.turns.segment(guest, chat_id, utterance, seq, data, pause, _network(request))
    if seq == 0:
        services.engines.prewarm()  # who was silent for longer than the containers wait begins to speak


@post("/chats/{chat_id:str}/prepare", status_code=204, request_max_body_size=FORM_BYTES)
async def prepare(chat_id: PathId, guest: Guest, services: NeedServices) -> None:
    """A chat has been opened: what answers wakes up, and reads the character's prompt."""
    await services.turns.prepare(guest, chat_id)  # raises for who has no such chat, before anything is woken
    services.engines.prewarm()


class VoiceLeft(msgspec.Struct, frozen=True):
    """`left` in seconds, None where nobody counts; `html` is the prompt, empty while there is enough for a turn."""

    left: int | None
    html: str = ""


@page("/chats/{chat_id:str}/voice", sync_to_thread=True)
def voice(
    request: AnyRequest, chat_id: PathId, guest: Guest, services: NeedServices, pages: NeedPages
) -> Response[bytes]:
    """How much voice is left to whoever talks in this chat."""
    services.chats.get(guest, chat_id)  # raises for who has no such chat
    left, refusal = services.minutes.metering.left(guest, _network(request))
    html = ""
    if refusal is not None:
        ui, now = pages.ui(request), services.clock.now()
        shown = met(refusal.code, refusal.detail, ui.language, now, services.minutes.plan_of)
        html = pages.html("membership/_met.html", ui, met=shown)
    told = VoiceLeft(left, html)
    return Response(msgspec.json.encode(told), media_type="application/json", headers={"cache-control": "no-store"})


@page("/chats/{chat_id:str}/turns/{turn_id:str}/receipt", sync_to_thread=True)
def receipt(
    request: AnyRequest, chat_id: PathId, turn_id: PathId, guest: Guest, services: NeedServices, pages: NeedPages
) -> Response[bytes]:
    """Where the time of a turn went."""
    _, said = services.chats.turn(guest, chat_id, turn_id)
    if said is None or said.receipt is None:
        raise NotFound("turn_gone")
    return pages.page(request, "room/_receipt.html", receipt=said.receipt, message=said)
