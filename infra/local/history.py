"""The last two minutes of a plane, as the lines of a chart."""

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.local.plane import Plane

HISTORY = 120  # samples, one a second


class History:
    """How many inputs waited and ran, and how many containers there were, over the last two minutes."""

    def __init__(self) -> None:
        self.samples: deque[tuple[int, int, int]] = deque([(0, 0, 0)] * HISTORY, HISTORY)

    def sample(self, plane: "Plane") -> None:
        pools = plane.pools.values()
        waiting, running = sum(pool.waiting for pool in pools), sum(pool.running for pool in pools)
        self.samples.append((len(plane.containers.by_id), running, waiting))

    def line(self, which: int, width: int, height: int) -> str:
        """Return the points of an SVG line; all lines share one scale."""
        most = max(4, *(max(sample) for sample in self.samples))
        step = width / (HISTORY - 1)
        return " ".join(
            f"{at * step:.1f},{height - sample[which] / most * (height - 2) - 1:.1f}"
            for at, sample in enumerate(self.samples)
        )

    @property
    def most(self) -> int:
        return max(max(sample) for sample in self.samples)
