"""Where the suite runs: in this process, on a local plane, on Modal."""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import modal

from domain.usage import Call
from domain.worker_tokens import WorkerTokens
from functions import handlers
from functions.door import SECRET, SETTING
from functions.pools import Name
from infra.calls import Calls
from infra.clock import SystemClock
from infra.engines import Engine
from infra.inline import loading
from infra.local.__main__ import deploy as deploy_locally
from infra.local.__main__ import worker_key
from infra.modal_runtime import ModalBackend
from infra.pricing import Pricing
from infra.runtime import InlineBackend
from tests.conformance.app import APP, NOTES
from tests.conformance.case import Target
from tests.infra.local.live import living

TargetName = Literal["inline", "local", "modal"]
FACES, FEATURES = "tests.conformance.faces", "tests.conformance.app"
ENVIRONMENT = "parley-conformance"  # of its own: the app with scripted engines is named "parley" there too
ASKED = "CONFORMANCE_MODAL"


class Place(Protocol):
    def open(self) -> Any:
        """Return an async context manager with a Target for one case."""


class Inline:
    @asynccontextmanager
    async def open(self) -> AsyncIterator[Target]:
        choice = handlers.Choice({"ENGINES": "scripted"})
        embed = Engine[Any]("embed", "scripted", loading(lambda: handlers.embed(choice)))
        engines: dict[Name, Engine[Any]] = {
            "asr": Engine("asr", "scripted", loading(lambda: handlers.asr(choice))),
            "tts": Engine("tts", "scripted", loading(lambda: handlers.tts(choice))),
            "llm": Engine("llm", "scripted", loading(lambda: handlers.llm(choice))),
            "queries": embed,
            "passages": embed,
        }
        rows: list[Call] = []
        with ThreadPoolExecutor(1) as pool:
            for engine in dict.fromkeys(engines.values()):
                await engine.wake(pool)
        backend = InlineBackend(engines)
        yield Target(backend, Calls(backend, Pricing("inline"), rows.append), rows)
        for engine in dict.fromkeys(engines.values()):
            (await engine.loaded()).close()


class Deployed:
    """Both apps on a plane or on Modal. Implements tests.conformance.case.Apps."""

    def __init__(
        self, runtime: str, client: modal.Client, deploy: Callable[[str], Awaitable[None]], worker_key: str
    ) -> None:
        self._runtime = runtime
        self.client = client
        self.worker_key = worker_key
        self.deploy = deploy

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Target]:
        rows: list[Call] = []
        tokens = WorkerTokens(self.worker_key, SystemClock())
        self.pools = ModalBackend("laptop", tokens, client=self.client)
        others = [ModalBackend("laptop", tokens, app=app, client=self.client) for app in (APP, "nobody")]
        pricing = Pricing(self._runtime)
        self.odd, self.nobody = (Calls(other, pricing, rows.append) for other in others)
        yield Target(self.pools, Calls(self.pools, pricing, rows.append), rows, self)
        for backend in (self.pools, *others):
            await backend.close()

    def cls(self, name: str) -> modal.Cls:
        return modal.Cls.from_name(APP, name, client=self.client)

    def function(self, name: str) -> Any:
        return modal.Function.from_name(APP, name, client=self.client)

    async def notes(self) -> dict[str, Any]:
        return {str(key): value async for key, value in modal.Dict.from_name(NOTES, client=self.client).items.aio()}


@contextmanager
def on_a_plane(folder: Path) -> Iterator[tuple[Deployed, list[str]]]:
    """Yield the place, and the plane's list of RPCs that it does not know."""
    with living(folder, FACES, FEATURES) as live:

        async def deploy(module: str) -> None:
            await asyncio.to_thread(live.do, lambda plane: deploy_locally(plane, module))

        yield Deployed("local", live.client, deploy, worker_key(live.plane)[SETTING]), live.plane.unknown


def no_modal() -> str:
    """Return why the suite cannot run on Modal; "" if it can."""
    if not os.environ.get(ASKED):
        return f"not run: no account here ({ASKED}=1 and a token run it)"
    if os.environ.get("MODAL_TOKEN_ID") or modal.config.config.get("token_id"):
        return ""
    return "not run: no token"


@contextmanager
def on_modal() -> Iterator[Deployed]:
    """Deploy to an environment of its own, and stop both apps there in the end: a schedule would run for ever."""
    before = os.environ.get("MODAL_ENVIRONMENT")
    asyncio.run(_modal("environment", "create", ENVIRONMENT, check=False))  # it may be there
    os.environ["MODAL_ENVIRONMENT"] = ENVIRONMENT
    key = secrets.token_urlsafe(48)  # of this environment only, which no other app of the account sees
    asyncio.run(_modal("secret", "create", "--force", SECRET, f"{SETTING}={key}"))
    try:
        for module in (FACES, FEATURES):
            asyncio.run(_deploy(module))
        yield Deployed("modal", modal.Client.from_env(), _deploy, key)
    finally:
        for app in ("parley", APP):
            asyncio.run(_modal("app", "stop", "--yes", app, check=False))
        if before is None:
            del os.environ["MODAL_ENVIRONMENT"]
        else:
            os.environ["MODAL_ENVIRONMENT"] = before


async def _deploy(module: str) -> None:
    await _modal("deploy", "-m", module)


async def _modal(*argv: str, check: bool = True) -> None:
    """Run modal's command line. Raises RuntimeError with what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "modal", *argv,
        env=os.environ | {"PARLEY_POOLS": "laptop"}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    if check and process.returncode:
        raise RuntimeError(f"modal {' '.join(argv)} failed:\n{output.decode(errors='replace')}")
