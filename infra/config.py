"""The settings of the program: read once from the environment, checked, and passed on as one Struct."""

import os
import re
import secrets
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

EnginesKind = Literal["real", "scripted"]
ModelSet = Literal["default", "small", "tiny"]
Runtime = Literal["inline", "local", "modal"]


class ConfigError(Exception):
    """A setting cannot be used; the text names it and says what would do."""


class Setting(msgspec.Struct, frozen=True):
    name: str
    default: str
    meaning: str


SETTINGS = (
    Setting("HOST", "127.0.0.1", "address to listen on"),
    Setting("PORT", "7210", "port to listen on"),
    Setting("RUNTIME", "inline", "where models run: `inline`, `local` (the plane on this machine) or `modal`"),
    Setting("ENGINES", "real", "`real` or `scripted` (fixed words and timing, for UI work and benches)"),
    Setting("MODELS", "default", "`default` (1.5B LLM), `small` (0.5B) or `tiny` (135M, English only, for tests)"),
    Setting("THREADS", "2", "CPU threads each engine may use"),
    Setting("LLM_BASE_URL", "", "use this OpenAI-compatible endpoint instead of the embedded LLM"),
    Setting("LLM_API_KEY", "", "its key"),
    Setting("LLM_MODEL", "", "its model's name"),
    Setting("LLM_FALLBACK_BASE_URL", "", "a second endpoint, asked when the first fails before its first word"),
    Setting("LLM_FALLBACK_API_KEY", "", "its key"),
    Setting("LLM_FALLBACK_MODEL", "", "its model's name"),
    Setting("LLM_PRICE_IN", "0", "what it asks for a million tokens read, in USD, for the ledger"),
    Setting("LLM_PRICE_OUT", "0", "and for a million tokens written"),
    Setting("CORE_URL", "sqlite:///<DATA_DIR>/core.db", "database of chats: SQLite, MySQL or PostgreSQL"),
    Setting("DATA_DIR", "var", "where the database, the secret and made sounds are kept"),
    Setting("PARLEY_CACHE", "~/.cache/parley", "where model weights are kept"),
    Setting("SECRET_KEY", "made at first start, in DATA_DIR", "signs the guest cookie; 32 characters or more"),
    Setting("OPERATOR_KEY", "", "opens /operator, the page of costs, from elsewhere too; 32 characters or more"),
    Setting("PUBLIC_URL", "", "https address users see, when a proxy stands in front: cookies become Secure"),
    Setting("LOG_FORMAT", "auto", "`json`, `text`, or `auto`: text on a terminal"),
    Setting("BENCH", "0", "1 opens POST /bench/turn (scripted engines only)"),
)


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
    public_url: str = ""
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
    if runtime != "inline" and env.get("ENGINES") == "scripted":
        raise ConfigError("ENGINES='scripted' needs RUNTIME='inline': scripted engines are in this process")
    public_url = env.get("PUBLIC_URL", "").rstrip("/")
    if public_url and not public_url.startswith(("https://", "http://")):
        raise ConfigError(f"PUBLIC_URL={public_url!r}: give the whole address, with https://")
    operator_key = env.get("OPERATOR_KEY", "")
    if operator_key and len(operator_key) < 32:
        raise ConfigError("OPERATOR_KEY is too short: use 32 characters or more")
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
        secret_key=_secret(env, data_dir),
        operator_key=operator_key,
        public_url=public_url,
        log_format=one_of("LOG_FORMAT", "auto", "json", "text"),  # type: ignore[arg-type]
        bench=one_of("BENCH", "0", "1") == "1",
    )


def _secret(env: Mapping[str, str], data_dir: Path) -> str:
    """Return the key from the environment, else the one this laptop made for itself."""
    secret = env.get("SECRET_KEY", "")
    if secret:
        if len(secret) < 32:
            raise ConfigError("SECRET_KEY is too short: use 32 characters or more")
        return secret
    path = data_dir / "secret"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text().strip()
