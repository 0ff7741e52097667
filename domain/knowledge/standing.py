"""How a source is doing: one word for it, from its plan and its last run."""

from datetime import datetime
from typing import Literal

import msgspec

from domain.knowledge.model import Run, Source

State = Literal["running", "waiting", "done", "stopped", "failed", "paused"]


class Standing(msgspec.Struct, frozen=True):
    source: Source
    run: Run | None  # the last one, which may still go on
    state: State
    pages: int  # that are known of it


def state_of(source: Source, run: Run | None, now: datetime) -> State:
    """A run that goes on comes first; then what keeps the next from beginning, then how the last one ended."""
    if run is not None and run.state in ("running", "waiting"):
        return "running"
    if not source.enabled:
        return "paused"
    if run is None or source.next_at <= now:
        return "waiting"
    return run.state
