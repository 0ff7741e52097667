"""Argon2id off the event loop: as many at once as there are cores, and a queue that ends.

Each hash takes its memory for as long as it runs, so that the pool's size times `memory_kib` is what sign-ins can take.
"""

import asyncio
import os
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError

from domain.errors import Unavailable

Result = TypeVar("Result")
DEFAULT = "19456,2,1"  # OWASP's floor: KiB, passes, lanes
WAITING = 32  # a hash takes about 50 ms a core: whoever would wait for more than a second is told so
RETRY_S = 2
MOST = 256  # characters of a password


def normal(password: str) -> str:
    return unicodedata.normalize("NFC", password)


def usable(password: str) -> bool:
    """Tell whether it can be hashed at all: text, and not longer than any that is taken."""
    if len(password) > 4 * MOST:
        return False
    try:
        normal(password).encode()
    except UnicodeEncodeError:
        return False
    return len(normal(password)) <= MOST


class Hasher:
    """Async `hash` and `verify` of passwords. Raises Unavailable("sign_in_busy") when too many wait."""

    def __init__(self, parameters: str = DEFAULT, at_once: int = 0, waiting: int = WAITING) -> None:
        """`parameters` are KiB, passes and lanes, as in "19456,2,1". Raises ValueError."""
        memory, passes, lanes = (int(figure) for figure in parameters.split(","))
        if memory < 8 * lanes or passes < 1 or lanes < 1:
            raise ValueError(f"{parameters}: no parameters of Argon2: KiB, passes, lanes")
        self._argon2 = PasswordHasher(time_cost=passes, memory_cost=memory, parallelism=lanes, type=Type.ID)
        at_once = at_once or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="argon2")
        self._most = at_once + waiting
        self._here = 0
        self._dummy = ""

    async def hash(self, password: str) -> str:
        return await self._run(lambda: self._argon2.hash(normal(password)))

    async def verify(self, hashed: str, password: str) -> bool:
        """A password that nobody can have, and a hash that is none, take as long as any other, and are wrong."""
        return await self._run(lambda: self._verify(hashed, password))

    def needs_rehash(self, hashed: str) -> bool:
        try:
            return self._argon2.check_needs_rehash(hashed)
        except InvalidHashError:
            return True

    async def dummy(self) -> str:
        """Return a hash that nothing verifies, for those who do not exist."""
        if not self._dummy:
            self._dummy = await self.hash(secrets.token_urlsafe(32))
        return self._dummy

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _verify(self, hashed: str, password: str) -> bool:
        fits = usable(password)
        try:
            return self._argon2.verify(hashed, normal(password) if fits else "") and fits
        except (Argon2Error, InvalidHashError, UnicodeEncodeError):
            return False

    async def _run(self, work: Callable[[], Result]) -> Result:
        if self._here >= self._most:
            raise Unavailable("sign_in_busy", retry_after=RETRY_S)
        self._here += 1
        try:
            future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        except BaseException:
            self._here -= 1
            raise
        # Not when the caller stops waiting: the thread works on, and the place is taken until it ends.
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def _done(self, future: asyncio.Future[Result]) -> None:
        self._here -= 1
        if not future.cancelled():
            future.exception()
