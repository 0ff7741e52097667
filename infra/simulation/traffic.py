"""Who comes when: made-up days, or the arrivals of a CSV file. The same seed is the same trace for every policy."""

import csv
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

import msgspec
import numpy as np

from infra.simulation.refused import Refused
from infra.simulation.work import (
    BOUNCES,
    BUSIEST,
    DAY,
    HEARING,
    PAUSE,
    READING,
    REPLY_AUDIO,
    SEARCHING,
    SPEAKING_RTF,
    SWING,
    THINKING,
    TURNS_PER_VISIT,
    WITH_SOURCES,
)

Step: TypeAlias = tuple[str, float]  # the kind of engine and its seconds; "" is time that no container of ours spends
Turn: TypeAlias = tuple[tuple[Step, ...], float]  # its steps one after the other, then the pause before the next turn

SLOT = 300.0  # the rate is constant for so long
DRAWS = 65_536  # turns drawn at once


class Visit(msgspec.Struct, frozen=True, gc=False):
    """A page that is opened at `opened`, and the turns of whoever opened it, the first at `begins`."""

    opened: float
    begins: float
    turns: tuple[Turn, ...]


class Turns:
    """An endless supply of turns, drawn in bulk."""

    def __init__(self, rng: np.random.Generator, rtf: float) -> None:
        self._rng = rng
        self._rtf = rtf
        self._drawn: Iterator[Turn] = iter(())

    def take(self, number: int) -> tuple[Turn, ...]:
        return tuple(self._next() for _ in range(number))

    def _next(self) -> Turn:
        for turn in self._drawn:
            return turn
        self._drawn = self._draw()
        return next(self._drawn)

    def _draw(self) -> Iterator[Turn]:
        def draw(shape: tuple[float, float], factor: float = 1.0) -> list[float]:
            values: list[float] = (self._rng.lognormal(math.log(shape[0]), shape[1], DRAWS) * factor).tolist()
            return values

        searches = (self._rng.random(DRAWS) < WITH_SOURCES).tolist()
        columns = draw(HEARING), draw(SEARCHING), draw(THINKING), draw(REPLY_AUDIO, self._rtf), draw(PAUSE)
        for searched, hear, search, think, speak, pause in zip(searches, *columns, strict=True):
            rest = ("", think), ("tts", speak)
            yield (("asr", hear), ("queries", search), *rest) if searched else (("asr", hear), *rest), pause


def rate(seconds: float) -> float:
    """Return how busy this time of day is, 1.0 being the mean."""
    return 1 + SWING * math.cos((seconds / DAY - BUSIEST / 24) * 2 * math.pi)


def days(turns_per_day: int, number: int, seed: int, rtf: float = SPEAKING_RTF) -> Iterator[Visit]:
    """Yield visits by the time of their page opening: a Poisson process whose rate follows the day."""
    rng = np.random.default_rng(seed)
    turns = Turns(rng, rtf)
    with_turns = turns_per_day / TURNS_PER_VISIT * (SLOT / DAY)  # per slot
    for slot in range(round(number * DAY / SLOT)):
        begin = slot * SLOT
        visits = rng.poisson(with_turns / (1 - BOUNCES) * rate(begin + SLOT / 2))
        opened = np.sort(rng.uniform(begin, begin + SLOT, visits))
        begins = opened + rng.uniform(*READING, visits)
        lengths = rng.geometric(1 / TURNS_PER_VISIT, visits)
        lengths[rng.random(visits) < BOUNCES] = 0
        for open_at, begin_at, length in zip(opened.tolist(), begins.tolist(), lengths.tolist(), strict=True):
            yield Visit(open_at, begin_at, turns.take(length))


def recorded(arrivals: list[float], seed: int, rtf: float = SPEAKING_RTF) -> Iterator[Visit]:
    """Yield one visit of one turn for each arrival; the page was opened a little earlier, as `days` assumes."""
    rng = np.random.default_rng(seed)
    turns = Turns(rng, rtf)
    early = rng.uniform(*READING, len(arrivals)).tolist()
    visits = [(max(0.0, at - before), at) for at, before in zip(arrivals, early, strict=True)]
    for opened, at in sorted(visits):
        yield Visit(opened, at, turns.take(1))


def read_arrivals(file: Path) -> list[float]:
    """Return the seconds of a CSV file in order: its column `seconds`, or the first one if it has no heading.

    Raises Refused with the file, the line and what is wrong there.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return sorted(_seconds(lines, str(file)))
    except OSError as error:
        raise Refused(f"{file}: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refused(f"{file}: this is no CSV text: {error}") from error


def _seconds(lines: Iterable[str], file: str) -> list[float]:
    rows = csv.reader(lines)
    found: list[float] = []
    column = 0
    for number, row in enumerate(rows):
        if not any(cell.strip() for cell in row):
            continue
        names = [cell.strip().lower() for cell in row]
        if number == 0 and "seconds" in names:
            column = names.index("seconds")
            continue
        text = row[column].strip() if column < len(row) else ""
        try:
            at = float(text)
        except ValueError:
            at = math.nan
        if not 0 <= at < 1e9:  # refuses NaN as well
            raise Refused(f"{file}, line {rows.line_num}: {text!r} is not a number of seconds (0 or more)")
        found.append(at)
    if not found:
        raise Refused(f"{file}: there are no arrivals in it")
    return found
