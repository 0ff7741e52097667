"""The statements of db/sources.py and db/runs.py, made once."""

from sqlalchemy import and_, bindparam, case, delete, insert, or_, select, true, update

from db.source_rows import COUNTS
from db.tables.pages import chunks, crawl_runs, pages, run_troubles, sources
from db.tables.types import Moment

_MINE = sources.c.id == bindparam("which")
_THERE = sources.c.slot == ""

ADD = insert(sources)
GET = select(sources).where(_MINE)
# NO KEY on PostgreSQL: pages that are written meanwhile refer to the row, and need not wait.
HOLD = GET.with_for_update(key_share=True)
TAKE = GET.with_for_update()  # of one that is erased: what is told of it holds until it is gone, no page comes between
SAME = select(sources.c.id).where(
    sources.c.shelf == bindparam("on_shelf"), sources.c.url_key == bindparam("key"), _THERE
)
ON = select(sources).where(sources.c.shelf == bindparam("on_shelf"), _THERE)
OWNED = select(sources).where(sources.c.owner == bindparam("whose"))
# What takes up room: of a user on all shelves, of the operator on one.
_TAKEN = select(sources.c.max_pages).where(_THERE, sources.c.id != bindparam("but"))
TAKEN_OF_OWNER = _TAKEN.where(sources.c.owner == bindparam("whose"))
TAKEN_ON_SHELF = _TAKEN.where(sources.c.shelf == bindparam("on_shelf"))
SETTINGS = ("title", "include", "exclude", "depth", "max_pages", "every_us", "enabled")
CHANGE = update(sources).where(_MINE, _THERE).values({name: bindparam(f"new_{name}") for name in SETTINGS})
HURRY = update(sources).where(_MINE).values(next_at=bindparam("now"))
REMOVE = update(sources).where(_MINE).values(slot=sources.c.id, removed_at=bindparam("now"))
RESTORE = update(sources).where(_MINE).values(slot="", removed_at=None)
OLD = select(sources.c.id).where(sources.c.removed_at < bindparam("before"))
ERASE = delete(sources).where(_MINE)
PAGES = select(pages.c.id).where(pages.c.source_id == bindparam("which"))
CHECKSUMS = (
    select(chunks.c.checksum)
    .distinct()
    .join(pages, pages.c.id == chunks.c.page_id)
    .where(pages.c.source_id == bindparam("which"))
)

_live = crawl_runs.alias("live")
DUE = (
    select(sources)
    .outerjoin(_live, _live.c.id == sources.c.run_id)
    .where(
        sources.c.enabled == true(),
        _THERE,
        sources.c.next_at <= bindparam("now"),
        or_(_live.c.id.is_(None), _live.c.moved_at <= bindparam("silent_since")),
    )
    .order_by(sources.c.next_at)
    .limit(bindparam("most"))
)
# Due from now on, whenever it was planned: a run that dies is taken over, one that ends plans the next.
BEGUN = (
    update(sources)
    .where(_MINE)
    .values(
        run_id=bindparam("run"),
        next_at=case(
            (sources.c.next_at > bindparam("now"), bindparam("now", type_=Moment())), else_=sources.c.next_at
        ),
    )
)
PLAN = (
    update(sources)
    .where(_MINE)
    .values(
        run_id="",
        next_at=bindparam("next"),
        fails=case((bindparam("trouble") == 1, sources.c.fails + 1), else_=0),
    )
)

_RUN = crawl_runs.c.id == bindparam("run")
_GOES_ON = crawl_runs.c.ended_at.is_(None)
NEW_RUN = insert(crawl_runs)
RUN = select(crawl_runs).where(_RUN)
RUNS = (
    select(crawl_runs)
    .where(crawl_runs.c.source_id == bindparam("which"))
    .order_by(crawl_runs.c.started_at.desc(), crawl_runs.c.id)
)
SOME_RUNS = RUNS.limit(bindparam("most"))
DROP_RUN = delete(crawl_runs).where(_RUN)
TAKE_OVER = (
    update(crawl_runs)
    .where(_RUN, _GOES_ON, crawl_runs.c.moved_at <= bindparam("silent_since"))
    .values(moved_at=bindparam("now"))
)

_MORE = {
    count: case((count < bindparam(f"n_{count.name}"), bindparam(f"n_{count.name}")), else_=count)
    for count in (crawl_runs.c[name] for name in COUNTS)
}
_MOVED = {
    crawl_runs.c.moved_at: case(
        (crawl_runs.c.moved_at < bindparam("now"), bindparam("now", type_=Moment())), else_=crawl_runs.c.moved_at
    )
}
PROGRESS = update(crawl_runs).where(_RUN, _GOES_ON).values({**_MORE, **_MOVED})
END = (
    update(crawl_runs)
    .where(_RUN, _GOES_ON)
    .values({**_MORE, **_MOVED, "state": bindparam("how"), "ended_at": bindparam("end"), "error": bindparam("code")})
)
STOP = update(crawl_runs).where(_RUN, _GOES_ON).values(stop=True)

_SAME_TROUBLE = and_(run_troubles.c.run_id == bindparam("run"), run_troubles.c.url_key == bindparam("key"))
AGAIN = update(run_troubles).where(_SAME_TROUBLE).values(code=bindparam("what"), at=bindparam("now"))
TROUBLE = insert(run_troubles)
TROUBLES = (
    select(run_troubles.c.url, run_troubles.c.code, run_troubles.c.at)
    .where(run_troubles.c.run_id == bindparam("run"))
    .order_by(run_troubles.c.at.desc(), run_troubles.c.url_key)
    .limit(bindparam("most"))
)
