"""What the local plane costs: `python -m tests.bench.plane`. Prints p50 and p95 of what a voice turn would feel.

The plane runs in a process of its own, as it does for `make run RUNTIME=local`; this process is the modal. "Inline"
is the same method called in this process. Figures depend on what else the machine does: the load is printed too.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import modal

from tests.bench.stats import percentile, table
from tests.infra.local import sample

WARM = 300
DEPLOY = [sys.executable, "-m", "infra.local", "run", "--deploy", "tests.infra.local.sample", "--"]


def main() -> int:
    if "--inside" not in sys.argv:
        with tempfile.TemporaryDirectory() as notes:
            os.environ["PARLEY_SAMPLE_NOTES"] = notes
            inside = [sys.executable, "-m", "tests.bench.plane", "--inside"]
            return subprocess.run([*DEPLOY, *inside], check=False).returncode
    asyncio.run(measure())
    return 0


async def measure() -> None:
    notes = Path(os.environ["PARLEY_SAMPLE_NOTES"])
    rows: list[tuple[str, str, str]] = [("", "p50 ms", "p95 ms")]

    def row(name: str, values: list[float]) -> None:
        rows.append((name, f"{percentile(values, 0.5):.1f}", f"{percentile(values, 0.95):.1f}"))

    async def timed(times: int, call: Callable[[], Awaitable[object]]) -> list[float]:
        taken = []
        for _ in range(times):
            began = time.perf_counter()
            await call()
            taken.append((time.perf_counter() - began) * 1_000)
        return taken

    say = modal.Cls.from_name("sample", "Echo")().say.remote.aio
    row("cold: first call of a class, client too", await timed(1, lambda: say(b"")))
    row("cold: a container without a model", [await cold() for _ in range(5)])
    local = sample.Echo()
    inline = await timed(WARM, lambda: local.say.local(b""))
    warm = await timed(WARM, lambda: say(b""))
    row("warm call over inline", [taken - percentile(inline, 0.5) for taken in warm])
    row("warm call, 64 kB each way", await timed(WARM, lambda: say(bytes(65_536))))
    row("warm call, 3 MB each way (blobs)", await timed(10, lambda: say(bytes(3_000_000))))

    count = modal.Cls.from_name("sample", "Echo")().count
    delays: list[float] = []
    for _ in range(5):
        delays += [(time.time() - made) * 1_000 async for made in count.remote_gen.aio(40, 0.03)]
    row("streamed item, yield to consumer", delays)
    row("cancel to the engine's finally", [await cancelled(notes / f"cancel-{n}") for n in range(10)])

    turn = modal.Cls.from_name("sample", "Crowd")().turn
    await asyncio.gather(*(turn.remote.aio(n) for n in range(8)))  # both containers are warm
    began = time.perf_counter()
    answers = await asyncio.gather(*(turn.remote.aio(n) for n in range(300)))
    took = (time.perf_counter() - began) * 1_000
    assert [n for n, _ in answers] == list(range(300))
    rows.append(("300 calls at once, 2 containers x 4, 20 ms each", f"{took:.0f}", f"lost {300 - len(answers)}"))
    print(table(rows))
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, modal {modal.__version__}")


async def cold() -> float:
    """Milliseconds until a class whose containers are all gone has answered."""
    brief = modal.Cls.from_name("sample", "Brief")()
    stats = brief.hello  # a method shares its class's pool
    while (await stats.get_current_stats.aio()).num_total_runners:  # noqa: ASYNC110 - nothing tells a client
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)  # its process is gone as well
    began = time.perf_counter()
    await brief.hello.remote.aio()
    return (time.perf_counter() - began) * 1_000


async def cancelled(note: Path) -> float:
    """Milliseconds from asking for the cancel to the `finally` of a generator that was speaking."""
    stream = modal.Cls.from_name("sample", "Echo")().forever.remote_gen.aio(note.name)
    call_id = await anext(stream)
    await asyncio.sleep(1.2)  # the client takes no second cancel within a second of one: Modal's limit, not measured
    began = time.time()
    await modal.FunctionCall.from_id(call_id).cancel.aio()
    with contextlib.suppress(modal.exception.RemoteError):
        async for _ in stream:
            continue
    return (float(await asyncio.to_thread(note.read_text)) - began) * 1_000


if __name__ == "__main__":
    sys.exit(main())
