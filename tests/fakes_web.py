"""Hand-written stand-ins for the web: a server that says exactly what it is told to, and a resolver of names."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

from tests.fakes import HandClock
from tests.fakes_knowledge import MemoryHosts

Behaviour = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


class Request:
    """What a client sent: "GET /path HTTP/1.1" and its fields, names in lower case."""

    def __init__(self, head: bytes) -> None:
        line, *fields = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        self.line = line
        self.path = line.split(" ")[1]
        self.fields = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}


class WebServer:
    """Serves bytes as they are written, over real sockets on loopback; the paths it was asked for are in `asked`."""

    def __init__(self, pages: Mapping[str, bytes | Behaviour], port: int) -> None:
        self.pages, self.port = dict(pages), port
        self.asked: list[Request] = []

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.asked]

    @property
    def address(self) -> tuple[str, int]:
        return ("127.0.0.1", self.port)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@asynccontextmanager
async def web_server(
    pages: Mapping[str, bytes | Behaviour], tls: ssl.SSLContext | None = None
) -> AsyncGenerator[WebServer, None]:
    served: WebServer
    running: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            running.add(task)
            task.add_done_callback(running.discard)
        try:
            await speak(reader, writer)
        finally:
            writer.close()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            request = Request(await reader.readuntil(b"\r\n\r\n"))
            served.asked.append(request)
            page = served.pages.get(request.path, answer(b"", status="404 Not Found"))
            if isinstance(page, bytes):
                writer.write(page)
                await writer.drain()
            else:
                await page(request, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    served = WebServer(pages, server.sockets[0].getsockname()[1])
    try:
        yield served
    finally:
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await asyncio.sleep(0)  # their sockets close at the loop's next turn


def answer(body: bytes, *fields: str, status: str = "200 OK", kind: str = "text/html; charset=utf-8") -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join(head).encode(errors="surrogatepass") + b"\r\n\r\n" + body


def moved(where: str, status: str = "302 Found") -> bytes:
    return answer(b"", f"Location: {where}", status=status)


class Names:
    """A resolver that knows these names; each lookup takes the next list of answers, the last one for ever."""

    def __init__(self, names: Mapping[str, Sequence[Sequence[str]]] | None = None) -> None:
        self._names = {name: list(answers) for name, answers in (names or {}).items()}
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        answers = self._names.get(host)
        if not answers:
            raise OSError("no such name")
        return answers.pop(0) if len(answers) > 1 else answers[0]


class SeenHosts(MemoryHosts):
    """Politeness that tells which robots.txt it keeps, and when each host was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, str] = {}
        self.starts: dict[str, list[datetime]] = {}
        self.running: dict[str, int] = {}

    def keep_robots(self, host: str, body: str, barred: bool, now: datetime) -> None:
        super().keep_robots(host, body, barred, now)
        self.files[host] = body

    def turn(self, host: str, now: datetime, gap: timedelta, at_once: int = 2) -> float:
        wait_s = super().turn(host, now, gap, at_once)
        if not wait_s:
            self.starts.setdefault(host, []).append(now)
            self.running[host] = self.running.get(host, 0) + 1
        return wait_s

    def leave(self, host: str, now: datetime, pause: timedelta = timedelta()) -> None:
        super().leave(host, now, pause)
        self.running[host] -= 1


class SleepClock(HandClock):
    """Time that passes when somebody sleeps, and only then."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)
