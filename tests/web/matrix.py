"""Who gets what at every address: one row for each route, read by test_matrix, test_headers and test_hostile.

A new route without a row fails test_matrix: whoever adds one says here who may use it.
"""

from typing import Literal

import msgspec

from domain.people import Role

# Who asks. Where an address names an object (a chat, a session), it is their own unless they say otherwise.
Visitor = Literal[
    "no cookie", "guest", "other guest's object", "user", "other user's object", "expired session",
    "revoked session", "suspended user", "member", "admin",
]  # fmt: skip
# `in`: served, whatever else may be wrong with the request. `sign in`: told to do so. `gone`: as if it were not there.
Outcome = Literal["in", "sign in", "gone"]
Table = dict[Visitor, Outcome]

SIGNED_OUT: tuple[Visitor, ...] = ("no cookie", "expired session", "revoked session", "suspended user")
VISITORS: tuple[Visitor, ...] = Visitor.__args__  # type: ignore[attr-defined]


ALL: Table = dict.fromkeys(VISITORS, "in")
# Chats belong to whoever holds the guest cookie or the account; an admin reads nobody's.
OWNER: Table = {
    **ALL,
    **dict.fromkeys(SIGNED_OUT, "gone"),
    "other guest's object": "gone",
    "other user's object": "gone",
}
USER: Table = {
    **ALL,
    **dict.fromkeys(SIGNED_OUT, "sign in"),
    "guest": "sign in",
    "other guest's object": "sign in",
}
USER_OWNER: Table = {**USER, "other user's object": "gone"}
ADMIN: Table = {
    **USER,
    "user": "gone",
    "other user's object": "gone",
    "member": "gone",
}
# With OPERATOR_KEY set: the key opens it, and so does an admin's account.
OPERATOR: Table = {**dict.fromkeys(VISITORS, "sign in"), "admin": "in"}


class Row(msgspec.Struct, frozen=True):
    who: Table
    role: Role = "guest"  # what the route declares
    fields: tuple[str, ...] = ()  # of its form, or of its JSON where `json`
    query: tuple[str, ...] = ()
    json: bool = False
    stream: bool = False  # answers go on: read only by who means it
    personal: bool = True  # never kept by a shared cache


def public(*, fields: tuple[str, ...] = (), query: tuple[str, ...] = (), shared: bool = False) -> Row:
    return Row(ALL, fields=fields, query=query, personal=not shared)


def own(*, fields: tuple[str, ...] = (), query: tuple[str, ...] = (), stream: bool = False) -> Row:
    return Row(OWNER, fields=fields, query=query, stream=stream)


GET, POST = "GET", "POST"
TURN = "/chats/{chat_id}/turns/{turn_id}"

ROWS: dict[tuple[str, str], Row] = {
    (GET, "/"): public(shared=True),
    (GET, "/characters"): public(shared=True),
    (GET, "/characters/{slug}"): public(shared=True),
    (GET, "/characters/{slug}/greeting.wav"): public(query=("language",), shared=True),
    (POST, "/characters/{slug}/chats"): public(fields=("language",)),
    (GET, "/about"): public(shared=True),
    (GET, "/recent"): public(),
    (GET, "/engines"): public(),
    (POST, "/settings"): public(fields=("language", "theme", "back")),
    (GET, "/chats"): public(),
    (GET, "/chats/{chat_id}"): own(),
    (POST, "/chats/{chat_id}/rename"): own(fields=("title",)),
    (POST, "/chats/{chat_id}/delete"): own(),
    (POST, "/chats/{chat_id}/restore"): own(),
    (POST, "/chats/{chat_id}/prepare"): own(),
    (GET, "/chats/{chat_id}/export"): own(query=("format",)),
    (GET, "/chats/{chat_id}/export.md"): own(),
    (GET, "/chats/{chat_id}/export.json"): own(),
    (GET, "/chats/{chat_id}/messages/{message_id}/sound.wav"): own(),
    (POST, "/chats/{chat_id}/turns"): own(fields=("key", "text", "utterance", "speech"), stream=True),
    (GET, TURN + "/events"): own(query=("after",), stream=True),
    (POST, TURN + "/stop"): own(fields=("heard_ms", "superseded")),
    (GET, TURN + "/receipt"): own(),
    (POST, "/chats/{chat_id}/utterances/{utterance}"): own(query=("seq", "pause")),
    (GET, "/operator"): Row(OPERATOR, query=("days",)),
    (GET, "/operator/turns"): Row(OPERATOR, query=("before",)),
    (GET, "/operator/turns/{turn_id}"): Row({**OPERATOR, "admin": "gone"}),  # no call was made in the turn asked for
    (GET, "/operator/sign-in"): public(),
    (POST, "/operator/sign-in"): public(fields=("key",)),
    (POST, "/operator/sign-out"): public(),
    (GET, "/health"): public(shared=True),
    (GET, "/ready"): public(shared=True),
    (GET, "/metrics"): public(shared=True),
    (GET, "/static/{version}/{file}"): public(shared=True),
    (GET, "/favicon.ico"): public(shared=True),
    (GET, "/sw.js"): public(shared=True),
    (GET, "/robots.txt"): public(shared=True),
    (GET, "/manifest.webmanifest"): public(shared=True),
    (POST, "/bench/turn"): Row(ALL, stream=True),
}
