"""The dashboard in Chromium: its buttons, without a reload; nothing to complain about, on a desktop and on a phone."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from tests.infra.local.live import Live

expect.set_options(timeout=30_000)
pytestmark = [pytest.mark.anyio, pytest.mark.plane, pytest.mark.browser]

AXE = (Path(__file__).parents[2] / "browser" / "vendor" / "axe.min.js").read_text("utf-8")
FAULTS = """async () => (await axe.run(document, { resultTypes: ['violations'] })).violations.map(
  ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`)"""


@pytest.fixture
async def page(live: Live) -> AsyncIterator[Page]:
    said: list[str] = []
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = await browser.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        await page.goto(live.plane.dashboard_url)
        yield page
        await browser.close()
    assert said == []


async def test_a_container_comes_and_goes_at_the_press_of_a_button(live: Live, page: Page) -> None:
    await page.evaluate("window.same = true")
    await page.get_by_role("button", name="Prewarm Together").click()
    await live.until(lambda: [c.booted for c in live.containers("Together")] == [True])
    [container] = live.containers("Together")
    kill = page.get_by_role("button", name=f"Kill {container.id}")
    await kill.focus()
    await asyncio.sleep(1.5)  # the part is sent anew meanwhile, and the button keeps the focus
    await expect(kill).to_be_focused()
    await kill.press("Enter")
    await expect(kill).to_have_count(0)
    await expect(page.locator("tr", has_text=container.id)).to_contain_text("killed on the dashboard")
    assert await page.evaluate("window.same")  # no reload


async def test_it_has_no_accessibility_fault_and_fits(live: Live, page: Page) -> None:
    assert await live.function("square").remote.aio(3) == 9
    [container] = live.containers("square")
    await page.goto(f"{live.plane.dashboard_url}/?log={container.id}")
    faults = []
    for width in (1280, 390):
        await page.set_viewport_size({"width": width, "height": 844})
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme="light" if scheme == "light" else "dark", reduced_motion="reduce")
            await page.evaluate(AXE)
            faults += [f"{width} px, {scheme}: {fault}" for fault in await page.evaluate(FAULTS)]
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert "\n".join(faults) == ""
