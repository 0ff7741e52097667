"""An app of web functions for the tests of the local plane."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import modal

app = modal.App("sample-web")

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def note(name: str, text: object) -> None:
    with (Path(os.environ["PARLEY_SAMPLE_NOTES"]) / name).open("a") as file:
        file.write(f"{text}\n")


class App:
    """Plain ASGI, with lifespan."""

    def __init__(self) -> None:
        self.started = False

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            self.started = True
            await send({"type": "lifespan.startup.complete"})
            await receive()
            note("web", "lifespan ended")
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["type"] == "websocket":
            await self.talk(receive, send)
        else:
            await getattr(self, scope["path"].strip("/").partition("/")[0] or "mirror")(scope, receive, send)

    async def mirror(self, scope: Message, receive: Receive, send: Send) -> None:
        """Tell what the app was given."""
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message["more_body"]:
                break
        told = {
            "method": scope["method"], "path": scope["path"], "query": scope["query_string"].decode(),
            "headers": [[name.decode(), value.decode()] for name, value in scope["headers"]],
            "client": scope["client"][0], "body": body.decode("latin-1"), "started": self.started,
        }  # fmt: skip
        await respond(send, json.dumps(told).encode(), [(b"content-type", b"application/json")], 201)

    async def cookies(self, scope: Message, receive: Receive, send: Send) -> None:
        await respond(send, b"", [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"location", b"/x")], 303)

    async def large(self, scope: Message, receive: Receive, send: Send) -> None:
        """Larger than one message, and than a message may be."""
        await respond(send, bytes(range(256)) * 20_000, [(b"content-length", b"5120000")])

    async def drops(self, scope: Message, receive: Receive, send: Send) -> None:
        """One item, then the next only once the client has shown that it had the first."""
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        for n in range(3):
            await send({"type": "http.response.body", "body": b"data: %d\n\n" % n, "more_body": True})
            while not (Path(os.environ["PARLEY_SAMPLE_NOTES"]) / f"had-{n}").exists():  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.005)
        await send({"type": "http.response.body", "body": b""})

    async def forever(self, scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        note("forever", (await receive())["type"])

    async def broken(self, scope: Message, receive: Receive, send: Send) -> None:
        raise ValueError("not today")

    async def talk(self, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            if message["text"] == "bye":
                await send({"type": "websocket.close", "code": 4000})
                return
            await send({"type": "websocket.send", "text": (message["text"] or "").upper()})
        note("talk", message["type"])


async def respond(send: Send, body: bytes, headers: list[tuple[bytes, bytes]], status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@app.function(max_containers=1, timeout=60)
@modal.concurrent(max_inputs=20)
@modal.asgi_app()
def asgi() -> App:
    return App()


@app.function(max_containers=1)
@modal.wsgi_app()
def wsgi() -> Callable[..., Iterable[bytes]]:
    def answer(environ: Message, start: Callable[..., object]) -> Iterable[bytes]:
        start("200 OK", [("Content-Type", "text/plain")])
        return [f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} ".encode(), environ["wsgi.input"].read()]

    return answer


@app.function(max_containers=1)
@modal.asgi_app(requires_proxy_auth=True)
def private() -> App:
    return App()


@app.cls(max_containers=1)
class Site:
    @modal.enter()
    def load(self) -> None:
        self.word = "from a class"

    @modal.asgi_app()
    def serve(self) -> Callable[[Message, Receive, Send], Awaitable[None]]:
        async def answer(scope: Message, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                await respond(send, self.word.encode(), [])

        return answer


@app.function(schedule=modal.Period(seconds=1.0), max_containers=1, scaledown_window=60)
def tick() -> None:
    note("tick", "tock")
