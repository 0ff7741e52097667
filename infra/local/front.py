"""One web function: a request becomes an input, its body and the answer flow as ASGI messages."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web
from modal_proto import api_pb2

from infra.local.asgi import PIECE, Scope, Sending, input_of, pairs, response_of, scope_of
from infra.local.calls import Call

if TYPE_CHECKING:
    from infra.local.plane import Plane

GRACE_S = 10.0  # an app that is told of a disconnect has so long to end by itself
STATUS = {
    api_pb2.GenericResult.GENERIC_STATUS_TIMEOUT: 504,
    api_pb2.GenericResult.GENERIC_STATUS_TERMINATED: 502,
    api_pb2.GenericResult.GENERIC_STATUS_INTERNAL_FAILURE: 502,
}


class Front:
    """One web function."""

    def __init__(self, plane: "Plane", function_id: str, method: str) -> None:
        self._plane = plane
        self._function_id = function_id
        self._method = method

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self._check(request)
        await self._plane.faults.round_trip()
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._websocket(request)
        call, sending = self._open(scope_of(request)), Sending()
        pump = asyncio.create_task(_pump(request, call, sending))
        try:
            return await self._respond(request, call)
        except (asyncio.CancelledError, ConnectionError) as error:
            call.data_in.put([sending.disconnect()])
            self._plane.spawn(self._let_end(call), f"disconnected {call.id}")
            if isinstance(error, asyncio.CancelledError):
                raise
            return web.Response(status=499)  # read by nobody
        finally:
            pump.cancel()

    def _check(self, request: web.Request) -> None:
        function = self._plane.apps.functions[self._function_id]
        app = self._plane.apps.by_id[function.app_id]
        if app.stopped or not app.version:
            raise web.HTTPNotFound(text="modal-http: the app for this address is not running\n")
        methods = function.definition.method_definitions
        config = methods[self._method].webhook_config if self._method else function.definition.webhook_config
        if config.requires_proxy_auth and not {"Modal-Key", "Modal-Secret"} <= set(request.headers):
            raise web.HTTPUnauthorized(text="modal-http: missing credentials for proxy authorization\n")

    def _open(self, scope: Scope) -> Call:
        call = self._plane.calls.open(self._function_id)
        self._plane.calls.put(call, input_of(scope, self._method))
        return call

    async def _respond(self, request: web.Request, call: Call) -> web.StreamResponse:
        response: web.StreamResponse | None = None
        async with aclosing(self._messages(call)) as messages:
            async for message in messages:
                if message.HasField("http_response_start"):
                    response = response_of(message.http_response_start)
                    await response.prepare(request)
                elif message.HasField("http_response_body") and response is not None:
                    if message.http_response_body.body:
                        await response.write(message.http_response_body.body)
                    if not message.http_response_body.more_body:
                        break
        if response is None:
            return _failed(await call.result())
        await response.write_eof()
        return response

    async def _messages(self, call: Call) -> AsyncGenerator[api_pb2.Asgi, None]:
        """Yield what the app sends; ends when its input has ended, however it did."""
        async for chunk in call.data_out.read():
            data: bytes | None = chunk.data
            if chunk.data_blob_id:
                data = await asyncio.to_thread(self._plane.parts["blobs"].read, chunk.data_blob_id)
            yield api_pb2.Asgi.FromString(data or b"")

    async def _let_end(self, call: Call) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await call.result()
        if not call.finished:
            self._plane.calls.cancel(call)

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        call, sending = self._open(scope_of(request, "websocket")), Sending()
        call.data_in.put([sending.chunk(api_pb2.Asgi(websocket_connect=api_pb2.Asgi.WebsocketConnect()))])
        pumps: list[asyncio.Task[None]] = []
        ours: web.WebSocketResponse | None = None
        try:
            async with aclosing(self._messages(call)) as messages:
                async for message in messages:
                    if message.HasField("websocket_accept") and ours is None:
                        ours = await _accepted(request, message.websocket_accept)
                        pumps.append(asyncio.create_task(_pump_websocket(ours, call, sending)))
                    elif message.HasField("websocket_close"):
                        if ours is None:
                            raise web.HTTPForbidden(text="modal-http: the app refused the connection\n")
                        await ours.close(code=message.websocket_close.code or 1000)
                        break
                    elif message.HasField("websocket_send") and ours is not None and not ours.closed:
                        sent = message.websocket_send
                        await (ours.send_str(sent.text) if sent.HasField("text") else ours.send_bytes(sent.bytes))
        finally:
            for pump in pumps:
                pump.cancel()
            call.data_in.put([sending.disconnect("websocket")])
            self._plane.spawn(self._let_end(call), f"disconnected {call.id}")
        return ours if ours is not None else _failed(await call.result())


async def _accepted(request: web.Request, accept: api_pb2.Asgi.WebsocketAccept) -> web.WebSocketResponse:
    ours = web.WebSocketResponse(protocols=[accept.subprotocol] if accept.subprotocol else ())
    for name, value in pairs(accept.headers):
        ours.headers.add(name, value)
    await ours.prepare(request)
    return ours


async def _pump(request: web.Request, call: Call, sending: Sending) -> None:
    """Send the body as it comes. The first message goes at once, as Modal's container waits 5 s for it."""
    if not request.can_read_body:
        call.data_in.put([sending.body(b"", False)])
        return
    with suppress(ConnectionError):  # the answering task is told as well
        async for piece in request.content.iter_chunked(PIECE):
            call.data_in.put([sending.body(piece, True)])
        call.data_in.put([sending.body(b"", False)])


async def _pump_websocket(ours: web.WebSocketResponse, call: Call, sending: Sending) -> None:
    async for message in ours:
        if message.type is WSMsgType.TEXT:
            received = api_pb2.Asgi.WebsocketReceive(text=message.data)
        elif message.type is WSMsgType.BINARY:
            received = api_pb2.Asgi.WebsocketReceive(bytes=message.data)
        else:
            break
        call.data_in.put([sending.chunk(api_pb2.Asgi(websocket_receive=received))])
    call.data_in.put([sending.disconnect("websocket")])


def _failed(output: api_pb2.FunctionGetOutputsItem) -> web.Response:
    """The app said nothing: it raised, or its container could not even start."""
    status = STATUS.get(output.result.status, 500)
    return web.Response(status=status, text=f"modal-http: {output.result.exception or 'internal error'}\n")
