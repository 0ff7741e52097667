"""Reading a form with a file in it as it comes: however it is cut into pieces, however slowly they arrive."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar import Litestar, Request, Response, post

from domain.errors import ParleyError
from domain.filing.cabinet import COMING
from domain.filing.intake import FILE_BYTES
from web.callers import Caller
from web.uploads import LEAST_RATE, incoming

pytestmark = pytest.mark.anyio
BODY = b"line one\r\n--b\r\n-not-the-end\r\n--" + bytes(range(256)) + b"\r\n"
FORM = (
    b'--bound\r\ncontent-disposition: form-data; name="area"\r\n\r\nperman\xc3\xa9nt\r\n'
    b'--bound\r\ncontent-disposition: form-data; name="file"; filename="a.pdf"\r\ncontent-type: text/html\r\n\r\n'
    + BODY + b"\r\n--bound--\r\n"
)  # fmt: skip
Message = dict[str, Any]


def test_room_is_kept_for_longer_than_the_slowest_upload_may_take() -> None:
    assert COMING.total_seconds() * LEAST_RATE > 1.05 * FILE_BYTES


class Taken(msgspec.Struct):
    """What became of one upload."""

    body: bytes = b""
    code: str = ""
    fields: dict[str, str] = {}


async def sent(
    chunks: Iterable[bytes], end: str = "end", idle_s: float = 5.0, patient_s: float = 0.0, least_rate: int = 0
) -> Taken:
    """Send these and then end, hang, or go away (`end`); return what became of it."""
    taken = Taken()
    waiting = iter(chunks)

    @post("/")
    async def take(request: Request[Any, Any, Any]) -> Response[bytes]:
        try:
            upload = await incoming(request, idle_s=idle_s, patient_s=patient_s, least_rate=least_rate)
            taken.fields = upload.fields
            taken.body = b"".join([piece async for piece in upload.data])
        except ParleyError as error:
            taken.code = error.code
        return Response(b"")

    async def receive() -> Message:
        chunk = next(waiting, None)
        if chunk is not None:
            return {"type": "http.request", "body": chunk, "more_body": True}
        if end == "hang":
            await asyncio.Event().wait()
        return {"type": "http.disconnect"} if end == "leave" else {"type": "http.request", "body": b""}

    async def send(_: Message) -> None:
        return

    app: Callable[[Message, Any, Any], Awaitable[None]] = Litestar([take], openapi_config=None)  # type: ignore[assignment]
    headers = [(b"content-type", b"multipart/form-data; boundary=bound"), (b"host", b"parley.example")]
    scope = {
        "type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b"", "headers": headers,
        "http_version": "1.1", "scheme": "http", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
        "root_path": "", "asgi": {"version": "3.0"}, "state": {"caller": Caller("anna")}, "extensions": {},
    }  # fmt: skip
    await app(scope, receive, send)
    return taken


@given(st.lists(st.integers(1, len(FORM) - 1), max_size=12, unique=True))
@settings(deadline=None, max_examples=60)
def test_however_the_form_is_cut_the_file_is_the_same(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(FORM)]
    pieces = [FORM[start:end] for start, end in itertools.pairwise(places)]
    taken = asyncio.run(sent(pieces))
    assert (taken.body, taken.code, taken.fields) == (BODY, "", {"area": "permanént"})


@pytest.mark.parametrize("at", [1, 10, 60, 140, 200, len(FORM) - 12, len(FORM) - 5, len(FORM) - 3])
@pytest.mark.parametrize("end", ["end", "leave"])
async def test_a_form_that_breaks_off_anywhere_is_no_file(at: int, end: str) -> None:
    taken = await sent([FORM[:at]], end)
    assert (taken.body, taken.code) == (b"", "form_unreadable")


@pytest.mark.parametrize("at", [0, 60, 200])
async def test_who_sends_nothing_more_is_not_waited_for(at: int) -> None:
    taken = await sent([FORM[:at]] if at else [], "hang", idle_s=0.05)
    assert taken.code == "upload_slow"


async def test_who_sends_too_little_is_not_waited_for_either() -> None:
    """A byte now and then keeps a connection busy for days; what it must come to is an average."""
    assert (await sent([FORM[place : place + 1] for place in range(300)], least_rate=10**9)).code == "upload_slow"
    assert (await sent([FORM], least_rate=1)).code == ""


async def test_a_second_file_and_what_follows_the_end() -> None:
    part = b'--bound\r\ncontent-disposition: form-data; name="file"; filename="b.pdf"\r\n\r\nmore\r\n--bound--\r\n'
    assert (await sent([FORM.removesuffix(b"--bound--\r\n") + part])).code == "form_bad"
    field = b'--bound\r\ncontent-disposition: form-data; name="other"\r\n\r\nmore\r\n--bound--\r\n'
    assert (await sent([FORM.removesuffix(b"--bound--\r\n") + field])).body == BODY
    assert (await sent([FORM + b"an epilogue"])).body == BODY
