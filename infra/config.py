"""The settings of the program: read once from the environment, checked, and passed on as one Struct."""

import os
import re
import secrets
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from infra import production
from infra.settings import SETTINGS as SETTINGS

EnginesKind = Literal["real", "scripted"]
ModelSet = Literal["default", "small", "tiny"]
Runtime = Literal["inline", "local", "modal"]
_THREE = re.compile(r"\d{1,7},\d{1,2},\d{1,2}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9.-]+", re.ASCII)
_SENDER = re.compile(r"[!-~]{1,64}@[A-Za-z0-9.-]{1,253}|[ -~]{0,64}<[!-~]{1,64}@[A-Za-z0-9.-]{1,253}>", re.ASCII)


class ConfigError(Exception):
    """A setting cannot be used; the text names it and says what would do."""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    host: str = "127.0.0.1"
    port: int = 7210
    runtime: Runtime = "inline"
    engines: EnginesKind = "real"
    models: ModelSet = "default"
    threads: int = 2
    llm_base_url: str = ""
    llm_api_key: str = ""
    llm_model: str = ""
    llm_fallback_base_url: str = ""
    llm_fallback_api_key: str = ""
    llm_fallback_model: str = ""
    llm_price_in: Decimal = Decimal(0)  # USD for a million tokens, which is micro-dollars for one
    llm_price_out: Decimal = Decimal(0)
    core_url: str = ""
    data_dir: Path = Path("var")
    cache_dir: Path = Path("~/.cache/parley")
    secret_key: str = ""
    operator_key: str = ""
    audit_key: str = ""
    worker_key: str = ""
    proxies: int = 0
    public_url: str = ""
    production: bool = False
    admin: str = ""
    refresh_days: int = 30
    argon2: tuple[int, int, int] = (19_456, 2, 1)  # KiB, passes, lanes
    security_question: Literal["off", "extra"] = "off"
    mail: str = "outbox"  # or the URL of a mail server
    mail_from: str = "parley@localhost"
    redis_url: str = ""
    log_format: Literal["auto", "json", "text"] = "auto"
    bench: bool = False

    @property
    def secure(self) -> bool:
        """Whether browsers reach us over https."""
        return self.public_url.startswith("https://")


def read(env: Mapping[str, str] = os.environ) -> Config:
    """Return the configuration, making the data folder and its secret when they are not there yet.

    Raises ConfigError.
    """

    def one_of(name: str, *allowed: str) -> str:
        value = env.get(name) or next(s.default for s in SETTINGS if s.name == name)
        if value not in allowed:
            raise ConfigError(f"{name}={value!r}: use one of {', '.join(allowed)}")
        return value

    def number(name: str, low: int, high: int) -> int:
        value = env.get(name) or next(s.default for s in SETTINGS if s.name == name)
        if not value.isdecimal() or not low <= int(value) <= high:
            raise ConfigError(f"{name}={value!r}: use a number from {low} to {high}")
        return int(value)

    def usd(name: str) -> Decimal:
        value = env.get(name) or "0"
        if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", value, re.ASCII):
            raise ConfigError(f"{name}={value!r}: use dollars for a million tokens, like 0.15")
        return Decimal(value)

    data_dir = Path(env.get("DATA_DIR") or "var").expanduser().resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    cache = env.get("PARLEY_CACHE") or os.path.join(env.get("XDG_CACHE_HOME") or "~/.cache", "parley")
    base_url, model = env.get("LLM_BASE_URL", ""), env.get("LLM_MODEL", "")
    if base_url and not model:
        raise ConfigError("LLM_BASE_URL is set: LLM_MODEL must name the model to use there")
    fallback, fallback_model = env.get("LLM_FALLBACK_BASE_URL", ""), env.get("LLM_FALLBACK_MODEL", "")
    if fallback and not (base_url and fallback_model):
        raise ConfigError("LLM_FALLBACK_BASE_URL is set: LLM_BASE_URL and LLM_FALLBACK_MODEL must be too")
    runtime = one_of("RUNTIME", "inline", "local", "modal")
    if runtime == "modal" and env.get("ENGINES") == "scripted":
        raise ConfigError("ENGINES='scripted' needs RUNTIME='inline' or 'local': on Modal the engines are real ones")
    public_url = env.get("PUBLIC_URL", "").rstrip("/")
    if public_url and not public_url.startswith(("https://", "http://")):
        raise ConfigError(f"PUBLIC_URL={public_url!r}: give the whole address, with https://")
    mail = env.get("MAIL") or "outbox"
    if mail != "outbox" and not _has_host(mail, "smtp", "smtps"):
        raise ConfigError("MAIL cannot be used: give `outbox` or smtp://user:password@host:port")
    host = _host(public_url)
    mail_from = env.get("MAIL_FROM") or f"parley@{host if _NAME.fullmatch(host) else 'localhost'}"
    if not _SENDER.fullmatch(mail_from):
        raise ConfigError(f"MAIL_FROM={mail_from!r}: give one address, like parley@example.org")
    redis_url = env.get("REDIS_URL", "")
    if redis_url and not (_has_host(redis_url, "redis", "rediss") or redis_url.startswith("unix:///")):
        raise ConfigError("REDIS_URL cannot be used: give redis://host:port/number, rediss:// or unix:///path")
    operator_key = env.get("OPERATOR_KEY", "")
    if operator_key and len(operator_key) < 32:
        raise ConfigError("OPERATOR_KEY is too short: use 32 characters or more")
    if one_of("PRODUCTION", "0", "1") == "1" and (wrong := production.problems(env)):
        raise ConfigError(f"PRODUCTION=1: {'. '.join(wrong)}")
    return Config(
        host=env.get("HOST") or "127.0.0.1",
        port=number("PORT", 1, 65535),
        runtime=runtime,  # type: ignore[arg-type]
        engines=one_of("ENGINES", "real", "scripted"),  # type: ignore[arg-type]
        models=one_of("MODELS", "default", "small", "tiny"),  # type: ignore[arg-type]
        threads=number("THREADS", 1, 64),
        llm_base_url=base_url,
        llm_api_key=env.get("LLM_API_KEY", ""),
        llm_model=model,
        llm_fallback_base_url=fallback,
        llm_fallback_api_key=env.get("LLM_FALLBACK_API_KEY", ""),
        llm_fallback_model=fallback_model,
        llm_price_in=usd("LLM_PRICE_IN"),
        llm_price_out=usd("LLM_PRICE_OUT"),
        core_url=env.get("CORE_URL") or f"sqlite:///{data_dir / 'core.db'}",
        data_dir=data_dir,
        cache_dir=Path(cache).expanduser(),
        secret_key=_key(env, "SECRET_KEY", data_dir / "secret"),
        operator_key=operator_key,
        audit_key=_key(env, "AUDIT_KEY", data_dir / "audit-key"),
        worker_key=_key(env, "WORKER_KEY", data_dir / "worker-key"),
        proxies=number("PROXIES", 0, 9),
        public_url=public_url,
        production=env.get("PRODUCTION") == "1",
        admin=env.get("ADMIN", "").strip(),
        refresh_days=number("REFRESH_DAYS", 1, 365),
        argon2=_argon2(env.get("ARGON2") or "19456,2,1"),
        security_question=one_of("SECURITY_QUESTION", "off", "extra"),  # type: ignore[arg-type]
        mail=mail,
        mail_from=mail_from,
        redis_url=redis_url,
        log_format=one_of("LOG_FORMAT", "auto", "json", "text"),  # type: ignore[arg-type]
        bench=one_of("BENCH", "0", "1") == "1",
    )


def _key(env: Mapping[str, str], name: str, path: Path) -> str:
    """Return the key from the environment, else the one this laptop made for itself."""
    key = env.get(name, "")
    if key:
        if len(key) < 32:
            raise ConfigError(f"{name} is too short: use 32 characters or more")
        return key
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text().strip()


def _argon2(text: str) -> tuple[int, int, int]:
    """Argon2 itself wants 8 KiB for every lane; 1 GiB would be gone after a few people who sign in at once."""
    parts = [int(part) for part in re.findall(r"\d+", text)] if _THREE.fullmatch(text) else [0, 0, 0]
    memory, passes, lanes = parts
    if not (1 <= lanes <= 16 and 1 <= passes <= 32 and 8 * lanes <= memory <= 1_048_576):
        raise ConfigError(f"ARGON2={text!r}: give KiB of memory, passes and lanes, like 19456,2,1")
    return memory, passes, lanes


def _has_host(url: str, *schemes: str) -> bool:
    return url.partition("://")[0] in schemes and _host(url) != ""


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        return (parts.hostname or "") if parts.port != 0 else ""  # `port` raises for what is none
    except ValueError:
        return ""
