"""What a person at the terminal reads: plain lines, one bar, and problems without a traceback."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TextIO

ROOT = Path(__file__).parents[1]


class Problem(Exception):
    """Something the person can mend; the text says what and how, in one to three lines."""


def say(text: str = "") -> None:
    print(text, flush=True)


def guard(main: Callable[[], int]) -> NoReturn:
    """Run a command: a Problem prints as it is, Ctrl-C ends quietly."""
    try:
        sys.exit(main())
    except Problem as problem:
        print(f"\n{problem}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on where this one left off.", file=sys.stderr)
        sys.exit(130)


class Bar:
    """One line that fills up on a terminal; elsewhere (a log, CI) a plain line every tenth of the way."""

    def __init__(
        self, unit: str = "bytes", out: TextIO = sys.stdout, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._unit, self._out, self._now = unit, out, now
        self._live = out.isatty() and os.environ.get("TERM") != "dumb"
        self._full, self._empty = ("█", "░") if (out.encoding or "").lower().startswith("utf") else ("#", ".")
        self._doing, self._done, self._total, self._tenth = "", 0, 0, -1
        self._began = self._drawn = now()
        self._first = 0

    def __call__(self, doing: str, done: int, total: int) -> None:
        """Draw; a `total` of 0 is something to say rather than a way to go."""
        if not total:
            self._out.write(f"  {doing}\n")
            self._out.flush()
            return
        if total != self._total:
            self._done, self._total, self._tenth, self._began, self._first = 0, total, -1, self._now(), done
        news, self._doing, self._done = doing != self._doing, doing, max(self._done, min(done, total))
        tenth = 10 * self._done // max(total, 1)
        if self._live:
            if news or self._done == total or self._now() - self._drawn > 0.1:
                self._drawn = self._now()
                self._out.write(f"\r\033[K{self._line()}")
                self._out.flush()
        elif tenth > self._tenth:
            self._out.write(f"{self._line()}\n")
            self._out.flush()
        self._tenth = tenth

    def close(self) -> None:
        if self._live and self._total:
            self._out.write("\n")
            self._out.flush()

    def _line(self) -> str:
        share = self._done / max(self._total, 1)
        bar = (self._full * round(24 * share)).ljust(24, self._empty)
        return f"  {self._doing[:44]:<44} {bar} {100 * share:3.0f} %  {self._amount()}"

    def _amount(self) -> str:
        if self._unit != "bytes":
            return f"{self._done} of {self._total} {self._unit}"
        spent = max(self._now() - self._began, 0.001)
        speed = (self._done - self._first) / spent
        left = (self._total - self._done) / speed if speed > 0 else 0
        amount = f"{self._done / 1e9:.2f} of {self._total / 1e9:.2f} GB"
        if spent < 1 or not left:
            return amount
        wait = f"{left:.0f} s" if left < 100 else f"{left / 60:.0f} min"
        return f"{amount}  {speed / 1e6:.0f} MB/s  {wait} left"
