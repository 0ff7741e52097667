"""The engines as the page shows them when functions run elsewhere: asleep is as good as ready, a call wakes them."""

from collections.abc import Sequence
from typing import Protocol

from functions.pools import Name
from infra.engines import Engines, EngineStatus, State


class Pools(Protocol):
    """The part of infra.modal_runtime.ModalBackend that is needed here."""

    def state(self, function: Name) -> State: ...

    def wake(self, function: Name) -> None: ...

    async def close(self) -> None: ...


class RemoteEngines:
    """Implements what infra.engines.Engines does, for functions that scale to zero."""

    def __init__(self, pools: Pools, functions: Sequence[tuple[Name, str]], own: Engines) -> None:
        """`functions` that a voice turn needs, with what each is, for people; `own` engines are in this process."""
        self._pools = pools
        self._functions = tuple(functions)
        self._own = own

    def status(self) -> tuple[EngineStatus, ...]:
        remote = tuple(EngineStatus(name, self._pools.state(name), what, 0.0) for name, what in self._functions)
        return remote + self._own.status()

    @property
    def ready(self) -> bool:
        """Whether calls would be answered. A pool that sleeps or wakes is no reason to send visitors away."""
        return all(engine.state != "failed" for engine in self.status())

    async def wake(self) -> None:
        """Nothing remote is woken at start: nobody is here yet, and a warm GPU is paid for."""
        await self._own.wake()

    def prewarm(self, hearing: bool = True) -> None:
        """Somebody will want an answer soon: have the containers start meanwhile, all at once.

        Without `hearing` for who writes: nothing has to be transcribed.
        """
        for name, _ in self._functions:
            if hearing or name != "asr":
                self._pools.wake(name)

    async def close(self) -> None:
        await self._pools.close()
        await self._own.close()
