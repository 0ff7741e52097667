"""An S3-compatible store on loopback, as much of it as obstore speaks: objects, ranges, lists, uploads in parts.

Signatures are recomputed from what arrived, so that a wrong key is refused as a real store refuses it.
"""

import hashlib
import hmac
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

KEY, SECRET, BUCKET = "the-key-of-the-tests", "the secret of the tests", "files"
_AUTH = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d+)/([^/]+)/s3/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)"
)
NS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


class S3:
    """What is kept, and what the next requests are answered with instead (`fail`: method, status)."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.objects: dict[str, tuple[bytes, datetime]] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}  # in parts, not yet whole
        self.fail: dict[str, int] = {}
        self.asked: list[str] = []
        self.lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def log_message(self, *_: object) -> None:
        return

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content_length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _error(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode())

    def _serve(self) -> None:
        store = self.server.store
        address = urlsplit(self.path)
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        store.asked.append(f"{self.command} {self.path}")
        if not self._signed(address.path, query, body):
            return self._error(403, "SignatureDoesNotMatch")
        if status := store.fail.get(self.command, 0):
            return self._error(status, "InsufficientStorage" if status == 507 else "ServiceUnavailable")
        bucket, _, key = unquote(address.path).lstrip("/").partition("/")
        if bucket != BUCKET:
            return self._error(404, "NoSuchBucket")
        with store.lock:
            return self._do(store, key, query, body)

    def _do(self, store: S3, key: str, query: dict[str, str], body: bytes) -> None:
        if self.command == "POST" and "uploads" in query:
            upload = f"upload-{len(store.uploads)}-{len(store.asked)}"
            store.uploads[upload] = {}
            return self._xml("InitiateMultipartUploadResult", f"<UploadId>{upload}</UploadId>")
        if self.command == "PUT" and "partNumber" in query:
            if query["uploadId"] not in store.uploads:
                return self._error(404, "NoSuchUpload")
            store.uploads[query["uploadId"]][int(query["partNumber"])] = body
            return self._answer(200, etag=_etag(body))
        if self.command == "POST" and "uploadId" in query:
            parts = store.uploads.pop(query["uploadId"], None)
            if parts is None:
                return self._error(404, "NoSuchUpload")
            whole = b"".join(parts[number] for number in sorted(parts))
            store.objects[key] = whole, datetime.now(UTC)
            return self._xml("CompleteMultipartUploadResult", f"<ETag>{_etag(whole)}</ETag>")
        if self.command == "DELETE" and "uploadId" in query:
            store.uploads.pop(query["uploadId"], None)
            return self._answer(204)
        if self.command == "PUT":
            store.objects[key] = body, datetime.now(UTC)
            return self._answer(200, etag=_etag(body))
        if self.command == "DELETE":
            store.objects.pop(key, None)
            return self._answer(204)
        if self.command == "GET" and query.get("list-type") == "2":
            return self._list(store, query)
        if key not in store.objects:
            return self._error(404, "NoSuchKey")
        return self._object(*store.objects[key])

    def _object(self, body: bytes, at: datetime) -> None:
        headers = {"etag": _etag(body), "last_modified": formatdate(at.timestamp(), usegmt=True)}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        if self.command == "HEAD":
            self._answer(200, b"", **{**headers, "content_length": str(len(body))})
        elif asked is None:
            self._answer(200, body, **headers)
        elif int(asked[1]) >= len(body):
            self._error(416, "InvalidRange")
        else:
            start, end = int(asked[1]), min(int(asked[2] or len(body) - 1), len(body) - 1)
            part = body[start : end + 1]
            self._answer(206, part, content_range=f"bytes {start}-{end}/{len(body)}", **headers)

    def _list(self, store: S3, query: dict[str, str]) -> None:
        names = sorted(name for name in store.objects if name.startswith(query.get("prefix", "")))
        after = query.get("continuation-token", "")
        names = [name for name in names if name > after]
        page, more = names[:5], len(names) > 5  # pages of five: nobody gets all at once
        rows = "".join(
            f"<Contents><Key>{escape(name)}</Key><LastModified>{at:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
            f"<ETag>{_etag(body)}</ETag><Size>{len(body)}</Size></Contents>"
            for name in page
            for body, at in [store.objects[name]]
        )
        next_ = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        self._xml("ListBucketResult", f"<IsTruncated>{str(more).lower()}</IsTruncated>{rows}{next_}")

    def _xml(self, name: str, inner: str) -> None:
        self._answer(200, f"<{name} {NS}>{inner}</{name}>".encode(), content_type="application/xml")

    def _signed(self, path: str, query: dict[str, str], body: bytes) -> bool:
        """Recompute AWS Signature Version 4."""
        told = _AUTH.match(self.headers.get("authorization", ""))
        if told is None or told[1] != KEY:
            return False
        _, day, region, names, signature = told.groups()
        hashed = self.headers.get("x-amz-content-sha256", "")
        if hashed != hashlib.sha256(body).hexdigest():
            return False
        pairs = "&".join(sorted(f"{_coded(name)}={_coded(value)}" for name, value in query.items()))
        heads = "".join(f"{name}:{' '.join(self.headers.get(name, '').split())}\n" for name in names.split(";"))
        canonical = "\n".join((self.command, path, pairs, heads, names, hashed))
        scope = f"{day}/{region}/s3/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        key = f"AWS4{SECRET}".encode()
        for part in (day, region, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        text = f"AWS4-HMAC-SHA256\n{self.headers['x-amz-date']}\n{scope}\n{digest}"
        return hmac.compare_digest(hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), signature)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815 - the names that http.server calls


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    store: S3


def _coded(text: str) -> str:
    return quote(text, safe="-_.~")


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


@contextmanager
def serving() -> Iterator[S3]:
    server: Any = _Server(("127.0.0.1", 0), _Handler)
    server.store = S3(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
