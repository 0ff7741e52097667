"""What programs can ask for, told in OpenAPI 3.1: made by Litestar from the types of their handlers."""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
from litestar import Response
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme, Tag
from litestar.types import ControllerRouterHandler, Method

from web import api_errors
from web.lean import Lean
from web.needs import get
from web.routes import api_bodies, api_files_bodies, api_membership_bodies, api_web_bodies
from web.routes.api_auth import api_auth
from web.routes.api_chat import api_chat
from web.routes.api_files import KEY_HEADER, api_files
from web.routes.api_membership import api_membership
from web.routes.api_web import api_web

API: tuple[ControllerRouterHandler, ...] = (api_auth, api_web, api_files, api_chat, api_membership)
DESCRIPTION = """Everything is JSON, in UTF-8; times are UTC, as ISO 8601. A name that is not listed is refused.

`POST /api/auth/sign-in` gives a pair of tokens. The access token goes into `Authorization: Bearer`, lasts ten minutes
and is followed by the next for the refresh token. Cookies say nothing here."""
TAGS = [
    Tag("Accounts", "Registering, signing in and out, sessions, and what belongs to an account."),
    Tag("Files", "Files of somebody: temporary ones, kept ones, saved conversations."),
    Tag("Membership", "Plans and what they cost, what somebody has and has used, orders, and changes of them."),
    Tag("Knowledge", "Web pages that characters answer from: give them, search them, read what was extracted."),
]
BEARER = SecurityScheme(
    type="http", scheme="bearer", bearer_format="JWT", description="The access token of `POST /api/auth/sign-in`."
)
KINDS: dict[str, type[msgspec.Struct]] = {
    name: kind
    for module in (api_bodies, api_web_bodies, api_files_bodies, api_membership_bodies, api_errors)
    for name, kind in inspect.getmembers(module, inspect.isclass)
    if issubclass(kind, msgspec.Struct)
}
# Requests as they could be sent; a test reads each as what it is an example of.
EXAMPLES: dict[str, dict[str, Any]] = {
    "Register": {"username": "anna", "email": "anna@example.org", "password": "a tin whistle at noon"},
    "SignIn": {"login": "anna", "password": "a tin whistle at noon"},
    "Refresh": {"refresh": "eyJhbGciOiJIUzI1NiIs…"},
    "Search": {"query": "What is virtue?", "character": "socrates", "limit": 5},
    "Ingest": {"url": "https://plato.stanford.edu/entries/socrates/", "character": "socrates"},
    "BulkIngest": {"urls": ["https://example.org/", "https://example.org/opening-hours"]},
    "Buy": {"plan": "basic", "period": "month", "currency": "USD"},
    "Change": {"plan": "plus", "period": "year"},
    "SaveChat": {"chat_id": "x4qv2n7kfmcb5dtzr3ja", "audio": True},
    "Refusal": {
        "status": 404, "code": "character_gone", "retry": False,
        "message": "This character is no longer here. Your conversation is kept.",
    },
}  # fmt: skip


# What handlers read by themselves, piece by piece, or send so: Litestar cannot tell it from their types.
FORM = {
    "required": True,
    "content": {"multipart/form-data": {"schema": {
        "type": "object",
        "required": ["file"],
        "properties": {
            "area": {"type": "string", "enum": ["temporary", "permanent"], "description": "Sent before the file."},
            "file": {"type": "string", "format": "binary"},
        },
    }}},
}  # fmt: skip
KEY = {
    "name": KEY_HEADER, "in": "header", "required": False, "schema": {"type": "string", "maxLength": 200},
    "description": "Any word of the sender's: with the same one again nothing is made twice.",
}  # fmt: skip
RANGE = {
    "name": "range", "in": "header", "required": False, "schema": {"type": "string"},
    "description": "One range of bytes, like `bytes=0-1023`.",
}  # fmt: skip
BYTES = {"schema": {"type": "string", "format": "binary"}}


GIVEN = ("services", "people", "sign_ins", "shelves")  # what these handlers are provided with by web/app.py


@get("/api/openapi.json", sync_to_thread=True)  # the first time it is work for a tenth of a second
def openapi() -> Response[dict[str, Any]]:
    """This description, in OpenAPI 3.1."""
    return Response(document(), media_type="application/json", headers={"cache-control": "public, max-age=300"})


@cache
def document() -> dict[str, Any]:
    """Return the whole description. It is of an application with these routes alone, which serves nobody."""
    app = Lean(
        [*API, openapi],
        dependencies={name: Provide(_nothing(), sync_to_thread=False) for name in GIVEN},
        openapi_config=OpenAPIConfig(
            title="Parley",
            version="1",
            description=DESCRIPTION,
            tags=TAGS,
            use_handler_docstrings=True,
            operation_id_creator=_operation,
            components=Components(security_schemes={"bearer": BEARER}),
        ),
        logging_config=None,
    )
    told: dict[str, Any] = app.openapi_schema.to_schema()
    for name, schema in told["components"]["schemas"].items():
        kind = KINDS[name]
        if kind.__doc__:
            schema["description"] = inspect.cleandoc(kind.__doc__)
        if kind.__struct_config__.forbid_unknown_fields:
            schema["additionalProperties"] = False
        if name in EXAMPLES:
            schema["examples"] = [EXAMPLES[name]]
    for path in told["paths"].values():
        path.pop("head", None)  # it says what `get` says, without the body
        for operation in path.values():
            for answer in operation["responses"].values():
                if answer.get("content", {}).get("application/json", {}).get("schema") == {"type": "null"}:
                    del answer["content"]
    _streams(told["paths"])
    return told


def _operation(handler: HTTPRouteHandler, method: Method, _: object) -> str:
    """Return a name of its own for HEAD too, which Litestar asks for although it is not told."""
    # Of a handler that is registered already and runs in a thread, `fn` is what was wrapped around it.
    name: str = getattr(handler.fn, "func", handler.fn).__name__
    return f"{name}_head" if method == "HEAD" else name


def _streams(paths: dict[str, Any]) -> None:
    upload = paths["/api/files"]["post"]
    upload["requestBody"] = FORM
    upload["parameters"] = [*upload.get("parameters", []), KEY]
    buy = paths["/api/membership/buy"]["post"]
    buy["parameters"] = [*buy.get("parameters", []), KEY]
    content = paths["/api/files/{file_id}/content"]["get"]
    content["parameters"] = [*content.get("parameters", []), RANGE]
    whole = content["responses"]["200"]
    whole["content"] = {"application/octet-stream": BYTES}
    content["responses"]["206"] = {**whole, "description": "The range that was asked for."}


def _nothing() -> Callable[[], Any]:
    """Return a new one each time: Litestar takes one function under two names for a mistake."""

    def nothing() -> Any:
        raise LookupError("this application is only described")

    return nothing
