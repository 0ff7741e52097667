"""Programs that are killed before their nth step, again and again.

A helper imports everything once and forks for each death, so that fifty deaths take seconds. It reads lines of JSON,
each an order of its own kind, and answers each with a line: how its child ended, and what that said.
"""

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

ROOT = Path(__file__).parents[2]
KILLED = -signal.SIGKILL
Order = TypeVar("Order", bound=msgspec.Struct)


class Dying:
    """Counts the changes that every part it is put around makes, and dies before the nth."""

    def __init__(self, at: int, reads: frozenset[str] = frozenset()) -> None:
        """A death before one of `reads` is a death before the next change: nothing is different on the disk."""
        self.at, self.calls, self._reads = at, 0, reads
        self.names: list[str] = []

    def around(self, name: str, part: Any) -> Any:
        return _Around(name, part, self, self._reads)

    def step(self, name: str) -> None:
        self.calls += 1
        self.names.append(name)
        if self.calls == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


class _Around:
    def __init__(self, name: str, part: Any, dying: Dying, reads: frozenset[str]) -> None:
        self._name, self._part, self._dying, self._reads = name, part, dying, reads

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._part, attribute)
        if not callable(found) or attribute in self._reads:
            return found

        def call(*given: Any, **named: Any) -> Any:
            self._dying.step(f"{self._name}.{attribute}")
            return found(*given, **named)

        return call


def moments(steps: list[str], every: bool) -> list[tuple[int, str]]:
    """Return before which steps to die, with their numbers from 1: before each, or before one of each name."""
    numbered = list(enumerate(steps, 1))
    return numbered if every else [(number, name) for number, name in numbered if name not in steps[: number - 1]]


class Helper:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, order: msgspec.Struct) -> tuple[int, dict[str, Any]]:
        """Return how the child ended, KILLED or 0, and what it said."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(msgspec.json.encode(order).decode() + "\n")
        stdin.flush()
        answer = msgspec.json.decode(stdout.readline())
        return answer["code"], answer["said"]


@contextmanager
def helper(module: str) -> Iterator[Helper]:
    """Run a module that calls `serve`."""
    process = subprocess.Popen(
        [sys.executable, "-m", module], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Helper(process)
    finally:
        process.communicate(timeout=120)


def serve(kind: type[Order], do: Callable[[Order], dict[str, Any]]) -> None:
    gc.freeze()
    for line in sys.stdin:
        order = msgspec.json.decode(line, type=kind)
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            os.write(writing, msgspec.json.encode(do(order)))
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read()
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        sys.stdout.write(msgspec.json.encode({"code": code, "said": msgspec.Raw(said or b"{}")}).decode() + "\n")
        sys.stdout.flush()
