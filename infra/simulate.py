"""Late turns against USD per day: the warm-pool policy of infra/local/pool.py under a day's traffic.

    python -m infra.simulate --turns-per-day 10000 --days 7
    python -m infra.simulate --arrivals calls.csv --policy table --policy "window=60,min=1,tts.buffer=1,prewarm"

Policies are named or written in words (infra/simulation/policies.py); what is assumed about visitors and engines stands
in infra/simulation/work.py. The same seed gives the same figures.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path

import msgspec

from infra import prices
from infra.simulation import report, traffic
from infra.simulation.fleet import Fleet
from infra.simulation.policies import NAMED, policy
from infra.simulation.refused import Refused
from infra.simulation.work import DAY, SPEAKING_RTF, TURNS_PER_VISIT


class Plan(msgspec.Struct, frozen=True):
    """One policy under one trace; what a worker process is given."""

    policy: str
    turns_per_day: int  # 0: the arrivals
    days: int
    seed: int
    price_day: date
    rtf: float
    boots: float
    arrivals: list[float] = []


def simulate(plan: Plan) -> tuple[report.Row, int, float]:
    """Return the figures of a plan, how many events it took and how many seconds of this machine."""
    listed = prices.at(plan.price_day)
    chosen = policy(plan.policy, listed, boots=plan.boots)
    expected = len(plan.arrivals) or plan.turns_per_day * plan.days
    began = time.perf_counter()

    def progress(simulated: float, events: int) -> None:
        took = time.perf_counter() - began
        done = min(1.0, simulated / (plan.days * DAY))
        sys.stderr.write(f"{expected:,} turns, {chosen.name}: {done:.0%} ({events / took:,.0f} events/s)\n")

    visits = (
        traffic.recorded(plan.arrivals, plan.seed, plan.rtf)
        if plan.arrivals
        else traffic.days(plan.turns_per_day, plan.days, plan.seed, plan.rtf)
    )
    outcome = Fleet(chosen, progress=progress).run(visits, until=plan.days * DAY)
    row = report.row(
        outcome,
        turns_per_day=plan.turns_per_day,
        days=plan.days,
        policy=chosen.name,
        words=chosen.words,
        prices=listed.version,
    )
    return row, outcome.events, time.perf_counter() - began


def plans(args: argparse.Namespace) -> list[Plan]:
    """Return what the arguments ask for, checked. Raises Refused."""
    names = args.policy or list(NAMED)
    common = args.seed, args.price_day, args.rtf, args.boots
    listed = prices.at(args.price_day)
    for name in names:
        policy(name, listed)  # a wrong word is told before an hour of work
    if args.arrivals is not None:
        arrivals = traffic.read_arrivals(args.arrivals)
        days = max(1, -int(-arrivals[-1] // DAY))
        return [Plan(name, 0, days, *common, arrivals) for name in names]
    lengths = args.days if len(args.days) > 1 else args.days * len(args.turns_per_day)
    pairs = zip(args.turns_per_day, lengths, strict=True)
    return [Plan(name, turns, days, *common) for turns, days in pairs for name in names]


def main(argv: Sequence[str] | None = None) -> int:
    parser = _parser()
    args = parser.parse_args(argv)
    if sum(source is not None for source in (args.turns_per_day, args.arrivals, args.from_csv)) != 1:
        parser.error("give one of --turns-per-day, --arrivals and --from-csv")
    if args.turns_per_day is not None and len(args.days) not in (1, len(args.turns_per_day)):
        parser.error("give one --days, or one for each --turns-per-day")
    if args.plot is not None and args.plot.suffix != ".svg":
        parser.error(f"--plot writes SVG: {args.plot} does not end in .svg")
    try:
        rows = _printed(args.from_csv) if args.from_csv is not None else _simulated(plans(args), args.jobs)
    except Refused as error:
        parser.error(str(error))
    sys.stdout.write(report.as_csv(rows) if args.csv else report.table(rows))
    if args.plot is not None:
        from infra.simulation.plot import draw

        draw(rows, args.plot)
    return 0


def _simulated(todo: Sequence[Plan], jobs: int) -> list[report.Row]:
    began = time.perf_counter()
    done = list(_all(todo, jobs))
    events, worked = sum(number for _, number, _ in done), sum(seconds for _, _, seconds in done)
    wall = time.perf_counter() - began
    sys.stderr.write(f"{events:,} events in {wall:.1f} s ({events / max(worked, 1e-9):,.0f} events/s per process)\n")
    return [row for row, _, _ in done]


def _printed(files: Sequence[Path]) -> list[report.Row]:
    rows: list[report.Row] = []
    for file in files:
        try:
            rows += report.from_csv(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, msgspec.ValidationError) as error:
            raise Refused(f"{file} is not what --csv printed: {error}") from error
    if not rows:
        raise Refused("there are no figures in these files")
    return rows


def _all(todo: Sequence[Plan], jobs: int) -> Iterator[tuple[report.Row, int, float]]:
    if jobs == 1 or len(todo) == 1:
        yield from map(simulate, todo)
        return
    with ProcessPoolExecutor(min(jobs, len(todo))) as workers:
        yield from workers.map(simulate, todo)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.simulate", description=(__doc__ or "").split("\n")[0])
    add = parser.add_argument
    longest = round(TURNS_PER_VISIT)
    add("--turns-per-day", type=_whole(1, 50_000_000), nargs="+", metavar="N", help=f"in visits of about {longest}")
    add("--days", type=_whole(1, 3_650), nargs="+", default=[1], metavar="D", help="one, or one per N (default 1)")
    add("--arrivals", type=Path, metavar="FILE.csv", help="arrivals of turns in seconds, instead of made-up days")
    add("--from-csv", type=Path, nargs="+", metavar="FILE", help="simulate nothing: show what --csv printed before")
    add("--policy", action="append", metavar="P", help=f"may be given again; default all of: {', '.join(NAMED)}")
    add("--seed", type=_whole(0, 2**63 - 1), default=1)
    add("--price-day", type=_day, default=date.today(), metavar="YYYY-MM-DD", help="whose prices (default today)")
    add("--rtf", type=_positive, default=SPEAKING_RTF, help=f"of TTS, compute / audio time (default {SPEAKING_RTF})")
    add("--boots", type=_positive, default=1.0, metavar="TIMES", help="every boot takes so many times as long")
    add("--jobs", type=_whole(1, 256), default=os.cpu_count() or 1, help="policies at the same time (default: cores)")
    add("--csv", action="store_true", help="print CSV instead of a table")
    add("--plot", type=Path, metavar="OUT.svg", help="draw the frontier (needs matplotlib: make setup)")
    return parser


def _whole(least: int, most: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least:,} to {most:,}")
        return int(text)

    return whole


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1_000:  # refuses NaN as well
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day like 2026-11-22") from None


if __name__ == "__main__":
    sys.exit(main())
