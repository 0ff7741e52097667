"""The simulator and the live plane, given the same calls: as many cold starts, as many containers at once.

Both are driven by infra/local/pool.py, so what is compared is everything around it: that the plane tells the pool
what really happens to its processes, and that the simulator's events come in the order in which they do there.
"""

import asyncio
from decimal import Decimal

import modal
import msgspec
import pytest

from infra.local.bill import Stay
from infra.local.plane import Plane
from infra.local.pool import Limits
from infra.simulation.fleet import Fleet, Life
from infra.simulation.policies import Policy, Setup
from infra.simulation.traffic import Visit
from tests.infra.local.live import Live
from tests.infra.local.metered import WINDOW

WORK, PAUSE = 0.3, 0.1
# Groups of callers who come at once; each calls so often, one call after the other. Between two groups all goes cold.
GROUPS = [(3, 2), (1, 2), (2, 2)]  # 12 calls


class Counted(msgspec.Struct, frozen=True):
    cold_starts: int
    at_once: int
    after_each_group: tuple[int, ...]  # containers ever


def count(lives: list[tuple[float, float]], ever: list[int]) -> Counted:
    at_once = max(sum(began <= other < ended for began, ended in lives) for other, _ in lives)
    return Counted(len(lives), at_once, tuple(ever))


async def played(live: Live, name: str) -> Counted:
    """Make the calls with the unmodified client, in real containers."""
    method = modal.Cls.from_name("metered", name, client=live.client)().work

    async def caller(calls: int) -> None:
        for _ in range(calls):
            assert await method.remote.aio(WORK) == WORK
            await asyncio.sleep(PAUSE)

    def stays() -> list[Stay]:
        return [stay for stay in live.plane.bill.stays() if stay.function.removesuffix(".*") == name]

    ever = []
    for callers, calls in GROUPS:
        await asyncio.gather(*(caller(calls) for _ in range(callers)))
        await live.until(lambda: not live.containers(name))
        ever.append(len(stays()))
    return count([(stay.started, stay.ended or 0.0) for stay in stays()], ever)


def simulated(limits: Limits) -> Counted:
    """The same calls in the simulator. Its containers boot in 1.5 s; how long exactly decides nothing here."""
    setup = Setup("bare", ("bare",), limits, 1.5, Decimal(0))
    turn = (("bare", WORK),), PAUSE
    visits = [
        Visit(100.0 * group, 100.0 * group, (turn,) * calls)
        for group, (callers, calls) in enumerate(GROUPS)
        for _ in range(callers)
    ]
    fleet = Fleet(Policy("bare", "", False, (setup,)), slowdown=0.0, keep_lives=True)
    lives: list[Life] = list(fleet.run(visits).lives)
    ever = [sum(life.began < 100.0 * (group + 1) for life in lives) for group in range(len(GROUPS))]
    return count([(life.began, life.ended) for life in lives], ever)


@pytest.fixture(scope="module")
def metered(live: Live) -> Live:
    from infra.local.__main__ import deploy

    async def deploy_it(plane: Plane) -> None:
        await deploy(plane, "tests.infra.local.metered")

    live.do(deploy_it)
    return live


@pytest.mark.anyio
@pytest.mark.plane
async def test_three_traces_cost_as_many_containers_simulated_as_live(metered: Live) -> None:
    limits = {
        "Bare": Limits(0, 2, 0, WINDOW, 1),
        "Buffered": Limits(0, 3, 1, WINDOW, 1),
        "Doubled": Limits(0, 2, 0, WINDOW, 2),
    }
    # All three at once: they are pools of their own, and the test spends its time waiting for windows.
    counts = await asyncio.gather(*(played(metered, name) for name in limits))
    assert dict(zip(limits, counts, strict=True)) == {name: simulated(limit) for name, limit in limits.items()}


def test_the_traces_tell_the_policies_apart() -> None:
    assert simulated(Limits(0, 2, 0, WINDOW, 1)) == Counted(5, 2, (2, 3, 5))
    assert simulated(Limits(0, 3, 1, WINDOW, 1)) == Counted(8, 3, (3, 5, 8))
    assert simulated(Limits(0, 2, 0, WINDOW, 2)) == Counted(4, 2, (2, 3, 4))
