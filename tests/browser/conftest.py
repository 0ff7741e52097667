"""One server for all, one Chromium for each file that its microphone plays, one fresh visitor for each story."""

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, expect, sync_playwright

from tests.bench.server import Server, serving
from tests.browser.room import PATIENCE_MS, Room
from tests.browser.voices import Samples, silence, speech, write

HERE = Path(__file__).parent
expect.set_options(timeout=PATIENCE_MS)  # five seconds are its own default, and no patience at all
LAUNCH_MS = 180_000
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# What the microphone hears. Nothing loops, and the silence at the end outlasts every story. Whoever speaks at a moment
# of the story rather than of the recording takes the quiet one, and Room.speak. The recording runs from the moment that
# the microphone opens, so it begins with the time that a busy machine may take until the page listens.
MICROPHONES: dict[str, tuple[Samples, ...]] = {
    "question": (silence(6), speech(1.6), silence(100)),
    "quiet": (silence(100),),
}


class Browsers:
    def __init__(self, playwright: Playwright, folder: Path, stack: ExitStack) -> None:
        self._chromium, self._folder, self._stack = playwright.chromium, folder, stack
        self._running: dict[str, Browser] = {}

    def hearing(self, microphone: str) -> Browser:
        """Return a browser whose microphone plays a file of MICROPHONES; "" has no microphone at all."""
        if microphone not in self._running:
            self._running[microphone] = self._launch(microphone)
        return self._running[microphone]

    def _launch(self, microphone: str) -> Browser:
        flags = ["--no-sandbox"]
        if microphone:
            file = write(self._folder / f"{len(self._running)}.wav", *MICROPHONES[microphone])
            flags += ["--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={file}%noloop"]
        path = next(filter(None, map(shutil.which, CHROMIUM)), None)
        assert path, "no Chromium on the PATH"
        browser = self._chromium.launch(executable_path=path, args=flags, timeout=LAUNCH_MS)
        self._stack.callback(browser.close)
        return browser


def probe(measured: bool, spoken: bool) -> str:
    """Return the script that watches every page; `measured`: sound too, with `bypass_csp`; `spoken`: for Room.speak."""
    script = (HERE / "probe.js").read_text("utf-8").replace("/* spoken */ false", json.dumps(spoken))
    worklet = json.dumps((HERE / "probe-worklet.js").read_text("utf-8")) if measured else "null"
    return script.replace("/* probe-worklet.js */ null", worklet)


class Visitor:
    """Somebody with a browser. What the pages complain about is kept, and nothing may be left unexplained."""

    def __init__(
        self, browser: Browser, url: str, options: dict[str, Any], measured: bool, allowed: str, spoken: bool = False
    ) -> None:
        self.context: BrowserContext = browser.new_context(base_url=url, bypass_csp=measured, **options)
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.add_init_script(probe(measured, spoken))
        self.problems: list[str] = []
        self._allowed = re.compile(allowed) if allowed else None
        self.context.on("console", self._console)
        self.context.on("weberror", lambda error: self._problem(str(error.error)))
        self.page: Page = self.context.new_page()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._problem(f"{message.text} ({message.location['url']})")

    def _problem(self, text: str) -> None:
        if not (self._allowed and self._allowed.search(text)):
            self.problems.append(text)

    def enter(self, character: str = "socrates", language: str = "en", *, greeted: bool = True) -> Room:
        """Open a new room directly; `greeted`: something was already said in it, so that the greeting stays out."""
        answer = self.context.request.post(
            f"/characters/{character}/chats", form={"language": language}, max_redirects=0
        )
        address = answer.headers["location"]
        if greeted:
            line = "Good morning." if language == "en" else "早上好。"
            turn = self.context.request.post(f"{address}/turns", multipart={"text": line, "key": "before-the-story"})
            assert "event: done" in turn.text()
            self._named(address)
        self.page.goto(address)
        return Room(self.page)

    def _named(self, address: str) -> None:
        """Wait until the list of conversations has it: it is named after its first turn, in the background."""
        until = time.monotonic() + PATIENCE_MS / 1000
        while f'"{address}' not in self.context.request.get("/chats").text():
            assert time.monotonic() < until, "the conversation was never named"
            self.page.wait_for_timeout(50)


@pytest.fixture(scope="package")
def server() -> Iterator[Server]:
    with serving(ENGINES="scripted", ARGON2="64,1,1") as running:
        yield running


@pytest.fixture(scope="package")
def slow_server() -> Iterator[Server]:
    """The same, but a reply takes 24 seconds: for those who must not miss it."""
    with serving(module="tests.slow", WORD_S="1", ENGINES="scripted") as running:
        yield running


@pytest.fixture(scope="package")
def drawling_server() -> Iterator[Server]:
    """The same, but a reply sounds for 18 seconds: for those who speak over it, or end it."""
    with serving(module="tests.browser.drawling", ENGINES="scripted") as running:
        yield running


@pytest.fixture(scope="package")
def browsers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsers]:
    with ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())
        yield Browsers(playwright, tmp_path_factory.mktemp("microphones"), stack)


@pytest.fixture
def visitor(server: Server, browsers: Browsers) -> Iterator[Callable[..., Visitor]]:
    """Return a function that brings in a visitor: visitor("question", locale="zh-CN").

    `measured` and "quiet" stories know all sound that passed; the others live under the pages' content security policy.
    `may_say` is a pattern for the errors that the story provokes itself; any other fails it at its end.
    """
    here: list[Visitor] = []

    def welcome(
        microphone: str = "",
        *,
        measured: bool = False,
        url: str = server.url,
        allow: bool = True,
        may_say: str = "",
        **options: Any,
    ) -> Visitor:
        options = {"locale": "en-GB", "permissions": ["microphone"] if allow else [], **options}
        spoken = microphone == "quiet"
        one = Visitor(browsers.hearing(microphone), url, options, measured or spoken, may_say, spoken)
        here.append(one)
        return one

    yield welcome
    problems = [problem for one in here for problem in one.problems]
    for one in here:
        one.context.close()
    assert not problems
