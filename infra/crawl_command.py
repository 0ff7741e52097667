"""`make crawl`: visit what is due, or add a source and visit it, in a process apart from the web's.

    python -m infra.crawl_command                                        what is due
    python -m infra.crawl_command --add https://... --character socrates    a new source of a character, at once
    python -m infra.crawl_command --source ID                            this one, at once
    python -m infra.crawl_command --verify                               are SQL and the search index equal?

With QDRANT_URL it does everything. The embedded index belongs to one process: while the app runs, this command fetches
and writes only, and the app indexes what it wrote. Ends with 0, with 1 when nothing could be had, 2 when it could not
even begin.
"""

import argparse
import asyncio
import secrets
import sys
from collections.abc import Sequence

from domain.audit import happened
from domain.errors import Conflict, NotFound, ParleyError, Unavailable
from domain.knowledge.model import PERSONA_ID, Run, Shelf, Source
from domain.knowledge.wishes import KINDS, Wish, checked
from infra import telemetry, wiring
from infra.config import Config, ConfigError, read
from infra.knowledge import Knowledge

AT_ONCE = 2
TOLD = 10  # troubles of a run that are printed


class Trouble(Exception):
    """Why there is nothing to do, in words for whoever typed the command."""


def main(arguments: Sequence[str]) -> int:
    asked = _parser().parse_args(arguments)
    try:
        config = read()
        wiring.migrate(config)
        return asyncio.run(run(config, asked))
    except (ConfigError, Trouble) as error:
        _say(str(error))
    except Unavailable:
        _say("The database is out of reach; nothing was visited.")
    return 2


async def run(config: Config, asked: argparse.Namespace) -> int:
    telemetry.configure(config)
    services = wiring.assemble(config)
    knowledge = services.knowledge
    try:
        indexed = await asyncio.to_thread(knowledge.open_index)
        if asked.verify:
            return await asyncio.to_thread(_verify, knowledge, indexed)
        sources = await asyncio.to_thread(_wanted, services, asked)
        gate = asyncio.Semaphore(AT_ONCE)
        went = await asyncio.gather(*[_visit(knowledge, source, gate) for source in sources])
        if not sources:
            _say("Nothing is due.")
        if indexed:
            await _index(knowledge)
        else:
            _say("The search index is in use by the running app (or away): the app will index what was fetched.")
        return 0 if all(went) else 1
    finally:
        await services.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make crawl ARGS=...", description="Visit sources and index what they say.")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--add", metavar="URL", help="a new source; with --character")
    what.add_argument("--source", metavar="ID", help="visit this source, due or not")
    what.add_argument("--verify", action="store_true", help="compare SQL and the index, and change nothing")
    parser.add_argument("--character", metavar="ID", help="who is to know it (a file of characters/)")
    parser.add_argument("--kind", choices=KINDS, default="", help="guessed from the address where it is left out")
    parser.add_argument("--depth", type=int, help="links to follow from where it starts")
    parser.add_argument("--pages", type=int, help="the most pages")
    return parser


def _wanted(services: "wiring.Services", asked: argparse.Namespace) -> list[Source]:
    """Return the sources to visit. Raises Trouble."""
    sources, now = services.knowledge.sources, services.clock.now()
    if asked.source:
        try:
            return [sources.hurry(asked.source, now)]
        except NotFound:
            raise Trouble(f"There is no source {asked.source}.") from None
    return [_added(services, asked)] if asked.add else sources.due(now, 100)


def _added(services: "wiring.Services", asked: argparse.Namespace) -> Source:
    if not asked.character or not PERSONA_ID.match(asked.character):
        raise Trouble("Say whose knowledge it is: --add URL --character socrates")
    sources, now = services.knowledge.sources, services.clock.now()
    try:
        services.personas.get(asked.character)
        plan = checked(Wish(url=asked.add, kind=asked.kind, depth=asked.depth, max_pages=asked.pages))
    except NotFound:
        known = ", ".join(sorted(persona.id for persona in services.personas.all()))
        raise Trouble(f"There is no character {asked.character}. There are: {known}.") from None
    except ParleyError as error:
        raise Trouble(f"{asked.add} cannot be used: {error.code} {error.detail.get('field', '')}".strip()) from None
    source = Source(
        id=secrets.token_hex(8), shelf=Shelf("", asked.character), created_at=now, next_at=now, url=plan.url,
        kind=plan.kind, title=plan.title, depth=plan.depth, max_pages=plan.max_pages, every=plan.every,
    )  # fmt: skip
    try:
        added = sources.add(source)
    except Conflict as error:
        return sources.hurry(str(error.detail["source_id"]), now)  # it is there already: then it is visited
    said = {"shelf": "everybody", "character": asked.character}
    services.members.audit.add([happened("source_added", now, "system", added.id, **said)])
    return added


async def _visit(knowledge: Knowledge, source: Source, gate: asyncio.Semaphore) -> bool:
    try:
        async with gate:
            run = await knowledge.crawler.crawl(source.id)
    except NotFound:
        _say(f"{source.url}: was removed meanwhile.")
        return True
    if run is None:
        _say(f"{source.url}: somebody else is visiting it now.")
        return True
    _say(f"{source.url}: {_told(run)}")
    for trouble in await asyncio.to_thread(knowledge.sources.troubles, run.id, TOLD):
        _say(f"  {trouble.code}: {trouble.url}")
    return run.state == "done"


def _told(run: Run) -> str:
    counts = f"{run.changed} new or changed, {run.unchanged} unchanged, {run.gone} gone, {run.failed} failed"
    return f"{run.state}{f' ({run.error})' if run.error else ''}: {run.fetched} pages, {counts}"


async def _index(knowledge: Knowledge) -> None:
    await asyncio.to_thread(knowledge.reconciler.repair)
    made = 0
    try:
        while some := await knowledge.encoder.some():
            made += some
    except Unavailable as error:
        _say(f"Vectors are still to be made ({error.code}); until then pages are found by their words.")
    chunks = await asyncio.to_thread(knowledge.index.count)
    _say(f"The search index holds {chunks} chunks; {made} vectors were made.")


def _verify(knowledge: Knowledge, indexed: bool) -> int:
    if not indexed:
        _say("The search index cannot be opened: it is away, or in use by the running app.")
        return 2
    found = knowledge.reconciler.verify()
    _say(
        f"{found.chunks} chunks in SQL, {found.points} in the index; {found.missing} missing there, "
        f"{found.stray} too many, {found.bare} without their vector; "
        f"{found.waiting} pages wait to be indexed, {found.old} to be tidied."
    )
    _say("SQL and the index are equal." if found.equal else "They differ; the next start of the app puts it right.")
    return 0 if found.equal else 1


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
