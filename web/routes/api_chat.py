"""/chat/api/chat: conversations for programs. Bearer tokens, as at /api.

Docstrings and types are what programs are told at /api/openapi.json.
"""

from typing import Any

from litestar import Request, Response, Router, post
from litestar.params import JSONBody

from domain.errors import NotFound
from web import api_errors
from web.api_errors import BEARER, refusals
from web.bodies import StrictRequest
from web.callers import signed_in
from web.file_limits import may_file
from web.i18n import choose
from web.needs import NeedServices
from web.routes.api_files_bodies import SaveChat, SavedChat, file_of
from web.saving import save
from web.security import is_id

AnyRequest = Request[Any, Any, Any]


@post("/save", status_code=201, role="user", responses=refusals(401, 402, 404, 409), security=BEARER)
async def save_chat(request: AnyRequest, data: JSONBody[SaveChat], services: NeedServices) -> Response[SavedChat]:
    """Save a conversation as files: Markdown, JSON and, with `audio`, what the character said as Ogg Opus.

    Answers once they are kept, with their ids. The character's lines are spoken again for it, which takes about as long
    as they last on a small machine; what the visitor said is kept as text alone.
    """
    if not is_id(data.chat_id):
        raise NotFound("chat_gone")
    await may_file(request, services, "save_chat")
    stored = await save(
        services, signed_in(request).user.id, data.chat_id,
        language=choose(None, request.headers.get("accept-language")),
        audio=data.audio, area=data.area, besides=data.keep,
    )  # fmt: skip
    told = SavedChat([each.id for each in stored], [file_of(each) for each in stored])
    return Response(told, media_type="application/json", status_code=201, headers={"cache-control": "no-store"})


api_chat = Router(
    "/chat/api/chat",
    route_handlers=[save_chat],
    exception_handlers=api_errors.HANDLERS,
    request_class=StrictRequest,
    tags=["Files"],
)
