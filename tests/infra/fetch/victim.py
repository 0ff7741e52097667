"""Asks for all of a hostile server's pages in a process of its own: `victim PORT DEADLINE NAME... -- NAME...` prints a
line of JSON, what each ended in and by how much the process has grown. The first names are of servers that only want
time: they are all asked at once, with that deadline; the others have the real one.
"""

import asyncio
import json
import resource
import sys

from domain.errors import ParleyError
from infra.asking import Limits
from infra.fetch import SafeFetcher
from tests.fakes_web import Names, SeenHosts, SleepClock

WITHIN_S = 15
AT_ONCE = 4  # that flood: what holds them back is this process, and the server is as busy


async def main(port: int, deadline_s: float, slow: list[str], others: list[str]) -> dict[str, object]:
    clock, at_once = SleepClock(), asyncio.Semaphore(AT_ONCE)
    names = Names({f"{name}.example": [["127.0.0.1"]] for name in ("honest", *slow, *others)})

    def fetcher(limits: Limits) -> SafeFetcher:
        trusted = frozenset({("127.0.0.1", port)})
        return SafeFetcher(
            SeenHosts(), clock, "ParleyBot/1.0", resolver=names, trusted=trusted, limits=limits, sleep=clock.sleep
        )

    hurried, real = fetcher(Limits(deadline_s=deadline_s)), fetcher(Limits())
    # Only a robots.txt has so little time: both deadlines at once would be one on a machine that is busy.
    hurried_robots = fetcher(Limits(robots_s=deadline_s / 2))

    async def end(name: str, one: SafeFetcher) -> tuple[str, int]:
        scheme = "https" if name == "tls" else "http"
        url = f"{scheme}://{name}.example:{port}/{name}"
        try:
            async with asyncio.timeout(WITHIN_S):
                fetched = await one.fetch(url, robots=name.startswith("robots"))
        except ParleyError as error:
            return error.code, 0
        except TimeoutError:
            return f"longer than {WITHIN_S} s", 0
        return fetched.charset, len(fetched.body)

    async def some(name: str) -> tuple[str, int]:
        async with at_once:
            return await end(name, real)

    before = await end("honest", real), _peak_mb()
    first = [end(name, hurried_robots if name.startswith("robots") else hurried) for name in slow]
    ends = await asyncio.gather(*first, *map(some, others))
    told = dict(zip((*slow, *others), ends, strict=True))
    return {"ends": told, "honest": before[0], "grown_mb": _peak_mb() - before[1]}


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    port, deadline_s, *names = sys.argv[1:]
    middle = names.index("--")
    result = asyncio.run(main(int(port), float(deadline_s), names[:middle], names[middle + 1 :]))
    sys.stdout.write(json.dumps(result) + "\n")
