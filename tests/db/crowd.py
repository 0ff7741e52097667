"""Many who want the same at the same moment: threads of this process, and processes."""

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar

Result = TypeVar("Result")
ROOT = Path(__file__).parents[2]


def at_once(many: int, call: Callable[[int], Result]) -> list[Result]:
    """Return what each call made of its number, from 0; they begin together."""
    start = Barrier(many)

    def run(number: int) -> Result:
        start.wait()
        return call(number)

    with ThreadPoolExecutor(many) as pool:
        return list(pool.map(run, range(many)))


def processes(many: int, url: str, what: str) -> list[Any]:
    """Return what each process printed that did `what` of tests/db/race_child.py; they begin together."""
    line = [sys.executable, "-m", "tests.db.race_child", url, what]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    started = [subprocess.Popen([*line, str(number)], cwd=ROOT, text=True, **pipes) for number in range(many)]  # type: ignore[call-overload]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0] * many
    return [json.loads(each) for each in said]
