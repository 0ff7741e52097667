"""What a simulation tells: a row of figures per policy, as a table for people or as CSV."""

import csv
import io
from collections.abc import Sequence

import msgspec
import numpy as np

from infra.simulation.fleet import Outcome
from infra.simulation.work import LATE


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One policy at one amount of traffic. Waits are for containers, in seconds."""

    turns_per_day: int  # asked for; 0 for recorded arrivals
    policy: str
    words: str
    turns: int
    late: float  # share of turns that waited longer than LATE
    wait_p50: float
    wait_p95: float
    wait_p99: float
    usd_per_day: float
    usd_per_1000_turns: float
    cold_starts_per_day: float
    most_containers: int
    utilisation: float  # share of the containers' time in which they worked on something
    prices: str


def row(outcome: Outcome, *, turns_per_day: int, days: int, policy: str, words: str, prices: str) -> Row:
    """Return the figures of a run over so many days. A run without a turn has no waits: zeros."""
    waits = outcome.waits if outcome.turns else np.zeros(1)
    p50, p95, p99 = (round(float(value), 3) for value in np.percentile(waits, (50, 95, 99)))
    return Row(
        turns_per_day=turns_per_day,
        policy=policy,
        words=words,
        turns=outcome.turns,
        late=float(np.mean(waits > LATE)),
        wait_p50=p50,
        wait_p95=p95,
        wait_p99=p99,
        usd_per_day=round(float(outcome.usd) / days, 2),
        usd_per_1000_turns=round(float(outcome.usd) / outcome.turns * 1_000, 3) if outcome.turns else 0.0,
        cold_starts_per_day=round(outcome.cold_starts / days, 1),
        most_containers=outcome.most,
        utilisation=round(outcome.busy / outcome.alive, 4) if outcome.alive else 0.0,
        prices=prices,
    )


def frontier(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that no other beats in both late turns and money, cheapest first."""
    best: list[Row] = []
    for one in sorted(rows, key=lambda one: (one.usd_per_day, one.late)):
        if not best or one.late < best[-1].late:
            best.append(one)
    return best


def table(rows: Sequence[Row]) -> str:
    """Return aligned text, a block per amount of traffic; the frontier is marked with a star."""
    head = f"{'policy':<30}{'late':>9}{'p50 s':>8}{'p95 s':>8}{'p99 s':>8}{'USD/day':>11}{'USD/1000':>10}"
    head += f"{'cold/day':>10}{'most':>6}{'busy':>7}"
    lines: list[str] = []
    for traffic in dict.fromkeys(one.turns_per_day for one in rows):
        block = [one for one in rows if one.turns_per_day == traffic]
        best = frontier(block)
        name = f"{traffic:,} turns a day" if traffic else "recorded arrivals"
        lines += [f"{name} ({block[0].turns:,} turns simulated, prices {block[0].prices})", head]
        for one in block:
            lines.append(
                f"{'*' if one in best else ' '} {one.policy:<28}{one.late:>9.3%}"
                f"{one.wait_p50:>8.2f}{one.wait_p95:>8.2f}{one.wait_p99:>8.2f}{one.usd_per_day:>11,.2f}{one.usd_per_1000_turns:>10.3f}"
                f"{one.cold_starts_per_day:>10,.1f}{one.most_containers:>6}{one.utilisation:>7.1%}"
            )
        lines.append("")
    return "\n".join(lines)


def as_csv(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Row.__struct_fields__)
    writer.writerows(msgspec.structs.astuple(one) for one in rows)
    return text.getvalue()


def from_csv(text: str) -> list[Row]:
    """Return the rows that `as_csv` wrote. Raises msgspec.ValidationError for others."""
    return [msgspec.convert(line, Row, strict=False) for line in csv.DictReader(io.StringIO(text))]
