"""What a person in front of a browser waits for: `python -m tests.bench.browser` (Chromium, scripted engines P1).

A fake microphone asks, and then speaks over every reply. Worklets in the page note, to the sample, when the
microphone hears voice and when the loudspeaker sounds, and both are put on the page's one clock.
hands-free = last voiced sample to first audible sample (the pause that ends an utterance is in it);
barge-in = first voiced sample over a reply to its last audible sample.
"""

import argparse
import itertools
import tempfile
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.bench.server import serving
from tests.bench.stats import percentile, table
from tests.browser.conftest import MICROPHONES, Browsers, Visitor
from tests.browser.voices import silence, speech

GOALS_MS = {"hands-free": 900, "barge-in": 150}
QUESTION_S, LISTEN_S = 1.3, 3.4


def measure(turns: int) -> dict[str, list[float]]:
    """Return the two figures, in ms, of every turn."""
    MICROPHONES["bench"] = (silence(2), *[speech(QUESTION_S), silence(LISTEN_S)] * turns, silence(60))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-")))
        server = stack.enter_context(serving(ENGINES="scripted"))
        browsers = Browsers(stack.enter_context(sync_playwright()), folder, stack)
        one = Visitor(browsers.hearing("bench"), server.url, {"permissions": ["microphone"]}, True, "")
        room = one.enter()
        room.tap()
        for _ in range(turns):
            room.wait("first-sound")
        room.wait_heard(turns)
        room.page.keyboard.press("Escape")
        room.wait_silence()
        voices, sounds = room.sounds("mic"), room.sounds()
    figures: dict[str, list[float]] = {name: [] for name in GOALS_MS}
    for voice, following in itertools.pairwise([*voices, None]):
        assert voice is not None
        reply = [
            one for one in sounds if voice["to"] < one["from"] and (not following or one["from"] < following["from"])
        ]
        if not reply:
            continue
        figures["hands-free"].append(reply[0]["from"] - voice["to"])
        if following and reply[-1]["to"] > following["from"]:
            figures["barge-in"].append(reply[-1]["to"] - following["from"])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=8)
    figures = measure(parser.parse_args().turns)
    rows: list[tuple[object, ...]] = [("ms", "n", "p50", "p95", "worst", "goal p50")]
    for name, found in figures.items():
        rows.append(
            (name, len(found), *(f"{percentile(found, q):.0f}" for q in (0.5, 0.95, 1)), f"<= {GOALS_MS[name]}")
        )
    print(table(rows))


if __name__ == "__main__":
    main()
