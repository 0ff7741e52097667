"""The pool table and its prices, as people read them: on the terminal and in docs/deploy.md."""

from datetime import date
from decimal import Decimal

import msgspec

from functions.pools import CLOUD, Pool
from infra import prices

HOUR_S = 3_600


class Row(msgspec.Struct, frozen=True):
    name: str
    machine: str
    containers: str
    idle: str
    inputs: str
    limit: str
    usd_hour: str


def rows() -> list[Row]:
    """Return the cloud's pools, priced by the newest list: one container, busy or idle, for an hour."""
    return [_row(name, pool, prices.at(date.max)) for name, pool in CLOUD.items()]


def markdown() -> str:
    head = "| function | machine | containers | idle before it goes | inputs at once | a call's limit | USD an hour |"
    lines = [head, "| --- | --- | --- | ---: | --- | ---: | ---: |"]
    lines += [
        f"| `{r.name}` | {r.machine} | {r.containers} | {r.idle} | {r.inputs} | {r.limit} | {r.usd_hour} |"
        for r in rows()
    ]
    return "\n".join(lines)


def _row(name: str, pool: Pool, listed: prices.Prices) -> Row:
    gpu = f"{' or '.join(pool.gpu)}, " if pool.gpu else ""
    cores = f"{pool.cpu:g} core" if pool.cpu == 1 else f"{pool.cpu:g} cores"
    spare = f", {pool.buffer_containers} spare" if pool.buffer_containers else ""
    batch = f", batches of {pool.batch.size} within {pool.batch.wait_ms} ms" if pool.batch else ""
    hour = listed.usd_per_second(pool.price_class, pool.cpu, pool.memory) * HOUR_S
    return Row(
        name=name,
        machine=f"{gpu}{cores}, {pool.memory:,} MiB",
        containers=f"{pool.min_containers} to {pool.max_containers}{spare}",
        idle=f"{pool.scaledown_window:,} s",
        inputs=f"{pool.concurrency:,}{batch}",
        limit=f"{pool.timeout:,} s",
        usd_hour=str(hour.quantize(Decimal("0.001"))),
    )
