"""The Modal secrets that a deployment needs, and what must stand in them."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from functions.door import SECRET as WORKER
from functions.door import SETTING as WORKER_KEY
from functions.pools import KIND_SETTING, Kind
from infra import production
from infra.payments import settings as payments

WEB = "parley-web"
SERVERS = ("mysql", "mariadb", "postgresql", "postgres")
NEAR = ("localhost", "127.0.0.1", "::1")
LONG = 32  # characters of a key that nobody guesses


class Needed(msgspec.Struct, frozen=True):
    """One secret: the settings it must hold, and those it may."""

    name: str
    must: tuple[str, ...]
    may: tuple[str, ...]
    what_for: str


SECRETS = (
    Needed(
        WEB,
        ("CORE_URL", "PAGES_URL", "QDRANT_URL", "SECRET_KEY", "OPERATOR_KEY", WORKER_KEY),
        (
            *("LLM_BASE_URL", "LLM_API_KEY", "LLM_MODEL", "LLM_PRICE_IN", "LLM_PRICE_OUT"),
            *("LLM_FALLBACK_BASE_URL", "LLM_FALLBACK_API_KEY", "LLM_FALLBACK_MODEL", "LLM_SEES", "PROXIES"),
            *("PUBLIC_URL", "QDRANT_API_KEY", "RERANK"),
            *("FILES_URL", "FILES_KEY", "FILES_SECRET", "FILES_ENDPOINT", "FILES_REGION"),
            *("FILES_MOST", "FILES_MOST_MB", "FILES_TEMPORARY_HOURS"),
            *("PRODUCTION", "AUDIT_KEY", "ADMIN", "MAIL", "MAIL_FROM", "REDIS_URL"),
            *("REFRESH_DAYS", "ARGON2", "SECURITY_QUESTION"),
            *("PAYMENTS", *payments.STRIPE, "STRIPE_ACCOUNT", *payments.WECHAT),
        ),
        "the web application and the crawl: their databases, their keys, and the LLM that is asked",
    ),
    # A secret of its own, so that GPU functions see this key and none that signs for people.
    Needed(WORKER, (WORKER_KEY,), (), "the functions: the key by which they know calls of the web application"),
)


def problems(env: Mapping[str, str], where: Kind = "cloud") -> list[str]:
    """Return what keeps the web application from being deployed with these settings, in words for its operator.

    None of the values is repeated: these lines go to logs. The local plane's containers (`laptop`) are processes of
    this machine: its disk stays and its loopback is theirs, so there any database will do.
    """
    found = _stores(env) if where == "cloud" else []
    found += [
        f"{name} is missing or short: use {LONG} random characters or more, such as `openssl rand -base64 36` prints"
        for name in ("SECRET_KEY", "OPERATOR_KEY", WORKER_KEY)
        if len(env.get(name, "")) < LONG
    ]
    if env.get("LLM_BASE_URL") and not env.get("LLM_MODEL"):
        found.append("LLM_BASE_URL is set: LLM_MODEL must name the model to use there")
    if not (env.get("PUBLIC_URL") or "https://").startswith("https://"):
        found.append("PUBLIC_URL must begin with https://: the guest cookie is sent over nothing else")
    found += _paying(env, where)
    if env.get("PRODUCTION") == "1":
        found += production.problems({**env, "PUBLIC_URL": env.get("PUBLIC_URL") or "https://"})
    return found


def _paying(env: Mapping[str, str], where: Kind) -> list[str]:
    try:
        there = payments.read({"RUNTIME": "modal", **env}).kinds
    except payments.BadSetting as wrong:
        return [str(wrong)]
    if where == "cloud" and "sandbox" in there:
        return ["PAYMENTS is the sandbox, a process of one machine that no browser reaches there: use stripe or wechat"]
    return []


def kind(env: Mapping[str, str]) -> Kind:
    """Return which pool table the environment means, as functions/pools.py reads it."""
    return "laptop" if env.get(KIND_SETTING) == "laptop" else "cloud"


def _stores(env: Mapping[str, str]) -> list[str]:
    """Containers share neither a disk nor an address of their own, so whatever they share is a server elsewhere."""
    found = [
        _database("CORE_URL", env.get("CORE_URL", ""), "every conversation with it", "MySQL or PostgreSQL"),
        _database("PAGES_URL", env.get("PAGES_URL", ""), "all that characters know", "PostgreSQL"),
        _qdrant(env.get("QDRANT_URL", "")),
    ]
    return [problem for problem in found if problem]


def _database(name: str, url: str, lost: str, use: str) -> str:
    if not url:
        return f"{name} is missing: the URL of a {use} database"
    try:
        target = make_url(url)
    except ArgumentError:
        return f"{name} cannot be read: use mysql://USER:PASSWORD@HOST/NAME or postgresql://..."
    kind = target.get_backend_name()
    if kind == "sqlite":
        return (
            f"{name} is a SQLite file: a container's disk goes with the container, and {lost}; "
            f"nor can two containers share it. Use {use}"
        )
    if kind not in SERVERS:
        return f"{name}: {kind} is no database we know, use {use}"
    if (target.host or "localhost") in NEAR:
        return f"{name} names this very machine as the host: the containers are far away from it"
    return ""


def _qdrant(url: str) -> str:
    if not url:
        return (
            "QDRANT_URL is missing: the address of a Qdrant server. The embedded index belongs to one process and "
            "cannot be shared between the containers of the web and of the crawl"
        )
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        return "QDRANT_URL cannot be read: use https://HOST:6333"
    return "QDRANT_URL names this very machine as the host: the containers are far away from it" if host in NEAR else ""
