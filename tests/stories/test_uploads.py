"""Files sent to the program as it is started by `make run`, over real sockets: cut, many at once, large."""

import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.bench.server import Server, serving
from tests.stories.test_accounts_killed import ENV, PASSWORD, browser, register
from tests.stories.test_over_http import until

MB = 1024 * 1024
NAME = "files-anna"


class House:
    """A server with one account, which may keep 20 files and 200 MB."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.files = server, folder / "files"
        self.client = httpx.Client(base_url=server.url, timeout=60, trust_env=False)
        pair = self.client.post("/api/auth/sign-in", json={"login": NAME, "password": PASSWORD}).json()
        self.client.headers["authorization"] = f"Bearer {pair['access']}"

    def send(self, body: bytes, name: str = "a.pdf") -> httpx.Response:
        return self.client.post("/api/files", files={"file": (name, body)})

    def room(self) -> dict[str, int]:
        return dict(self.client.get("/api/files").json()["room"])

    def on_disk(self) -> list[Path]:
        return [path for path in self.files.rglob("*") if path.is_file()]

    def peak_mb(self) -> int:
        """Return what the worker had in memory at most."""
        children = Path(f"/proc/{self.server.pid}/task/{self.server.pid}/children").read_text().split()
        status = []
        for pid in (*children, str(self.server.pid)):
            with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                status.append(Path(f"/proc/{pid}/status").read_text())
        return max(int(found[1]) // 1024 for text in status if (found := re.search(r"VmHWM:\s+(\d+) kB", text)))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with serving(data_dir=tmp_path, **ENV) as server, browser(server) as first:
        register(first, tmp_path, NAME)
    with serving(data_dir=tmp_path, **{**ENV, "ADMIN": NAME}) as server:
        house = House(server, tmp_path)
        yield house
        house.client.close()


def head(house: House, length: int) -> bytes:
    token = house.client.headers["authorization"]
    return (
        f"POST /api/files HTTP/1.1\r\nhost: x\r\nauthorization: {token}\r\ncontent-length: {length}\r\n"
        "content-type: multipart/form-data; boundary=b\r\n\r\n"
        '--b\r\ncontent-disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%PDF-1.7\n'
    ).encode()


@pytest.mark.parametrize("sent", [0, 300_000, 3 * MB])
def test_a_connection_that_is_cut_leaves_nothing(house: House, sent: int) -> None:
    where = urlsplit(house.server.url)
    assert where.hostname and where.port
    with socket.create_connection((where.hostname, where.port)) as line:
        line.sendall(head(house, 9 * MB) + b"x" * sent)
        assert until(lambda: house.room()["files"] == 1), "its room is kept while it comes"
        assert house.client.get("/api/files").json()["files"] == []
    assert until(lambda: house.room() == {**house.room(), "files": 0, "bytes": 0})
    assert house.on_disk() == []
    assert "unexpected error" not in (house.files.parent / "server.log").read_text()


def test_many_at_once_fill_the_room_and_no_more_with_little_in_memory(house: House) -> None:
    body = b"%PDF-1.7\n" + b"x" * (12 * MB)
    before = house.peak_mb()
    with ThreadPoolExecutor(24) as threads:
        answers = list(threads.map(lambda _: house.send(body), range(24)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201] * 16 + [409] * 8, [answer.text for answer in answers if answer.status_code > 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"files_heavy"}
    assert house.room()["bytes"] == 16 * len(body) == sum(path.stat().st_size for path in house.on_disk())
    assert house.peak_mb() - before < 120  # 24 of them are 288 MB


def test_a_file_can_be_fetched_by_who_reads_slowly(house: House) -> None:
    body = b"%PDF-1.7\n" + b"x" * (20 * MB)
    content = house.send(body).json()["content"]
    before, got = house.peak_mb(), 0
    with house.client.stream("GET", content) as answer:
        for number, piece in enumerate(answer.iter_bytes(MB)):
            got += len(piece)
            if number < 3:
                time.sleep(0.2)
    assert got == len(body)
    assert house.peak_mb() - before < 40


