"""Runs of sources in SQL: who works on which source, how far they are, and what went wrong.

Whoever changes which run a source has holds the source's row first, then the run's; `progress`, which is told for
every page, touches the run's row alone.
"""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, Engine, RowMapping
from sqlalchemy.exc import IntegrityError

from db import source_sql as sql
from db.again import again
from db.source_rows import name_or_none, run_counts, to_run, to_source, trouble_row
from db.work import known, new_id, reading, writing
from domain.errors import NotFound
from domain.knowledge.model import Run, RunState, Source, Trouble

KEEP_RUNS = 20  # of a source: an hourly one would gather 8,760 a year
SILENT = timedelta(minutes=2)  # without a sign of life for so long, a run is no live one


class SqlRuns:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def due(self, now: datetime, limit: int = 20, silent_for: timedelta = SILENT) -> list[Source]:
        values = {"now": now, "silent_since": now - silent_for, "most": max(limit, 0)}
        with reading(self._engine) as connection:
            return [to_source(row) for row in connection.execute(sql.DUE, values).mappings()]

    @again()
    def start(self, source_id: str, now: datetime, silent_for: timedelta) -> Run | None:
        with writing(self._engine) as connection:
            source = hold(connection, source_id)
            if source["run_id"]:
                values = {"run": source["run_id"], "now": now, "silent_since": now - silent_for}
                if not connection.execute(sql.TAKE_OVER, values).rowcount:
                    return None
                return _run(connection, source["run_id"])
            run = Run(id=new_id(), source_id=source_id, state="running", started_at=now, moved_at=now)
            connection.execute(sql.NEW_RUN, {name: getattr(run, name) for name in Run.__struct_fields__})
            connection.execute(sql.BEGUN, {"which": source_id, "run": run.id, "now": now})
            for old in connection.execute(sql.RUNS, {"which": source_id}).mappings().all()[KEEP_RUNS:]:
                connection.execute(sql.DROP_RUN, {"run": old["id"]})
        return run

    def runs(self, source_id: str, limit: int = 10) -> list[Run]:
        if not known(source_id):
            return []
        with reading(self._engine) as connection:
            rows = connection.execute(sql.SOME_RUNS, {"which": source_id, "most": max(limit, 0)}).mappings()
            return [to_run(row) for row in rows]

    @again()
    def progress(self, run: Run) -> Run:
        values = {f"n_{name}": count for name, count in run_counts(run).items()}
        with writing(self._engine) as connection:
            connection.execute(sql.PROGRESS, {**values, "run": run.id, "now": run.moved_at})
            return _run(connection, run.id)

    @again()
    def stop(self, source_id: str, now: datetime) -> Run | None:
        with writing(self._engine) as connection:
            return stop(connection, hold(connection, source_id))

    @again()
    def finish(self, run: Run, next_at: datetime, trouble: bool) -> None:
        how: RunState = run.state if run.state in ("done", "stopped", "failed") else ("failed" if trouble else "done")
        counts = {f"n_{name}": count for name, count in run_counts(run).items()}
        end = {"how": how, "end": run.ended_at or run.moved_at, "code": name_or_none(run.error), "now": run.moved_at}
        with writing(self._engine) as connection:
            source = connection.execute(sql.HOLD, {"which": run.source_id}).mappings().first()
            if source is None or source["run_id"] != run.id:
                return  # ended before, or erased with its source
            connection.execute(sql.END, {**counts, **end, "run": run.id})
            connection.execute(sql.PLAN, {"which": run.source_id, "next": next_at, "trouble": int(trouble)})

    @again(IntegrityError)  # somebody else told of the same address, or erased the run
    def trouble(self, run_id: str, trouble: Trouble) -> None:
        row = trouble_row(run_id, trouble)
        values = {"run": run_id, "key": row["url_key"], "what": row["code"], "now": trouble.at}
        with writing(self._engine) as connection:
            if not connection.execute(sql.AGAIN, values).rowcount and _exists(connection, run_id):
                connection.execute(sql.TROUBLE, row)

    def troubles(self, run_id: str, limit: int = 100) -> list[Trouble]:
        if not known(run_id):
            return []
        with reading(self._engine) as connection:
            rows = connection.execute(sql.TROUBLES, {"run": run_id, "most": max(limit, 0)})
            return [Trouble(*row) for row in rows]


def hold(connection: Connection, source_id: str, removed: bool = False) -> RowMapping:
    """Lock the source until the unit of work ends. Raises NotFound for one that is gone, or `removed` otherwise."""
    row = connection.execute(sql.HOLD, {"which": source_id}).mappings().first() if known(source_id) else None
    if row is None or (row["removed_at"] is not None) is not removed:
        raise NotFound("source_gone")
    return row


def stop(connection: Connection, source: RowMapping) -> Run | None:
    if not source["run_id"]:
        return None
    connection.execute(sql.STOP, {"run": source["run_id"]})
    return _run(connection, source["run_id"])


def _exists(connection: Connection, run_id: str) -> bool:
    return known(run_id) and connection.execute(sql.RUN, {"run": run_id}).first() is not None


def _run(connection: Connection, run_id: str) -> Run:
    """Return the run as it is; one that has ended asks whoever still works on it to stop."""
    row = connection.execute(sql.RUN, {"run": run_id}).mappings().first() if known(run_id) else None
    if row is None:
        raise NotFound("source_gone")
    run = to_run(row)
    return run if run.ended_at is None else msgspec.structs.replace(run, stop=True)
