"""What can be set from outside, in the words of the README."""

import msgspec


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
    Setting("SECRET_KEY", "made at first start, in DATA_DIR", "signs cookies and sign-ins; 32 characters or more"),
    Setting("AUDIT_KEY", "made at first start, in DATA_DIR", "chains the rows of the audit log; 32 characters or more"),
    Setting("WORKER_KEY", "made at first start, in DATA_DIR", "signs calls of the functions; 32 characters or more"),
    Setting("OPERATOR_KEY", "", "opens /operator, the page of costs, from elsewhere too; 32 characters or more"),
    Setting("PROXIES", "0", "how many proxies in front tell the visitor's address (X-Forwarded-For)"),
    Setting("PUBLIC_URL", "", "https address users see, when a proxy stands in front: cookies become Secure"),
    Setting("PRODUCTION", "0", "1 refuses to start with default, short or reused keys, without https or without mail"),
    Setting("ADMIN", "", "username of the account that is made an administrator"),
    Setting("REFRESH_DAYS", "30", "days after which a browser has to sign in again"),
    Setting("ARGON2", "19456,2,1", "how passwords are hashed: KiB of memory, passes, lanes"),
    Setting("SECURITY_QUESTION", "off", "`extra` lets people add a question of their own to the mailed recovery link"),
    Setting("MAIL", "outbox", "`outbox` keeps mail to be read on a page, `smtp://user:password@host:port` delivers it"),
    Setting("MAIL_FROM", "parley@ the host of PUBLIC_URL", "sender of that mail"),
    Setting("REDIS_URL", "", "keep the counters of limits in this Redis instead of the database"),
    Setting("LOG_FORMAT", "auto", "`json`, `text`, or `auto`: text on a terminal"),
    Setting("BENCH", "0", "1 opens POST /bench/turn (scripted engines only)"),
)
