"""Who gets what at every address: one row for each route, read by test_matrix, test_headers and test_hostile.

A new route without a row fails test_matrix: whoever adds one says here who may use it.
"""

from typing import Any, Literal

import msgspec

from domain.people import Role

# Who asks. Where an address names an object (a chat, a session), it is their own unless they say otherwise.
Visitor = Literal[
    "no cookie", "guest", "other guest's object", "user", "other user's object", "expired session",
    "revoked session", "suspended user", "member", "admin",
]  # fmt: skip
# `in`: served, whatever else may be wrong with the request. `sign in`: told to do so. `gone`: as if it were not there.
# `refused`: known, and told that this is not to be had.
Outcome = Literal["in", "sign in", "gone", "refused"]
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
# What a plan gives that neither guests nor accounts have for nothing.
PLAN_OWNER: Table = {**OWNER, "guest": "refused", "user": "refused"}
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
# Single-use links that nobody was sent, and pages that a setting opens.
NOBODY: Table = dict.fromkeys(VISITORS, "gone")
OFF: Table = {visitor: "gone" if outcome == "in" else outcome for visitor, outcome in USER.items()}
NOT_TO_BE_HAD: Table = {visitor: "refused" if outcome == "in" else outcome for visitor, outcome in USER.items()}
# With OPERATOR_KEY set: the key opens it, and so does an admin's account.
OPERATOR: Table = {**dict.fromkeys(VISITORS, "sign in"), "admin": "in"}


# What a member has of their own, and nobody else sees; and what is a character's, for everybody to see.
MEMBER: Table = {**USER, "user": "refused", "other user's object": "refused"}
MINE: Table = {**dict.fromkeys(VISITORS, "gone"), "user": "in", "member": "in", "admin": "in"}
MINE_TO_CHANGE: Table = {**USER, "user": "refused", "other user's object": "gone"}
# Programs may do without a token there, but are told when theirs is not good: they would miss what is their own.
BAD_TOKEN: Table = {"expired session": "sign in", "revoked session": "sign in", "suspended user": "sign in"}
TOKEN: Table = {**ALL, **BAD_TOKEN}
MINE_TO_REMOVE: Table = USER_OWNER


class Row(msgspec.Struct, frozen=True):
    who: Table
    role: Role = "guest"  # what the route declares
    fields: tuple[str, ...] = ()  # of its form, or of its JSON where `json`
    query: tuple[str, ...] = ()
    json: bool = False
    sent: dict[str, Any] | None = None  # what a proper request has in its form, where it would not get far without
    asked: str = ""  # and in its query
    stream: bool = False  # answers go on: read only by who means it
    personal: bool = True  # never kept by a shared cache


def public(
    *, fields: tuple[str, ...] = (), query: tuple[str, ...] = (), shared: bool = False, json: bool = False
) -> Row:
    return Row(ALL, fields=fields, query=query, personal=not shared, json=json)


def own(
    *,
    fields: tuple[str, ...] = (),
    query: tuple[str, ...] = (),
    stream: bool = False,
    sent: dict[str, str] | None = None,
    asked: str = "",
) -> Row:
    return Row(OWNER, fields=fields, query=query, stream=stream, sent=sent, asked=asked)


def user(*fields: str, query: tuple[str, ...] = (), who: Table = USER, json: bool = False) -> Row:
    return Row(who, "user", fields=fields, query=query, json=json)


def admin(*fields: str, query: tuple[str, ...] = (), sent: dict[str, str] | None = None) -> Row:
    return Row(ADMIN, "admin", fields=fields, query=query, sent=sent)


def api(*fields: str, role: Role = "guest", who: Table = ALL, sent: dict[str, Any] | None = None) -> Row:
    return Row(who, role, fields=fields, json=True, sent=sent)


LINK = Row(NOBODY)
CONFIRM = Row(NOBODY, query=("next",))
CONFIRM_POST = Row(
    NOBODY, fields=("password", "username", "phone", "next"), sent={"password": "a tin whistle at noon"}
)  # fmt: skip
SOURCE_FIELDS = ("title", "include", "exclude", "depth", "max_pages", "hours")
SOURCE, FILE = "/knowledge/sources/{source_id}", "/files/{file_id}"
KEY = "the operator's key, 32 characters or more"
GET, POST, DELETE = "GET", "POST", "DELETE"
TURN = "/chats/{chat_id}/turns/{turn_id}"
ORDER = "/membership/orders/{order_id}"
ATTACHMENT = "/chats/{chat_id}/attachments/{attachment_id}"

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
    (POST, "/chats/{chat_id}/rename"): own(fields=("title",), sent={"title": "Mine"}),
    (POST, "/chats/{chat_id}/delete"): own(),
    (POST, "/chats/{chat_id}/restore"): own(),
    (POST, "/chats/{chat_id}/prepare"): own(),
    (GET, "/chats/{chat_id}/export"): own(query=("format",)),
    (GET, "/chats/{chat_id}/export.md"): own(),
    (GET, "/chats/{chat_id}/export.json"): own(),
    (GET, "/chats/{chat_id}/messages/{message_id}/sound.wav"): own(),
    (GET, "/chats/{chat_id}/attachments"): own(),
    (POST, "/chats/{chat_id}/attachments"): Row(PLAN_OWNER, fields=("url",)),
    (GET, ATTACHMENT): own(),
    (GET, ATTACHMENT + "/picture"): Row(NOBODY),  # what was attached there is a text
    (POST, ATTACHMENT + "/again"): Row(PLAN_OWNER),
    (POST, ATTACHMENT + "/remove"): own(),
    (POST, "/chats/{chat_id}/turns"): own(
        fields=("key", "text", "utterance", "attachments", "speech"), stream=True,
        sent={"key": "turn-key-0001", "text": "Hello"},
    ),
    (GET, TURN + "/events"): own(query=("after",), stream=True),
    (POST, TURN + "/stop"): own(fields=("heard_ms", "superseded")),
    (GET, TURN + "/receipt"): own(),
    (GET, "/chats/{chat_id}/voice"): own(),
    (POST, "/chats/{chat_id}/utterances/{utterance}"): own(query=("seq", "pause"), asked="seq=0"),
    (GET, "/operator"): Row(OPERATOR, query=("days",)),
    (GET, "/operator/turns"): Row(OPERATOR, query=("before",)),
    (GET, "/operator/turns/{turn_id}"): Row({**OPERATOR, "admin": "gone"}),  # no call was made in the turn asked for
    (GET, "/operator/sign-in"): public(),
    (POST, "/operator/sign-in"): Row(ALL, fields=("key",), sent={"key": KEY}),
    (POST, "/operator/sign-out"): public(),
    (GET, "/me"): public(),
    (GET, "/sign-in"): public(query=("next",)),
    (POST, "/sign-in"): public(fields=("login", "password", "next")),
    (POST, "/sign-in/passkey/options"): public(),
    (POST, "/sign-in/passkey"): public(fields=("key", "next"), json=True),
    (POST, "/sign-out"): public(),
    (GET, "/register"): public(query=("next",)),
    (POST, "/register"): public(fields=("username", "email", "phone", "password", "next")),
    (GET, "/register/sent"): public(),
    (POST, "/register/strength"): public(fields=("password", "username", "email")),
    (GET, "/confirm/{token}"): CONFIRM,
    (POST, "/confirm/{token}"): CONFIRM_POST,
    (GET, "/recover"): public(),
    (POST, "/recover"): public(fields=("email",)),
    (GET, "/recover/sent"): public(),
    (GET, "/recover/code"): public(),
    (POST, "/recover/code"): public(fields=("login", "code", "password")),
    (GET, "/recover/{token}"): LINK,
    (POST, "/recover/{token}"): Row(NOBODY, fields=("password", "answer"), sent={"password": "a tin whistle at noon"}),
    (GET, "/account"): user(query=("done",)),
    (GET, "/account/prove"): user(query=("next",)),
    (POST, "/account/prove"): user("password", "next", "username"),
    (POST, "/account/prove/passkey/options"): user(),
    (POST, "/account/prove/passkey"): user("key", "next", json=True),
    (GET, "/account/codes"): user(),
    (POST, "/account/codes"): user(),
    (GET, "/account/password"): user(),
    (POST, "/account/password"): user("old", "password"),
    (GET, "/account/email"): user(),
    (POST, "/account/email"): user("email"),
    (GET, "/account/email/{token}"): public(),
    (POST, "/account/email/{token}"): Row(NOBODY, fields=("password",)),
    (GET, "/account/phone"): user(),
    (POST, "/account/phone"): user("phone"),
    (GET, "/account/question"): user(who=OFF),
    (POST, "/account/question"): user("question", "answer", who=NOT_TO_BE_HAD),
    (GET, "/account/export"): user(),
    (POST, "/account/export"): user(),
    (GET, "/account/delete"): user(),
    (POST, "/account/delete"): user(),
    (GET, "/account/passkeys"): user(),
    (POST, "/account/passkeys/options"): user(),
    (POST, "/account/passkeys/add"): user("key", "name", json=True),
    (POST, "/account/passkeys/rename"): user("id", "name"),
    (POST, "/account/passkeys/remove"): user("id", who=OFF),
    (GET, "/account/sessions"): user(),
    (POST, "/account/sessions/{session_id}/end"): user(who=USER_OWNER),
    (POST, "/account/sessions/end-others"): user(),
    # Programs may do without a token here, and one that is no good any more changes nothing.
    (POST, "/api/auth/register"): api("username", "email", "password", "phone", "language", who=ALL),
    (POST, "/api/auth/confirm"): api("token", "password", "username", "phone", who=ALL),
    (POST, "/api/auth/sign-in"): api("login", "password", who=ALL),
    (POST, "/api/auth/refresh"): api("refresh", who=ALL),
    (POST, "/api/auth/sign-out"): api(role="user", who=USER),
    (GET, "/api/auth/me"): api(role="user", who=USER),
    (GET, "/api/auth/sessions"): api(role="user", who=USER),
    (POST, "/api/auth/sessions/{session_id}/end"): api(role="user", who=USER_OWNER),
    (POST, "/api/auth/sessions/end-others"): api(role="user", who=USER),
    (POST, "/api/auth/prove"): api("password", role="user", who=USER),
    (POST, "/api/auth/password"): api("current", "password", role="user", who=USER),
    (POST, "/api/auth/email"): api("email", role="user", who=USER),
    (POST, "/api/auth/email/confirm"): api("token", who=ALL),
    (POST, "/api/auth/phone"): api("phone", role="user", who=USER),
    (POST, "/api/auth/codes"): api(role="user", who=USER),
    (POST, "/api/auth/delete"): api(role="user", who=USER),
    (POST, "/api/auth/recover"): api("email", who=ALL),
    (POST, "/api/auth/recover/finish"): api("token", "password", "answer", who=ALL),
    (POST, "/api/auth/recover/code"): api("login", "code", "password", who=ALL),
    (GET, "/membership"): public(query=("period", "currency", "coupon", "plan", "done")),
    (POST, "/membership/buy"): user("plan", "period", "currency", "coupon"),
    (POST, "/membership/change"): user("plan", "period"),
    (POST, "/membership/cancel"): user(),
    (POST, "/membership/resume"): user(),
    (GET, "/membership/return"): user(query=("order",)),
    (GET, "/membership/orders"): user(query=("before",)),
    (GET, ORDER): user(who=USER_OWNER),
    (GET, ORDER + "/state"): user(query=("look",), who=USER_OWNER),
    (GET, ORDER + "/pay"): user(who=USER_OWNER),
    (POST, ORDER + "/drop"): user(who=USER_OWNER),
    (GET, ORDER + "/receipt"): user(who=USER_OWNER),
    (POST, "/payments/{provider}/webhook"): public(),  # what is not signed is refused, whoever sends it
    (GET, "/api/membership"): user(),
    (GET, "/api/membership/plans"): Row(TOKEN, query=("currency", "coupon")),
    (GET, "/api/membership/usage"): user(query=("feature", "days")),
    (GET, "/api/membership/orders"): user(query=("before", "limit")),
    (GET, "/api/membership/orders/{order_id}"): user(who=USER_OWNER),
    (POST, "/api/membership/buy"): api("plan", "period", "currency", "coupon", role="user", who=USER),
    (POST, "/api/membership/change"): api("plan", "period", "coupon", role="user", who=USER),
    (POST, "/api/membership/cancel"): api(role="user", who=OFF),  # they have none
    (POST, "/api/membership/resume"): api(role="user", who=OFF),
    (GET, "/characters/{slug}/knowledge"): public(query=("removed", "done", "everybody", "mine")),
    (GET, "/knowledge"): public(query=("removed", "done", "mine")),
    (POST, "/knowledge/sources"): Row(
        MEMBER, "user", fields=("url", "character", "everybody", "kind", *SOURCE_FIELDS), sent={"url": "site.example/a"}
    ),
    (GET, SOURCE): Row(MINE, query=("after", "done")),
    (GET, SOURCE + "/progress"): Row(MINE, query=("was", "wait")),
    (POST, SOURCE + "/crawl"): Row(MINE_TO_CHANGE, "user"),
    (POST, SOURCE + "/stop"): Row(MINE_TO_CHANGE, "user"),
    (POST, SOURCE + "/pause"): Row(MINE_TO_CHANGE, "user", fields=("on",)),
    (POST, SOURCE + "/change"): Row(MINE_TO_CHANGE, "user", fields=SOURCE_FIELDS),
    (POST, SOURCE + "/remove"): Row(MINE_TO_REMOVE, "user"),
    (POST, SOURCE + "/restore"): Row(MINE_TO_CHANGE, "user"),
    (GET, "/knowledge/pages/{page_id}"): Row(MINE),
    (GET, "/knowledge/search"): Row(
        ALL, query=("q", "character", "mode", "site", "language", "since"), asked="q=virtue&character=socrates"
    ),
    (POST, "/web/search"): api(
        "query", "character", "mode", "site", "language", "since", "until", who=TOKEN, sent={"query": "virtue"}
    ),
    (POST, "/web/ingest"): Row(
        MEMBER, "user", fields=("url", "character", "kind", "title", "include", "exclude"), json=True,
        sent={"url": "site.example/b"},
    ),
    (POST, "/web/bulk_ingest"): Row(
        MEMBER, "user", fields=("urls", "character"), json=True, sent={"urls": ["site.example/c"]}
    ),
    (GET, "/web/sources/{source_id}"): Row({**MINE, **BAD_TOKEN}),
    (GET, "/web/page"): Row({**MINE, **BAD_TOKEN}, query=("id", "url", "character"), asked="id={page_id}"),
    (GET, "/files"): user(query=("before", "removed", "done")),
    (POST, "/files"): user("area", "file"),
    (GET, FILE + "/content"): user(who=USER_OWNER),
    (POST, FILE + "/permanent"): user(who=USER_OWNER),
    (POST, FILE + "/remove"): user(who=USER_OWNER),
    (POST, FILE + "/restore"): user(who=OFF),  # it was not removed
    (POST, "/chats/{chat_id}/save"): user("audio", who={**USER_OWNER, "user": "refused"}),  # by their plan
    (POST, "/api/files"): user("area"),
    (GET, "/api/files"): Row(USER, "user", query=("before", "limit"), json=True),
    (GET, "/api" + FILE): api(role="user", who=USER_OWNER),
    (GET, "/api" + FILE + "/content"): api(role="user", who=USER_OWNER),
    (DELETE, "/api" + FILE): api(role="user", who=USER_OWNER),
    (POST, "/api" + FILE + "/restore"): api(role="user", who=OFF),
    (POST, "/api" + FILE + "/permanent"): api(role="user", who=USER_OWNER),
    (POST, "/chat/api/chat/save"): api(
        "chat_id", "audio", "area", "keep", role="user", who=OFF, sent={"chat_id": "nobodys"}
    ),
    (GET, "/api/openapi.json"): public(shared=True),
    (GET, "/admin"): admin(),
    (GET, "/admin/users"): admin(query=("q", "after", "done")),
    (POST, "/admin/users/{user_id}/role"): admin("role", "q", sent={"role": "member"}),
    (POST, "/admin/users/{user_id}/suspend"): admin("on", "q", sent={"on": "1"}),
    (GET, "/admin/audit"): admin(query=("action", "about", "days", "before")),
    (GET, "/admin/health"): admin(),
    (GET, "/admin/orders"): admin(query=("state", "before")),
    (GET, "/admin/orders/{order_id}"): admin(query=("done",)),
    (POST, "/admin/orders/{order_id}/refund"): admin("sum", "sure"),
    (GET, "/admin/coupons"): admin(query=("after", "done")),
    (POST, "/admin/coupons"): admin("code", "off", "most", "plan", "until", "currency", "once"),
    (GET, "/admin/books"): admin(),
    (GET, "/outbox"): Row(NOBODY),  # only where mail is kept and for a browser on the machine itself
    (GET, "/health"): public(shared=True),
    (GET, "/ready"): public(shared=True),
    (GET, "/metrics"): public(shared=True),
    (GET, "/static/{version}/{file}"): public(shared=True),
    (GET, "/favicon.ico"): public(shared=True),
    (GET, "/sw.js"): Row(NOBODY, personal=False),  # there is none yet
    (GET, "/robots.txt"): public(shared=True),
    (GET, "/manifest.webmanifest"): public(shared=True),
    (POST, "/bench/turn"): Row(ALL, stream=True),
}
