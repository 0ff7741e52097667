"""`python -m tests.browser.screenshots`: take the pictures of the README anew, with engines that follow a script."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from tests.bench.server import serving
from tests.browser.conftest import Browsers, Visitor

IMAGES = Path(__file__).parents[2] / "docs" / "images"
HALF_SAID = """() => {
  const all = document.querySelectorAll("#captions-text span").length;
  const said = document.querySelectorAll("#captions-text .said").length;
  return all > 20 && said > all / 3 && said < all * 2 / 3;
}"""  # some of the captions are lit, and some are not


def main() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="screenshots-")))
        server = stack.enter_context(serving(ENGINES="scripted"))
        browsers = Browsers(stack.enter_context(sync_playwright()), folder, stack)

        gallery = Visitor(browsers.hearing(""), server.url, _options(980), measured=False, allowed="").page
        gallery.goto("/")
        gallery.wait_for_load_state("networkidle")
        gallery.wait_for_timeout(1_500)  # the orb comes in slowly
        gallery.screenshot(path=IMAGES / "gallery.png")

        visitor = Visitor(browsers.hearing("question"), server.url, _options(800), measured=False, allowed="")
        room = visitor.enter("storyteller", greeted=False)
        room.open_transcript()
        room.tap()
        room.until("speaking")  # the greeting, or the reply; only the reply has as many words
        room.page.wait_for_function(HALF_SAID, polling=50)
        room.page.screenshot(path=IMAGES / "room.png")


def _options(height: int) -> dict[str, object]:
    return {"locale": "en-GB", "permissions": ["microphone"], "viewport": {"width": 1_280, "height": height}}


if __name__ == "__main__":
    main()
