"""What the app itself adds to a turn, with scripted engines (profile P1): `python -m tests.bench.scripted`.

N sessions at once, each a guest with a chat of its own: speak (2 s of nothing to do), post the
recording, listen to the whole reply, think, again. Storage, captions and cookies are all on.
overhead = first audio at the client minus what the engines alone take to the first *sentence* (510 ms)
and to the first *clause* (430 ms; the app speaks clauses).
"""

import argparse
import asyncio
import json
import os
import random
import time
from pathlib import Path

import aiohttp
import psutil

from domain.audio import HEARD_RATE, Audio
from tests.bench.client import Caller, Heard
from tests.bench.server import serving
from tests.bench.stats import percentile, table

FLOOR_SENTENCE_MS, FLOOR_CLAUSE_MS, REPLY_S = 510.0, 430.0, 6.0


def _speech() -> Audio:
    import numpy as np

    t = np.arange(2 * HEARD_RATE) / HEARD_RATE
    return Audio.of((0.3 * np.sin(2 * np.pi * 220 * t)).astype(np.float32), HEARD_RATE)


async def session(base: str, turns: int, wav: bytes, spread_s: float, heards: list[Heard]) -> None:
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.CookieJar(unsafe=True), timeout=aiohttp.ClientTimeout(total=60), read_bufsize=2**20
    ) as http:
        caller = Caller(base, http)
        await asyncio.sleep(random.random() * spread_s)
        await caller.call("socrates", "en")
        for _ in range(turns):
            await asyncio.sleep(2.0)  # the user speaks
            began = time.monotonic()
            heard = await caller.post(wav)  # the final POST alone: what is measured is the app, not the segments
            heards.append(heard)
            await asyncio.sleep(
                max(0.0, began + heard.first_sound + REPLY_S - time.monotonic()) + 0.3 + 2 * random.random()
            )


def _tree(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _cpu(pid: int) -> float:
    return float(sum(sum(p.cpu_times()[:2]) for p in _tree(pid)))


def _memory(pid: int) -> float:
    return float(sum(p.memory_full_info().pss for p in _tree(pid))) / 2**20


async def drive(base: str, pid: int, sessions: int, turns: int, spread_s: float) -> dict[str, object]:
    heards: list[Heard] = []
    before, cpu, began, peak = _memory(pid), _cpu(pid), time.monotonic(), 0.0

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, _memory(pid))
            await asyncio.sleep(1)

    watching = asyncio.create_task(watch())
    wav = _speech().wav()
    results = await asyncio.gather(
        *[session(base, turns, wav, spread_s, heards) for _ in range(sessions)], return_exceptions=True
    )
    watching.cancel()
    errors = [r for r in results if r is not None] + [h for h in heards if h.failed or not h.first_sound]
    if errors:
        print("first error:", repr(errors[0])[:500])
    wall, used = time.monotonic() - began, _cpu(pid) - cpu
    first = [h.first_sound * 1000 for h in heards if h.first_sound]
    stalls = [h.stall_s * 1000 for h in heards]
    return {
        "sessions": sessions, "turns": len(heards), "errors": len(errors),
        "first p50": round(percentile(first, 0.5), 1), "first p99": round(percentile(first, 0.99), 1),
        "over sentence p50": round(percentile(first, 0.5) - FLOOR_SENTENCE_MS, 1),
        "over clause p50": round(percentile(first, 0.5) - FLOOR_CLAUSE_MS, 1),
        "over clause p99": round(percentile(first, 0.99) - FLOOR_CLAUSE_MS, 1),
        "stall p99": round(percentile(stalls, 0.99), 1), "stalls": sum(s > 0 for s in stalls),
        "cpu ms/turn": round(used / max(1, len(heards)) * 1000, 1), "cores": round(used / wall, 2),
        "MB idle": round(before), "MB/session": round((peak - before) / sessions, 2),
        "load1": round(os.getloadavg()[0], 2),
        "error": repr(errors[0])[:120] if errors else "",
    }  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sessions", default="1,10,50,100")
    options.add_argument("--turns", type=int, default=5)
    options.add_argument("--spread", type=float, default=6.0)
    options.add_argument("--json", type=Path)
    a = options.parse_args()
    rows = []
    for sessions in map(int, a.sessions.split(",")):
        # A crowd from one address is refused otherwise, and nobody's minutes are counted: that costs 2 ms a turn.
        with serving(ENGINES="scripted", BENCH=os.environ.get("BENCH", "1")) as server:
            time.sleep(2)
            rows.append(asyncio.run(drive(server.url, server.pid, sessions, a.turns, a.spread)))
            print(json.dumps(rows[-1]), flush=True)
    print(table([list(rows[0]), *[list(row.values()) for row in rows]]))
    if a.json:
        a.json.write_text(json.dumps(rows))


if __name__ == "__main__":
    main()
