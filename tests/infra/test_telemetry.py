"""What the operator sees, and what nobody may see there."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest
import structlog

from domain.chat import Message, Receipt
from domain.events import Done, Failed
from infra import telemetry
from infra.config import Config
from infra.engines import EngineStatus
from infra.telemetry import Telemetry, pseudonym

Capture = pytest.CaptureFixture[str]
RECEIPT = Receipt(upload=10, asr=200, first_token=400, first_clause=450, first_sound=600, total=1500, early=True)
MESSAGE = Message("m", "c", "t1", 2, "assistant", "secret words", datetime(2026, 1, 1, tzinfo=UTC))
DONE = Done("t1", MESSAGE, "secret words", False, 2500, RECEIPT)


@pytest.fixture
def out(capsys: Capture) -> Iterator[Capture]:
    """Standard output, with logging put back as it was afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield capsys
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_turn_is_one_line_of_json_without_anybodys_words_or_name(out: Capture) -> None:
    telemetry.configure(Config(log_format="json"))
    Telemetry().ended(DONE, "t1", "guest-with-a-secret")
    text = out.readouterr().out
    line = json.loads(text)
    assert line["event"] == "turn"
    assert line["turn"] == "t1"
    assert line["outcome"] == "done"
    assert line["guest"] == pseudonym("guest-with-a-secret")
    assert (line["asr"], line["first_sound"], line["total"], line["early"]) == (200, 600, 1500, True)
    assert line["timestamp"].endswith("Z")
    assert "secret" not in text


def test_on_a_terminal_a_turn_is_one_readable_line(out: Capture) -> None:
    telemetry.configure(Config(log_format="text"))
    Telemetry().ended(DONE, "t1", "g")
    line = out.readouterr().out
    assert line.count("\n") == 1
    assert "turn t1 done" in line
    assert "first sound 600 ms" in line


def test_the_rest_of_the_program_logs_the_same_way(out: Capture) -> None:
    telemetry.configure(Config(log_format="json"))
    said = "my secret words"
    try:
        raise ValueError("it broke" if said else "")
    except ValueError:
        logging.getLogger("domain.turns").exception("between turns: %s", "llm_failed")
    text = out.readouterr().out
    line = json.loads(text)
    assert (line["event"], line["logger"], line["level"]) == ("between turns: llm_failed", "domain.turns", "error")
    assert "it broke" in json.dumps(line["exception"])
    assert "secret" not in text


def figures(seen: Telemetry) -> dict[str, float]:
    lines = (line for line in seen.exposition().decode().splitlines() if line and line[0] != "#")
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_turns_are_counted_once_by_how_they_ended() -> None:
    seen = Telemetry()
    for _ in range(3):  # told to three streams
        seen.ended(DONE, "t1", "g")
    seen.ended(msgspec.structs.replace(DONE, interrupted=True), "t2", "g")
    seen.ended(msgspec.structs.replace(DONE, message=None), "t3", "g")
    seen.ended(Failed("llm_failed", {}, True), "t4", "g")
    found = figures(seen)
    for outcome in ("done", "interrupted", "unheard", "failed"):
        assert found[f'parley_turns_total{{outcome="{outcome}"}}'] == 1
    assert found['parley_turn_phase_seconds_count{phase="first_sound"}'] == 3
    assert found['parley_turn_phase_seconds_sum{phase="asr"}'] == pytest.approx(0.6)


def test_a_phase_that_did_not_happen_is_not_observed() -> None:
    seen = Telemetry()
    seen.ended(msgspec.structs.replace(DONE, receipt=Receipt(upload=1)), "t1", "g")
    assert figures(seen)['parley_turn_phase_seconds_count{phase="first_sound"}'] == 0


def test_streams_answers_and_engines_are_figures_too() -> None:
    seen = Telemetry(lambda: (EngineStatus("asr", "ready", "x", 1.0), EngineStatus("llm", "waking", "y", 1.0)))
    seen.opened()
    seen.opened()
    seen.closed(whole=False)
    seen.answered(200)
    seen.answered(404)
    found = figures(seen)
    assert found["parley_open_streams"] == 1
    assert found["parley_streams_cut_total"] == 1
    assert found['parley_http_responses_total{status="4xx"}'] == 1
    assert found['parley_engine_ready{engine="asr"}'] == 1
    assert found['parley_engine_ready{engine="llm"}'] == 0
