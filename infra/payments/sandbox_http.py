"""The sandbox over HTTP: its pages, and what the app asks. On loopback, for this machine only."""

from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import msgspec

from domain.errors import Conflict, NotAllowed
from infra.payments import signed
from infra.payments.sandbox_desk import Desk
from infra.payments.sandbox_page import CSS, Page, index, page
from infra.payments.sandbox_records import Bill
from infra.payments.sandbox_wire import HEADER, Ask

HOST = "127.0.0.1"
MOST_BODY = 64 << 10
TIMEOUT_S = 15


class Handler(BaseHTTPRequestHandler):
    server: "Server"
    timeout = TIMEOUT_S

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        language = parse_qs(parts.query).get("language", [""])[0]
        if not self._ours():
            self._send(Page(403, b"", "text/plain"))
        elif parts.path == "/sandbox.css":
            self._send(Page(200, CSS, "text/css; charset=utf-8"))
        elif parts.path == "/":
            self._send(index(self.server.desk.books.newest(), language))
        elif bill := self._bill(parts.path):
            self._send(page(bill, self.server.desk.books.letters.of(bill.order_id), language))
        else:
            self._send(Page(404, b"", "text/plain"))

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BODY or not self._ours():
            self._send(Page(400, b"", "text/plain"))
            return
        body = self.rfile.read(int(length))
        if self.path == "/api":
            self._asked(body)
        elif self.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none"):
            self._pressed(body)
        else:
            self._send(Page(403, b"", "text/plain"))

    def _asked(self, body: bytes) -> None:
        key = self.server.key
        try:
            signed.check(self.headers.get(HEADER, ""), key, body, datetime.now(UTC))
            ask = signed.read(body, Ask)
        except NotAllowed:
            self._send(Page(403, b"", "text/plain"))
            return
        answer = msgspec.json.encode(self.server.desk.answer(ask))
        self._send(Page(200, answer, "application/json"), {HEADER: signed.sign(key, answer, datetime.now(UTC))})

    def _pressed(self, body: bytes) -> None:
        bill = self._bill(urlsplit(self.path).path)
        if bill is None:
            self._send(Page(404, b"", "text/plain"))
            return
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        try:
            away = self.server.desk.press(bill, form)
        except Conflict:
            away = False  # the page says how it stands
        to = bill.ask.back if away and bill.ask.back else self.path
        self._send(Page(303, b"", "text/plain"), {"Location": to})

    def _bill(self, path: str) -> Bill | None:
        first, _, ref = path.strip("/").partition("/")
        return self.server.desk.books.find(ref) if first == "pay" else None

    def _ours(self) -> bool:
        """A web page may point its own name at this address; only this machine's are answered."""
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname or ""
        return host in (HOST, "localhost", "::1")

    def _send(self, made: Page, more: dict[str, str] | None = None) -> None:
        self.send_response(made.status)
        self.send_header("Content-Type", made.kind)
        self.send_header("Content-Length", str(len(made.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Content-Security-Policy", f"default-src 'none'; style-src 'self'; {made.form}")
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(made.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Nothing: addresses here are secrets of a kind."""

    def version_string(self) -> str:
        return "sandbox"


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, desk: Desk, key: str) -> None:
        super().__init__((HOST, port), Handler)
        self.desk, self.key = desk, key
        desk.address = f"http://{HOST}:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that went away is no news."""
