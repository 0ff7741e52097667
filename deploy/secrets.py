"""The Modal secrets that a deployment needs, and what must stand in them."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from functions.pools import KIND_SETTING, Kind
from infra import production

WEB = "parley-web"
SERVERS = ("mysql", "mariadb", "postgresql", "postgres")
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
        ("CORE_URL", "SECRET_KEY", "OPERATOR_KEY"),
        (
            *("LLM_BASE_URL", "LLM_API_KEY", "LLM_MODEL", "LLM_PRICE_IN", "LLM_PRICE_OUT"),
            *("LLM_FALLBACK_BASE_URL", "LLM_FALLBACK_API_KEY", "LLM_FALLBACK_MODEL", "PROXIES"),
            *("PUBLIC_URL",),
            *("PRODUCTION", "AUDIT_KEY", "WORKER_KEY", "ADMIN", "MAIL", "MAIL_FROM", "REDIS_URL"),
            *("REFRESH_DAYS", "ARGON2", "SECURITY_QUESTION"),
        ),
        "the web application: its database, its keys, and the LLM that it asks",
    ),
)


def problems(env: Mapping[str, str], where: Kind = "cloud") -> list[str]:
    """Return what keeps the web application from being deployed with these settings, in words for its operator.

    None of the values is repeated: these lines go to logs. The local plane's containers (`laptop`) are processes of
    this machine: its disk stays and its loopback is theirs, so there any database will do.
    """
    found = [problem] if where == "cloud" and (problem := _database(env.get("CORE_URL", ""))) else []
    found += [
        f"{name} is missing or short: use {LONG} random characters or more, such as `openssl rand -base64 36` prints"
        for name in ("SECRET_KEY", "OPERATOR_KEY")
        if len(env.get(name, "")) < LONG
    ]
    if env.get("LLM_BASE_URL") and not env.get("LLM_MODEL"):
        found.append("LLM_BASE_URL is set: LLM_MODEL must name the model to use there")
    if not (env.get("PUBLIC_URL") or "https://").startswith("https://"):
        found.append("PUBLIC_URL must begin with https://: the guest cookie is sent over nothing else")
    if env.get("PRODUCTION") == "1":
        found += production.problems({**env, "PUBLIC_URL": env.get("PUBLIC_URL") or "https://"})
    return found


def kind(env: Mapping[str, str]) -> Kind:
    """Return which pool table the environment means, as functions/pools.py reads it."""
    return "laptop" if env.get(KIND_SETTING) == "laptop" else "cloud"


def _database(url: str) -> str:
    if not url:
        return "CORE_URL is missing: the URL of a MySQL or PostgreSQL database"
    try:
        target = make_url(url)
    except ArgumentError:
        return "CORE_URL cannot be read: use mysql://USER:PASSWORD@HOST/NAME or postgresql://..."
    kind = target.get_backend_name()
    if kind == "sqlite":
        return (
            "CORE_URL is a SQLite file: a container's disk goes with the container, and every conversation with it. "
            "Use MySQL or PostgreSQL"
        )
    if kind not in SERVERS:
        return f"CORE_URL: {kind} is no database we know, use MySQL or PostgreSQL"
    if (target.host or "localhost") in ("localhost", "127.0.0.1", "::1"):
        return "CORE_URL names this very machine as the host: the web application runs in a container far away from it"
    return ""
