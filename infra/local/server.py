"""The gRPC server: Modal's service on loopback TCP for clients, and on a unix socket for each container.

A group is a class with methods named as RPCs. A unary RPC is `async def Name(self, request, caller) -> reply`, one
that streams replies is an async generator of the same signature. Raise `grpclib.GRPCError` to refuse.
The socket says who calls: requests of containers carry no id of their own.
"""

import importlib
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from grpclib import GRPCError, Status
from grpclib.const import Cardinality, Handler
from grpclib.server import Server, Stream
from modal_proto.api_grpc import ModalClientBase

from infra.local.loopback import LOOPBACK, address, listening
from infra.local.plane import Plane

if TYPE_CHECKING:
    from infra.local.containers import Container

log = logging.getLogger("infra.local")

# Modules of infra.local, each with GROUPS.
GROUPS = ("rpc_apps", "rpc_functions", "rpc_images", "rpc_calls", "rpc_containers", "rpc_logs", "rpc_objects")
WORDS = 2_000  # characters of a refusal
SERVICE = "/modal.client.ModalClient/"


@dataclass(frozen=True)
class Caller:
    """Who asks: a container, or None for a client."""

    container: "Container | None" = None


@cache
def contract() -> Mapping[str, Handler]:
    """Return path -> (method, cardinality, request type, reply type) of the whole service, as the wheel declares it."""
    # Every method is abstract; a subclass with all of them present is enough to read the table.
    empty = type("Empty", (ModalClientBase,), dict.fromkeys(ModalClientBase.__abstractmethods__))
    table: Mapping[str, Handler] = empty().__mapping__()
    return table


class Service:
    """The handler table of one listening socket."""

    def __init__(self, plane: Plane, methods: Mapping[str, Callable[..., Any]], caller: Caller) -> None:
        self._plane = plane
        self._methods = methods
        self._caller = caller

    def __mapping__(self) -> dict[str, Handler]:
        """Return the table that grpclib asks for."""
        return {
            path: Handler(
                partial(self._answer, path.removeprefix(SERVICE), handler.cardinality),
                handler.cardinality, handler.request_type, handler.reply_type,
            )
            for path, handler in contract().items()
        }  # fmt: skip

    async def _answer(self, name: str, cardinality: Cardinality, stream: Stream[Any, Any]) -> None:
        method = self._methods.get(name)
        if method is None:
            self._plane.unknown.append(name)
            log.warning("nothing answers the RPC %s", name)
            raise GRPCError(Status.UNIMPLEMENTED, f"the local plane does not know {name}")
        request = await stream.recv_message()
        if self._caller.container is None:
            await self._plane.faults.round_trip()
        try:
            if cardinality.server_streaming:
                async for reply in method(request, self._caller):
                    await stream.send_message(reply)
            else:
                await stream.send_message(await method(request, self._caller))
        except GRPCError as refusal:
            # It quotes what was asked, and travels as a header: one of 300 kB stands still on both sides.
            raise GRPCError(refusal.status, (refusal.message or "")[:WORDS]) from refusal


def collect(plane: Plane) -> dict[str, Callable[..., Any]]:
    """Return the method of every group by RPC name; a name must be the service's, and only one group's."""
    known = {path.removeprefix(SERVICE) for path in contract()}
    methods: dict[str, Callable[..., Any]] = {}
    for module in GROUPS:
        for group in importlib.import_module(f"infra.local.{module}").GROUPS:
            instance = group(plane)
            for name in vars(group):
                if name[0].isupper():
                    if name not in known or name in methods:
                        raise TypeError(f"{group.__name__}.{name} is no RPC of the service, or there twice")
                    methods[name] = getattr(instance, name)
    return methods


@asynccontextmanager
async def serve(plane: Plane, port: int = 0, host: str = LOOPBACK) -> AsyncIterator[None]:
    """Listen on loopback TCP; any other address is refused, as anyone who connects may run code."""
    if not ipaddress.ip_address(host).is_loopback:
        raise ValueError(f"the local plane listens on loopback only, not on {host}")
    methods = collect(plane)
    plane.containers.listen = partial(_listen, plane, methods)
    server = Server([Service(plane, methods, Caller())])
    ours = listening(port)
    # asyncio does this only for sockets whose protocol number is told; without it each call waits 80 ms for ACKs.
    ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    await server.start(sock=ours)
    plane.url = address(ours)
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()


async def _listen(plane: Plane, methods: Mapping[str, Callable[..., Any]], container: "Container", path: str) -> Server:
    server = Server([Service(plane, methods, Caller(container))])
    await server.start(path=path)
    return server
