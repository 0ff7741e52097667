"""One HTTP request as Modal hands it to a container: the ASGI scope as the input, ASGI messages as chunks."""

import pickle
from collections.abc import Iterable
from urllib.parse import unquote

from aiohttp import web
from modal_proto import api_pb2

PIECE = 1024 * 1024  # of a request's body in one message
# Told by one hop to the next, and not for the app (RFC 9110 section 7.6.1); the front says how it sends the body.
HOP_BY_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})

Scope = dict[str, object]


def scope_of(request: web.Request, kind: str = "http") -> Scope:
    """Return the ASGI scope of a request: plain values only, as another process will read it."""
    path, _, query = request.raw_path.partition("?")
    scope: Scope = {
        "type": kind,
        "http_version": f"{request.version.major}.{request.version.minor}",
        "scheme": "ws" if kind == "websocket" else "http",
        "path": unquote(path),
        "query_string": query.encode("latin-1"),
        "headers": [(name.lower(), value) for name, value in request.raw_headers],
        "client": _client(request),
    }
    if kind == "http":
        scope |= {"method": request.method, "extensions": {"http.response.trailers": {}}}
    else:
        wanted = request.headers.get("Sec-WebSocket-Protocol", "")
        scope["subprotocols"] = [name.strip() for name in wanted.split(",") if name.strip()]
    return scope


def input_of(scope: Scope, method: str) -> api_pb2.FunctionInput:
    """Return the input of a web function, or of a class's web method."""
    arguments = pickle.dumps(((scope,), {}), protocol=4)
    made = api_pb2.FunctionInput(args=arguments, data_format=api_pb2.DATA_FORMAT_PICKLE)
    if method:
        made.method_name = method
    return made


class Sending:
    """Numbers the messages for the app."""

    def __init__(self) -> None:
        self._sent = 0

    def chunk(self, message: api_pb2.Asgi) -> api_pb2.DataChunk:
        self._sent += 1
        return api_pb2.DataChunk(
            data_format=api_pb2.DATA_FORMAT_ASGI, data=message.SerializeToString(), index=self._sent
        )

    def body(self, piece: bytes, more: bool) -> api_pb2.DataChunk:
        return self.chunk(api_pb2.Asgi(http_request=api_pb2.Asgi.HttpRequest(body=piece, more_body=more)))

    def disconnect(self, kind: str = "http") -> api_pb2.DataChunk:
        if kind == "websocket":
            return self.chunk(api_pb2.Asgi(websocket_disconnect=api_pb2.Asgi.WebsocketDisconnect(code=1001)))
        return self.chunk(api_pb2.Asgi(http_disconnect=api_pb2.Asgi.HttpDisconnect()))


def response_of(start: api_pb2.Asgi.HttpResponseStart) -> web.StreamResponse:
    """Return the response, not yet begun. Repeated headers (cookies) stay as many."""
    response = web.StreamResponse(status=start.status)
    for name, value in pairs(start.headers):
        if name.lower() not in HOP_BY_HOP:
            response.headers.add(name, value)
    if "Content-Type" not in response.headers:
        response.headers["Content-Type"] = "application/octet-stream"
    return response


def pairs(flat: Iterable[bytes]) -> list[tuple[str, str]]:
    """Names and values of headers, which travel as one list."""
    texts = [text.decode("latin-1") for text in flat]
    return list(zip(texts[::2], texts[1::2], strict=True))


def _client(request: web.Request) -> tuple[str, int]:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return (str(peer[0]), int(peer[1])) if isinstance(peer, tuple) else ("127.0.0.1", 0)
