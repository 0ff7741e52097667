"""The contents of one modal.Queue: independent FIFO partitions, with Modal's limits."""

from dataclasses import dataclass, field

from infra.local.bell import Bell

PARTITIONS = 100_000
ITEMS = 5_000
ITEM_BYTES = 1024 * 1024


class Full(Exception):
    """There is no room at the moment; the client may try again."""


class TooLarge(Exception):
    """It will never fit."""


@dataclass(eq=False)
class Partition:
    items: list[tuple[int, bytes]] = field(default_factory=list)  # with their entry number, ascending
    expires: float = 0.0
    bell: Bell = field(default_factory=Bell)  # rung at every put
    waiting: int = 0


class Fifo:
    """Times are seconds of the plane's clock."""

    def __init__(self) -> None:
        self._partitions: dict[bytes, Partition] = {}
        self._put = 0

    def put(self, now: float, key: bytes, values: list[bytes], ttl_s: float) -> None:
        """Append all values or none. Raises Full or TooLarge."""
        if any(len(value) > ITEM_BYTES for value in values):
            raise TooLarge(f"an item is larger than {ITEM_BYTES} bytes")
        self._expire(now)
        partition = self._partitions.get(key)
        if partition is None and len(self._partitions) >= PARTITIONS:
            raise Full(f"the queue has {PARTITIONS} partitions")
        if len(values) + (len(partition.items) if partition else 0) > ITEMS:
            raise Full(f"the partition is full: it holds {ITEMS} items at most")
        partition = self._partitions.setdefault(key, Partition())
        for value in values:
            self._put += 1
            partition.items.append((self._put, value))
        partition.expires = now + ttl_s
        partition.bell.ring()

    def take(self, now: float, key: bytes, at_most: int) -> list[bytes]:
        self._expire(now)
        partition = self._partitions.get(key)
        if partition is None:
            return []
        taken, partition.items = partition.items[:at_most], partition.items[at_most:]
        self._tidy(key)
        return [value for _, value in taken]

    def after(self, now: float, key: bytes, entry: int) -> list[tuple[int, bytes]]:
        """Return the items that were put after the one numbered `entry`, and leave them there."""
        self._expire(now)
        partition = self._partitions.get(key)
        return [item for item in partition.items if item[0] > entry] if partition else []

    async def wait(self, key: bytes, seconds: float) -> bool:
        """Return True as soon as something is put into the partition, False after so many seconds."""
        partition = self._partitions.setdefault(key, Partition())
        partition.waiting += 1
        try:
            return await partition.bell.wait(seconds)
        finally:
            partition.waiting -= 1
            self._tidy(key)

    def length(self, now: float, key: bytes) -> int:
        self._expire(now)
        partition = self._partitions.get(key)
        return len(partition.items) if partition else 0

    def lengths(self, now: float) -> list[int]:
        self._expire(now)
        return [len(partition.items) for partition in self._partitions.values() if partition.items]

    def clear(self, key: bytes | None) -> None:
        """Empty one partition, or (None) all of them."""
        for name in list(self._partitions) if key is None else [key] if key in self._partitions else []:
            self._partitions[name].items = []
            self._tidy(name)

    def _expire(self, now: float) -> None:
        for key in [key for key, partition in self._partitions.items() if partition.items and partition.expires <= now]:
            self._partitions[key].items = []
            self._tidy(key)

    def _tidy(self, key: bytes) -> None:
        partition = self._partitions.get(key)
        if partition is not None and not partition.items and not partition.waiting:
            del self._partitions[key]
