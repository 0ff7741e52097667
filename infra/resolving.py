"""From a host name to its addresses, off the event loop and with an end."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

Resolver = Callable[[str], Awaitable[Sequence[str]]]  # raises OSError (socket.gaierror is one) where there is none


class SystemResolver:
    """The system's own, in threads of its own: getaddrinfo takes no deadline and cannot be stopped, so lookups of a
    name server that keeps silent pile up here (each ends by the system's own limit) and not among the threads that
    the stores run in. Whoever waits may leave at any time. There are many of them, so that names of whoever runs such a
    server do not make those of all others late.
    """

    def __init__(self, at_once: int = 32) -> None:
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="resolve")

    async def __call__(self, host: str) -> Sequence[str]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host)


def _look_up(host: str) -> Sequence[str]:
    # The dot makes it absolute: without it resolv.conf's search list may turn a public name into one of our network's.
    answers = socket.getaddrinfo(f"{host}.", None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))
