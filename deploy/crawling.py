"""What the scheduled `crawl` and its `visit`s do in their containers: hand out, one slice, go on.

Nothing stands in a queue of ours: what is to be visited is in the database, a call only says whose turn it is. A call
that is lost, killed or made twice does no harm; the next schedule finds what it left.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from deploy.secrets import WEB, kind, problems
from domain.errors import NotFound, Unavailable
from domain.knowledge.crawl import ENDED
from infra.config import ConfigError, read
from infra.knowledge import Knowledge

log = logging.getLogger(__name__)
Spawn = Callable[..., Awaitable[object]]
MOST_DUE = 100  # sources handed out by one schedule; the rest by the next
EMBED_S = 150.0  # of the 300 that a visit has, after its 50 of visiting
CATCH_UP_S = 900.0  # what the schedule itself spends on vectors that are missing
REPAIR_HOUR = 3  # UTC: the first schedule of that hour compares SQL with the index


async def hand_out(env: Mapping[str, str], spawn: Spawn) -> str:
    """Spawn a visit for each source that is due, then index what waits; return what was done, in a line.

    Raises ConfigError, and Unavailable when the database of pages is out of reach.
    """
    async with _opened(env) as knowledge:
        return await plan(knowledge, spawn)


async def plan(knowledge: Knowledge, spawn: Spawn) -> str:
    now = knowledge.clock.now()
    due = await asyncio.to_thread(knowledge.sources.due, now, MOST_DUE)
    for source in due:
        await spawn(source.id)
    await asyncio.to_thread(knowledge.erase)
    indexed = await _catch_up(knowledge, now)
    return f"{len(due)} source{'s' * (len(due) != 1)} due, {indexed}"


async def one_slice(env: Mapping[str, str], source_id: str, run_id: str, spawn: Spawn) -> str:
    """Begin a source's run, or go on with the one that the slice before has left; spawn the next where more is left."""
    async with _opened(env) as knowledge:
        return await part(knowledge, source_id, run_id, spawn)


async def part(knowledge: Knowledge, source_id: str, run_id: str, spawn: Spawn) -> str:
    crawler = knowledge.crawler
    try:
        if not run_id and not await asyncio.to_thread(_is_due, knowledge, source_id):
            return f"{source_id}: nothing to do here, another call has visited it"
        run = await (crawler.resume(source_id, run_id) if run_id else crawler.begin(source_id))
        if run is None:
            return f"{source_id}: nothing to do here, it has ended or another call works on it"
        run = await crawler.slice(run)
    except NotFound:
        return f"{source_id}: nothing to do here, it was removed"
    if run.state not in ENDED:
        await spawn(source_id, run.id)  # before the vectors: it need not wait for them
    vectors = await _vectors(knowledge, EMBED_S)
    return f"{source_id}: {run.state}, {run.fetched} of {run.found} pages, {run.changed} changed, {vectors}"


def _is_due(knowledge: Knowledge, source_id: str) -> bool:
    """Where calls pile up, a schedule hands out again what the one before has handed out and nobody had begun."""
    source = knowledge.sources.get(source_id)
    return source.enabled and source.next_at <= knowledge.clock.now()


async def _catch_up(knowledge: Knowledge, now: datetime) -> str:
    """Do what visits left: pages that waited for the index, vectors, and once a day the comparison."""
    try:
        if now.hour == REPAIR_HOUR and now.minute < 30:
            found = await asyncio.to_thread(knowledge.reconciler.repair)
            log.info("SQL and the index: %s", found)
        published = 0
        while some := await asyncio.to_thread(knowledge.publisher.waiting):
            published += some
        await asyncio.to_thread(knowledge.publisher.sweep)
    except Unavailable as error:
        return f"the index is away ({error.code}), pages wait"
    return f"{published} pages indexed late, {await _vectors(knowledge, CATCH_UP_S)}"


async def _vectors(knowledge: Knowledge, seconds: float) -> str:
    """Make vectors for a while; several calls of the Passages function run side by side."""
    until, made = time.monotonic() + seconds, 0
    try:
        while time.monotonic() < until and (some := await knowledge.encoder.some(8)):
            made += some
    except Unavailable as error:
        return f"{made} vectors, then {error.code}"
    return f"{made} vectors"


@asynccontextmanager
async def _opened(env: Mapping[str, str]) -> AsyncGenerator[Knowledge, None]:
    """The knowledge of a container, closed at the end.

    A container without a Qdrant server fetches and writes only: on the local plane that is the case, where the web
    process has the index and takes in what was written.
    """
    if wrong := problems(env, kind(env)):
        raise ConfigError(f"The crawl cannot start; put it right in the Modal secret {WEB}. " + ". ".join(wrong))
    from infra import telemetry, wiring

    config = read(env)
    telemetry.configure(config)
    await asyncio.to_thread(wiring.migrate_pages, config)
    services = wiring.assemble(config, has_index=bool(config.qdrant_url))
    try:
        await asyncio.to_thread(services.knowledge.open_index)
        yield services.knowledge
    finally:
        await services.stop()
