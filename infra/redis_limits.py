"""Counters in Redis: domain.people.Limits for several machines. Chosen by REDIS_URL.

When Redis is away, each process counts for itself until it is back: limits are then per worker, so a flood may get
`most` through each of them, but never everything, and nobody is told of an error.
"""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from db.limits import hashed
from domain.people import Wanted
from infra.local_limits import LocalLimits

log = logging.getLogger(__name__)
WAIT_S = 0.5  # for a connection or an answer: a sign-in waits for this
AGAIN_S = 5.0  # after a failure Redis is left alone for so long: else every request would wait for it

# One script is one step for Redis: nobody comes between looking and counting. Times are milliseconds of the caller's
# clock, as in SQL; Redis' own only removes what is over. Returns how long to wait.
_HIT = """
local now, waits, full, counted = tonumber(ARGV[1]), {}, false, {}
for n, key in ipairs(KEYS) do
  local seen = redis.call('HMGET', key, 'count', 'until')
  local most, window = tonumber(ARGV[2 * n]), tonumber(ARGV[2 * n + 1])
  local count, ends = tonumber(seen[1] or 0), tonumber(seen[2] or 0)
  if ends <= now then count, ends = 0, now + window end
  waits[n], counted[n] = 0, {count + 1, ends, window}
  if count >= most then waits[n], full = math.min(ends - now, window), true end
end
if full then return waits end
for n, key in ipairs(KEYS) do
  local count, ends, window = unpack(counted[n])
  redis.call('HSET', key, 'count', string.format('%d', count), 'until', string.format('%d', ends))
  redis.call('PEXPIRE', key, string.format('%d', window))
end
return waits
"""


class RedisLimits:
    """`secret` keys the hash of the names. `monotonic` is for the pause after a failure."""

    def __init__(self, url: str, secret: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=WAIT_S,
            socket_connect_timeout=WAIT_S,
            retry=Retry(NoBackoff(), 1),  # a connection that died in the pool is replaced, an absent server is not
        )
        self._script = self._redis.register_script(_HIT)
        self._secret, self._monotonic = secret.encode(), monotonic
        self._local = LocalLimits()
        self._again = 0.0

    def hit(self, key: str, most: int, window_s: int, now: datetime) -> float:
        """Never raises for a server that is away or full."""
        return self.hit_all([(key, most, window_s)], now)[0]

    def hit_all(self, wanted: Sequence[Wanted], now: datetime) -> list[float]:
        """One script, which is one step. Never raises either."""
        values = [_ms(now), *(number for _, most, window_s in wanted for number in (most, window_s * 1000))]
        waited = self._ask(lambda: self._script(keys=[self._name(key) for key, _, _ in wanted], args=values))
        if waited is None:
            return self._local.hit_all(wanted, now)
        return [int(each) / 1000 for each in waited]

    def left(self, key: str, most: int, window_s: int, now: datetime) -> int:
        seen = self._ask(lambda: self._redis.hmget(self._name(key), ["count", "until"]))
        if seen is None:
            return self._local.left(key, most, window_s, now)
        count, until = (int(value or 0) for value in seen)
        return most if until <= _ms(now) else max(0, most - count)

    def forget(self, key: str) -> None:
        self._local.forget(key)
        self._ask(lambda: self._redis.delete(self._name(key)))

    def purge(self, now: datetime) -> int:
        """Redis removes what is over by itself."""
        return 0

    def close(self) -> None:
        self._redis.close()

    def _name(self, key: str) -> str:
        return f"parley:limit:{hashed(self._secret, key)}"

    def _ask(self, question: Callable[[], Any]) -> Any:
        """Return the answer, None while Redis is away."""
        if self._monotonic() < self._again:
            return None
        try:
            answer = question()
        except redis.RedisError as error:  # away, loading, out of memory, a replica: none of them counts
            if not self._again:
                log.error("Redis does not count (%s): each process counts for itself", type(error).__name__)
            self._again = self._monotonic() + AGAIN_S
            return None
        if self._again:
            log.warning("Redis counts again")
            self._again = 0.0
        return answer


def _ms(now: datetime) -> int:
    return int(now.astimezone(UTC).timestamp() * 1000)
