"""Asking the hub about pinned commits, with a small hub of our own on loopback."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from functions import pin_weights, weights_cloud

NEWER = "f" * 40


class Hub(HTTPServer):
    """Knows the pinned commits, except those in `gone`; `answers` replaces what it says."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.gone: set[str] = set()
        self.newest = NEWER
        self.broken: tuple[int, bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        revision = self.path.rsplit("/", 1)[1]
        status, body = 200, json.dumps({"sha": self.server.newest if revision == "main" else revision}).encode()
        if revision in self.server.gone:
            status, body = 404, b"{}"
        if self.server.broken:
            status, body = self.server.broken
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        thread = threading.Thread(target=hub.serve_forever, daemon=True)
        thread.start()
        yield hub
        hub.shutdown()
        thread.join(5)


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    copy = tmp_path / "pins.toml"
    copy.write_text(weights_cloud.PINS.read_text(encoding="utf-8"), encoding="utf-8")
    return copy


def test_commits_that_are_there_are_fine_and_newer_ones_are_told(
    hub: Hub, pins: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = pins.read_text(encoding="utf-8")
    assert pin_weights.check(hub.url, pins=pins)
    said = capsys.readouterr().out
    assert said.count(f"there, newer: {NEWER}") == len(weights_cloud.models())
    assert pins.read_text(encoding="utf-8") == before


def test_a_commit_that_has_vanished_is_told(hub: Hub, pins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hub.gone = {weights_cloud.models()[0].revision}
    assert not pin_weights.check(hub.url, pins=pins)
    assert capsys.readouterr().out.count("NOT THERE") == 1


def test_an_update_writes_the_newest_commits_and_nothing_else(hub: Hub, pins: Path) -> None:
    before = pins.read_text(encoding="utf-8")
    assert pin_weights.check(hub.url, update=True, pins=pins)
    for model in weights_cloud.models():
        before = before.replace(model.revision, NEWER)
    assert pins.read_text(encoding="utf-8") == before


@pytest.mark.parametrize("broken", [(500, b"{}"), (200, b"<html>"), (200, b'{"sha": "main"}'), (200, b"[]")])
def test_a_hub_that_talks_nonsense_changes_nothing(hub: Hub, pins: Path, broken: tuple[int, bytes]) -> None:
    hub.broken = broken
    before = pins.read_text(encoding="utf-8")
    with pytest.raises(pin_weights.HubFailed):
        pin_weights.check(hub.url, update=True, pins=pins)
    assert pins.read_text(encoding="utf-8") == before
