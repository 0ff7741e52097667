"""What the operator sees: logs (JSON, or plain lines on a terminal), and figures for Prometheus.

Nobody's words are in either. A guest is a short hash, so that the turns of one visitor can be told
from another's without naming anybody.
"""

import hashlib
import logging
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from structlog.typing import EventDict, Processor

from domain.chat import Receipt
from domain.events import Done, Failed
from infra.config import Config
from infra.engines import EngineStatus

PHASES = ("upload", "asr", "sources", "first_token", "first_clause", "first_sound", "total")
BUCKETS_S = (0.025, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.3, 1.6, 1.9, 2.5, 3.5, 5.0, 8.0, 15.0, 30.0, 60.0)
_REMEMBERED = 1_000


# Without the values of variables, which would be what people said.
_traceback = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
_plain_traceback = structlog.dev.plain_traceback


def configure(config: Config) -> None:
    """Send structlog's and the standard library's records to standard output, in one form."""
    plain = for_people(config)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if plain else "iso", utc=not plain),
    ]
    last: list[Processor] = (
        [
            _turn_line,
            structlog.dev.ConsoleRenderer(
                colors=sys.stdout.isatty(), pad_event_to=0, exception_formatter=_plain_traceback
            ),
        ]
        if plain
        else [_traceback, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for noisy in ("httpx", "httpcore", "openai", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def for_people(config: Config) -> bool:
    """Whether somebody reads along on a terminal, rather than a program that collects JSON."""
    return config.log_format == "text" or (config.log_format == "auto" and sys.stdout.isatty())


def pseudonym(guest: str) -> str:
    """Return what a log calls a guest."""
    return hashlib.sha256(guest.encode()).hexdigest()[:10]


class Telemetry:
    """The counters of one application, in a registry of its own."""

    def __init__(self, engines: Callable[[], Iterable[EngineStatus]] = tuple) -> None:
        self._log = structlog.stdlib.get_logger("turn")
        self._engines = engines
        self._registry = CollectorRegistry()
        self._phases = Histogram(
            "parley_turn_phase_seconds",
            "From the beginning of a turn's request to the end of each phase.",
            ["phase"],
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        self._turns = Counter("parley_turns", "Turns by how they ended.", ["outcome"], registry=self._registry)
        self._streams = Gauge("parley_open_streams", "Event streams that are open now.", registry=self._registry)
        self._cut = Counter(
            "parley_streams_cut", "Event streams whose reader left before the end.", registry=self._registry
        )
        self._answers = Counter(
            "parley_http_responses", "Responses by status class.", ["status"], registry=self._registry
        )
        self._engine_ready = Gauge(
            "parley_engine_ready", "1 when the engine answers calls.", ["engine"], registry=self._registry
        )
        self._by_class = {n: self._answers.labels(f"{n}xx") for n in range(1, 6)}
        self._by_phase = {phase: self._phases.labels(phase) for phase in PHASES}
        self._seen: OrderedDict[str, None] = OrderedDict()

    def opened(self) -> None:
        self._streams.inc()

    def closed(self, *, whole: bool) -> None:
        self._streams.dec()
        if not whole:
            self._cut.inc()

    def answered(self, status: int) -> None:
        self._by_class[status // 100].inc()

    def ended(self, event: Done | Failed, turn_id: str, guest: str) -> None:
        """Note how a turn ended, once, however many streams tell of it."""
        if turn_id in self._seen:
            return
        self._seen[turn_id] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        who = {"turn": turn_id, "guest": pseudonym(guest)}
        if isinstance(event, Failed):
            self._turns.labels("failed").inc()
            self._log.warning("turn", outcome="failed", code=event.code, **who)
            return
        outcome = "interrupted" if event.interrupted else "done" if event.message is not None else "unheard"
        self._turns.labels(outcome).inc()
        marks = _marks(event.receipt)
        for phase, ms in marks.items():
            self._by_phase[phase].observe(ms / 1000)
        self._log.info("turn", outcome=outcome, **who, **marks, early=event.receipt.early, sound=event.ms)

    def exposition(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        for engine in self._engines():
            self._engine_ready.labels(engine.name).set(engine.state == "ready")
        return generate_latest(self._registry)


def _marks(receipt: Receipt) -> dict[str, int]:
    return {phase: ms for phase in PHASES if (ms := getattr(receipt, phase)) >= 0}


def _turn_line(_: object, __: str, event: EventDict) -> EventDict:
    """On a terminal a turn is one readable line: how it ended and where the time went."""
    if event.get("event") != "turn":
        return event
    times = " · ".join(f"{phase.replace('_', ' ')} {event[phase]} ms" for phase in PHASES if phase in event)
    for phase in (*PHASES, "sound", "early", "guest", "logger"):
        event.pop(phase, None)
    code = f" ({event.pop('code')})" if "code" in event else ""
    event["event"] = f"turn {event.pop('turn')} {event.pop('outcome')}{code}  {times}".rstrip()
    return event
