"""Starting the sandbox's server, once for a data folder, and finding it where another process has started it."""

import asyncio
import contextlib
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec

from domain.errors import NotAllowed, Unavailable
from infra.payments import signed
from infra.payments.sandbox_wire import HEADER, Answer, Ask, make_key

ROOT = Path(__file__).parents[2]
START_S = 60.0  # for a start, on a machine that is busy
END_S = 5.0
TRIES = 20  # to find the one that another process is just starting
_ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


class Child:
    """The server of one folder, ours or another process's. Close it, from the loop that used it."""

    def __init__(self, folder: Path, port: int, webhook: str) -> None:
        self.folder = folder
        self._port, self._webhook = port, webhook
        self._process: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()
        self._http = httpx.AsyncClient(trust_env=False, timeout=httpx.Timeout(20.0, connect=2.0))
        self._closed = False

    async def ask(self, ask: Ask) -> Answer:
        """Raises Unavailable("payments_unavailable")."""
        if self._closed:
            raise Unavailable("payments_unavailable")
        if not await self._there():
            await self._start()
        try:
            return await self._ask(ask)
        except httpx.TransportError:
            await self._start()
        try:
            return await self._ask(ask)
        except httpx.TransportError:
            raise Unavailable("payments_unavailable") from None

    async def start(self) -> None:
        """Have it running: it may still have something to tell from the last time."""
        if not await self._there():
            await self._start()

    async def close(self) -> None:
        """End it, when it is ours."""
        self._closed = True
        async with self._starting:
            await self._end()
        await self._http.aclose()

    async def _ask(self, ask: Ask) -> Answer:
        key, body = make_key(self.folder), msgspec.json.encode(ask)
        header = {HEADER: signed.sign(key, body, datetime.now(UTC)), "Content-Type": "application/json"}
        told = await self._http.post(f"{await self._address()}/api", content=body, headers=header)
        try:
            signed.check(told.headers.get(HEADER, ""), key, told.content, datetime.now(UTC))
        except NotAllowed:
            # Something else has the port.
            raise httpx.ConnectError("not the sandbox") from None
        return msgspec.json.decode(told.content, type=Answer)

    async def _there(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            await self._ask(Ask(what="alive"))
            return True
        return False

    async def _address(self) -> str:
        try:
            where = await asyncio.to_thread((self.folder / "address").read_bytes)
            return f"http://127.0.0.1:{msgspec.json.decode(where, type=dict[str, int])['port']}"
        except (OSError, msgspec.MsgspecError, KeyError):
            raise httpx.ConnectError("nobody has started it") from None

    async def _start(self) -> None:
        async with self._starting:
            for _ in range(TRIES):
                if self._closed:
                    break
                if await self._there() or await self._begin():
                    return
                await asyncio.sleep(0.1)  # another process has the books and is about to say where it is
            raise Unavailable("payments_unavailable")

    async def _begin(self) -> bool:
        """Start a process; tell whether it keeps the books now."""
        await self._end()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-s", "-m", "infra.payments.sandbox_server",
                str(self.folder), str(self._port), self._webhook,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
                cwd="/", env=_ENVIRONMENT, start_new_session=True,
            )  # fmt: skip
        except OSError:
            raise Unavailable("payments_unavailable") from None
        self._process = process
        try:
            async with asyncio.timeout(START_S):
                line = await process.stdout.readline() if process.stdout else b""
        except TimeoutError:
            line = b""
        if line.startswith(b"ready "):
            return True
        await self._end()
        return False

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()  # it ends by itself then
        try:
            async with asyncio.timeout(END_S):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        with contextlib.suppress(OSError, ValueError):
            await process.communicate()
