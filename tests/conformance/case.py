"""What a case is, and what it is given: a target, which is one runtime with the functions on it."""

import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Protocol

import modal
import msgspec

from domain.usage import Call
from infra.calls import Backend, Calls
from infra.modal_runtime import ModalBackend

PATIENT_S = 120.0  # a container starts within seconds where nothing else runs
IN_PROCESS = "no containers: the handlers are in this process"
MODALS_OWN = "a feature of Modal's that the inline runtime has no use for"


class Target:
    """Parley's functions on one runtime, for one case. What only remote targets have is None inline."""

    def __init__(self, backend: Backend, calls: Calls, rows: list[Call], apps: "Apps | None" = None) -> None:
        self.backend = backend
        self.calls = calls
        self.rows = rows  # of the ledger, those of this case
        self._apps = apps

    @property
    def apps(self) -> "Apps":
        assert self._apps is not None, "this case is not for the inline runtime"
        return self._apps

    @property
    def remote(self) -> bool:
        return self._apps is not None

    async def ask(self, function: Any, method: str, *args: object, within_s: float = PATIENT_S) -> Any:
        return await self.calls.ask(function, method, *args, within_s=within_s)

    def stream(self, function: Any, method: str, *args: object) -> AsyncGenerator[Any, None]:
        return self.calls.stream(function, method, *args, first_s=PATIENT_S, gap_s=PATIENT_S)

    async def read(self, function: Any, method: str, *args: object) -> list[Any]:
        """Return all that a stream yields."""
        return [item async for item in self.stream(function, method, *args)]


class Apps(Protocol):
    """The two deployed apps of a remote target."""

    client: modal.Client
    odd: Calls  # to the classes of the conformance app that are named as Parley's own
    pools: ModalBackend
    nobody: Calls  # to an app that is not deployed
    worker_key: str  # what the functions know their callers by

    def cls(self, name: str) -> modal.Cls: ...

    def function(self, name: str) -> Any: ...

    async def notes(self) -> dict[str, Any]: ...

    @property
    def deploy(self) -> Callable[[str], Awaitable[None]]: ...


Work = Callable[[Target], Awaitable[None]]


class Case(msgspec.Struct, frozen=True):
    name: str
    group: str
    work: Work
    not_inline: str = ""  # why it says nothing about the inline runtime


CASES: list[Case] = []


def case(group: str, not_inline: str = "") -> Callable[[Work], Work]:
    """Add a function to the suite; its name is the case's."""

    def add(work: Work) -> Work:
        name = getattr(work, "__name__", "").replace("_", " ")
        CASES.append(Case(name, group, work, not_inline))
        return work

    return add


def new_key() -> str:
    return uuid.uuid4().hex[:12]
