"""The settings of the program: read once from the environment, checked, and passed on as one Struct."""

import os
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from infra import production
from infra.payments import settings as payments
from infra.payments.settings import Payments
from infra.settings import SETTINGS as SETTINGS
from infra.values import ConfigError as ConfigError
from infra.values import Values, host_of

EnginesKind = Literal["real", "scripted"]
ModelSet = Literal["default", "small", "tiny"]
Runtime = Literal["inline", "local", "modal"]
_NAME = re.compile(r"[A-Za-z0-9.-]+", re.ASCII)
_SENDER = re.compile(r"[!-~]{1,64}@[A-Za-z0-9.-]{1,253}|[ -~]{0,64}<[!-~]{1,64}@[A-Za-z0-9.-]{1,253}>", re.ASCII)


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
    llm_sees: bool = False  # whether the model behind the endpoint, or on Modal, takes pictures
    llm_price_in: Decimal = Decimal(0)  # USD for a million tokens, which is micro-dollars for one
    llm_price_out: Decimal = Decimal(0)
    core_url: str = ""
    pages_url: str = ""  # empty: a file in data_dir
    qdrant_url: str = ""
    qdrant_api_key: str = ""
    rerank: bool = False
    crawl: bool = True
    data_dir: Path = Path("var")
    files_url: str = ""  # s3://bucket/prefix; empty: a folder in data_dir
    files_key: str = ""
    files_secret: str = ""
    files_endpoint: str = ""
    files_region: str = "us-east-1"
    files_most: int = 20
    files_most_mb: int = 200
    files_temporary_hours: int = 24
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
    payments: Payments = Payments()
    log_format: Literal["auto", "json", "text"] = "auto"
    bench: bool = False

    @property
    def pages_database(self) -> str:
        return self.pages_url or f"sqlite:///{self.data_dir / 'pages.db'}"

    @property
    def secure(self) -> bool:
        """Whether browsers reach us over https."""
        return self.public_url.startswith("https://")


def read(env: Mapping[str, str] = os.environ) -> Config:
    """Return the configuration, making the data folder and its secret when they are not there yet.

    Raises ConfigError.
    """
    values = Values(env)
    data_dir = Path(values.text("DATA_DIR", "var")).expanduser().resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    cache = values.text("PARLEY_CACHE") or os.path.join(values.text("XDG_CACHE_HOME", "~/.cache"), "parley")
    _check_what_goes_together(values)
    public_url = _public_url(values)
    try:
        paying = payments.read(env)
    except payments.BadSetting as bad:
        raise ConfigError(str(bad)) from None
    if values.switch("PRODUCTION") and (wrong := production.problems(env)):
        raise ConfigError(f"PRODUCTION=1: {'. '.join(wrong)}")
    return Config(
        host=values.text("HOST", "127.0.0.1"),
        port=values.number("PORT", 1, 65535),
        runtime=values.one_of("RUNTIME", "inline", "local", "modal"),
        engines=values.one_of("ENGINES", "real", "scripted"),
        models=values.one_of("MODELS", "default", "small", "tiny"),
        threads=values.number("THREADS", 1, 64),
        llm_base_url=values.text("LLM_BASE_URL"),
        llm_api_key=values.text("LLM_API_KEY"),
        llm_model=values.text("LLM_MODEL"),
        llm_fallback_base_url=values.text("LLM_FALLBACK_BASE_URL"),
        llm_fallback_api_key=values.text("LLM_FALLBACK_API_KEY"),
        llm_fallback_model=values.text("LLM_FALLBACK_MODEL"),
        llm_sees=values.switch("LLM_SEES"),
        llm_price_in=values.usd("LLM_PRICE_IN"),
        llm_price_out=values.usd("LLM_PRICE_OUT"),
        core_url=values.text("CORE_URL", f"sqlite:///{data_dir / 'core.db'}"),
        pages_url=values.text("PAGES_URL"),
        qdrant_url=values.address("QDRANT_URL", "http://host:6333 or https://host:port", "http", "https"),
        qdrant_api_key=values.text("QDRANT_API_KEY"),
        rerank=values.switch("RERANK"),
        crawl=values.switch("CRAWL"),
        data_dir=data_dir,
        files_url=_files_url(values),
        files_key=values.text("FILES_KEY"),
        files_secret=values.text("FILES_SECRET"),
        files_endpoint=values.address("FILES_ENDPOINT", "https://host or http://host:port", "http", "https"),
        files_region=values.text("FILES_REGION", "us-east-1"),
        files_most=values.number("FILES_MOST", 1, 10_000),
        files_most_mb=values.number("FILES_MOST_MB", 1, 100_000),
        files_temporary_hours=values.number("FILES_TEMPORARY_HOURS", 1, 720),
        cache_dir=Path(cache).expanduser(),
        secret_key=values.key("SECRET_KEY", data_dir / "secret"),
        operator_key=values.key("OPERATOR_KEY"),
        audit_key=values.key("AUDIT_KEY", data_dir / "audit-key"),
        worker_key=values.key("WORKER_KEY", data_dir / "worker-key"),
        proxies=values.number("PROXIES", 0, 9),
        public_url=public_url,
        production=values.switch("PRODUCTION"),
        admin=values.text("ADMIN").strip(),
        refresh_days=values.number("REFRESH_DAYS", 1, 365),
        argon2=values.argon2("ARGON2"),
        security_question=values.one_of("SECURITY_QUESTION", "off", "extra"),
        mail=_mail(values),
        mail_from=_sender(values, public_url),
        redis_url=_redis(values),
        payments=paying,
        log_format=values.one_of("LOG_FORMAT", "auto", "json", "text"),
        bench=values.switch("BENCH"),
    )


def _check_what_goes_together(values: Values) -> None:
    base_url, runtime = values.text("LLM_BASE_URL"), values.text("RUNTIME", "inline")
    if base_url and not values.text("LLM_MODEL"):
        raise ConfigError("LLM_BASE_URL is set: LLM_MODEL must name the model to use there")
    if values.text("LLM_FALLBACK_BASE_URL") and not (base_url and values.text("LLM_FALLBACK_MODEL")):
        raise ConfigError("LLM_FALLBACK_BASE_URL is set: LLM_BASE_URL and LLM_FALLBACK_MODEL must be too")
    if values.text("LLM_SEES") == "1" and not base_url and runtime != "modal":
        raise ConfigError("LLM_SEES='1' needs LLM_BASE_URL or RUNTIME='modal': the embedded LLM sees nothing")
    if runtime == "modal" and values.text("ENGINES") == "scripted":
        raise ConfigError("ENGINES='scripted' needs RUNTIME='inline' or 'local': on Modal the engines are real ones")


def _files_url(values: Values) -> str:
    url = values.address("FILES_URL", "s3://bucket or s3://bucket/folder", "s3")
    if url and not (values.text("FILES_KEY") and values.text("FILES_SECRET")):
        raise ConfigError("FILES_URL is set: FILES_KEY and FILES_SECRET must be too")
    return url


def _public_url(values: Values) -> str:
    url = values.text("PUBLIC_URL").rstrip("/")
    if url and not url.startswith(("https://", "http://")):
        raise ConfigError(f"PUBLIC_URL={url!r}: give the whole address, with https://")
    return url


def _mail(values: Values) -> str:
    if values.text("MAIL", "outbox") == "outbox":
        return "outbox"
    return values.address("MAIL", "`outbox` or smtp://user:password@host:port", "smtp", "smtps")


def _sender(values: Values, public_url: str) -> str:
    host = host_of(public_url)
    sender = values.text("MAIL_FROM", f"parley@{host if _NAME.fullmatch(host) else 'localhost'}")
    if not _SENDER.fullmatch(sender):
        raise ConfigError(f"MAIL_FROM={sender!r}: give one address, like parley@example.org")
    return sender


def _redis(values: Values) -> str:
    url = values.text("REDIS_URL")
    if url.startswith("unix:///"):
        return url
    return values.address("REDIS_URL", "redis://host:port/number, rediss:// or unix:///path", "redis", "rediss")
