"""The room as a person uses it, and what the probes of probe.js have seen in it."""

import base64
import json
import re
from typing import Any

from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as TookTooLong

from tests.browser.voices import Samples, wav

PATIENCE_MS = 90_000  # a browser on a busy machine; whatever is waited for is waited for no longer than it takes
# Returns the first event from `at` on that fits, with its place
FIND = """([at, name, state, turn]) => {
  const fits = ({ detail }) => (!state || detail.state === state) && (!turn || detail.turn === turn);
  const i = seen.events.findIndex((e, n) => n >= at && e.name === name && fits(e));
  return i < 0 ? null : { i, ...seen.events[i] };
}"""


class Room:
    """A page that shows a room. Events are taken in order: waiting for one passes by all before it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._at = 0
        page.locator("#main[data-ready=yes]").wait_for()

    # -- what happens ------------------------------------------------------------------------------

    def wait(self, name: str, state: str = "", *, turn: str = "") -> dict[str, Any]:
        """Wait for an event, of this turn where one is named: the end of an earlier one may still be on its way."""
        wanted = [self._at, name, state, turn]
        try:
            found = self.page.wait_for_function(FIND, arg=wanted, polling=50, timeout=PATIENCE_MS)
        except TookTooLong as error:
            raise AssertionError(f"{name} {state}{turn} did not come; what came:\n{self.diary()}") from error
        event: dict[str, Any] = found.json_value()
        self._at = event["i"] + 1
        return event

    def until(self, *states: str) -> dict[str, Any]:
        """Wait for these states, in this order; others may lie between. Return the last one's event."""
        return [self.wait("state", state) for state in states][-1]

    def happened(self, name: str) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = self.page.evaluate("name => seen.events.filter(e => e.name === name)", name)
        return events

    def states(self, since: float = 0) -> list[str]:
        return [event["detail"]["state"] for event in self.happened("state") if event["at"] > since]

    def sounds(self, where: str = "out", since: float = 0) -> list[dict[str, float]]:
        """Stretches of sound that have ended: {from, to, ms}; `where` is "out" or "mic"."""
        script = "([where, since]) => seen[where].filter(one => one.to !== null && one.from >= since)"
        stretches: list[dict[str, float]] = self.page.evaluate(script, [where, since])
        return stretches

    def wait_heard(self, count: int) -> dict[str, float]:
        """Wait until the microphone has heard its nth stretch of sound, and return that."""
        script = "n => seen.mic.filter(one => one.to !== null)[n - 1]"
        found: dict[str, float] = self.page.wait_for_function(
            script, arg=count, polling=50, timeout=PATIENCE_MS
        ).json_value()
        return found

    def wait_silence(self) -> None:
        self.page.wait_for_function("() => seen.out.every(one => one.to !== null)", polling=20, timeout=PATIENCE_MS)

    def diary(self) -> str:
        """Everything that was seen, for somebody who wonders why a story failed."""
        events: list[dict[str, Any]] = self.page.evaluate(
            """() => [
              ...seen.events.map(({ at, name, detail }) => ({ at, what: `${name} ${JSON.stringify(detail)}` })),
              ...['mic', 'out'].flatMap((where) =>
                seen[where].map((one) => ({ at: one.from, what: `${where} ${one.ms} ms` }))),
            ].sort((a, b) => a.at - b.at)"""
        )
        notice = self.page.locator("#notice-text").text_content()
        return "\n".join([f"{event['at']:9.0f} {event['what']}" for event in events] + [f"notice: {notice}"])

    # -- what a person does ------------------------------------------------------------------------

    def tap(self) -> None:
        self.page.locator("#mic").click()

    def speak(self, samples: Samples) -> None:
        """Say this into the "quiet" microphone, which is open."""
        self.page.evaluate("wav => seen.speak(wav)", base64.b64encode(wav(samples)).decode())

    def write(self, text: str) -> None:
        if self.page.locator("#composer").is_hidden():
            self.page.locator("#show-composer").click()
        self.page.locator("#line").fill(text)
        self.page.locator("#line").press("Enter")

    def open_transcript(self) -> None:
        self.page.locator("#show-transcript").click()
        expect(self.page.locator("#transcript")).to_have_attribute("data-open", "yes")

    # -- what stands there -------------------------------------------------------------------------

    @property
    def mine(self) -> Locator:
        return self.page.locator("#log .line--mine p")

    @property
    def theirs(self) -> Locator:
        return self.page.locator("#log .line--them:not(.line--greeting) p")

    @property
    def captions(self) -> Locator:
        return self.page.locator("#captions-text span")

    @property
    def said(self) -> Locator:
        return self.page.locator("#captions-text span.said")

    def lit(self) -> list[str]:
        """The words of the captions that have been said."""
        return [word.strip() for word in self.said.all_text_contents() if not word.isspace()]

    def wait_captions_move(self) -> None:
        """Wait until some words of the reply have been lit, and then more, but not all."""
        self.page.wait_for_function("() => seen.captions.length > 1", polling=50, timeout=PATIENCE_MS)

    def log(self) -> list[str]:
        """The transcript's lines, as text, without the greeting."""
        return [
            re.sub(r"\s+", " ", line).strip()
            for line in self.page.locator("#log .line:not(.line--greeting) p").all_text_contents()
        ]

    def server_turn(self, turn: str) -> tuple[list[dict[str, Any]], int]:
        """Return the turn's whole log as the server tells it again: its JSON events, and how many samples of sound."""
        chat = self.page.locator("#main").get_attribute("data-chat")
        text = self.page.request.get(f"/chats/{chat}/turns/{turn}/events?after=0").text()
        events, samples = [], 0
        for block in text.split("\n\n"):
            fields = dict(re.findall(r"^(event|data): ?(.*)$", block, re.MULTILINE))
            if fields.get("event") == "audio":
                samples += len(fields["data"]) * 3 // 4 // 2
            elif fields.get("event") in ("turn", "cue", "done"):
                events.append({"event": fields["event"], **json.loads(fields["data"])})
        return events, samples


def ordered(wanted: list[str], found: list[str]) -> bool:
    """Whether `wanted` is a subsequence of `found`."""
    rest = iter(found)
    return all(one in rest for one in wanted)
