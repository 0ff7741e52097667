"""The whole deployed app on a local Modal: secrets put in, deployed by the command, asked over HTTP, and the crawl."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from db.connect import connect
from db.migrate import upgrade
from db.sources import SqlSources
from domain.knowledge.model import Shelf, Source
from infra.local.__main__ import client_environment
from infra.local.plane import Plane

pytestmark = [pytest.mark.anyio, pytest.mark.plane]
ROOT = Path(__file__).parents[2]
CRAWL = "import modal; print(modal.Function.from_name('parley', 'crawl').remote())"


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with Plane.open(tmp_path / "plane") as plane:
        yield plane


async def command(plane: Plane, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python as somebody does whose Modal is this plane; beside it, for the plane lives in this loop."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, env=client_environment(plane),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return subprocess.CompletedProcess(arguments, process.returncode or 0, out.decode(), err.decode())


def settings(folder: Path, url: str) -> Path:
    file = folder / "parley.env"
    keys = "".join(f"{name}={name[0] * 40}\n" for name in ("SECRET_KEY", "OPERATOR_KEY", "WORKER_KEY"))
    # Nobody listens there: pages are fetched and kept, and wait for the index.
    file.write_text(f"CORE_URL={url}\nPAGES_URL={pages(folder)}\nQDRANT_URL=http://127.0.0.1:9\n{keys}")
    return file


def pages(folder: Path) -> str:
    return f"sqlite:///{folder / 'pages.db'}"


def source(number: int, now: datetime) -> Source:
    return Source(
        id=f"source-{number}", shelf=Shelf("", "socrates"), kind="page", url=f"http://127.0.0.{number}/",
        created_at=now, next_at=now,
    )  # fmt: skip


async def test_one_command_leads_from_an_empty_account_to_a_page_that_answers(plane: Plane, tmp_path: Path) -> None:
    refused = await command(plane, "-m", "deploy")
    assert refused.returncode == 1
    assert "parley-web" in refused.stderr and "--secrets FILE" in refused.stderr
    assert plane.apps.by_name == {}

    core = tmp_path / "core.db"
    done = await command(plane, "-m", "deploy", "--secrets", str(settings(tmp_path, f"sqlite:///{core}")))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "and answers: 200" in done.stdout
    url = next(line.split()[-1] for line in done.stdout.splitlines() if "Parley is on" in line)

    async with httpx.AsyncClient(base_url=url, timeout=120) as browser:
        gallery = await browser.get("/", headers={"Accept-Language": "en"})
        assert gallery.status_code == 200
        assert "Socrates" in gallery.text
        ours = {"Origin": url, "Sec-Fetch-Site": "same-origin"}
        opened = await browser.post("/characters/socrates/chats", headers=ours)
        assert opened.status_code == 303, "the web knows the address it is served at, and takes its own pages' forms"
        assert (await browser.get(opened.headers["Location"])).status_code == 200
        costs = await browser.get("/operator")
        assert costs.status_code == 303, "costs are for who has the key, also when all requests come from this machine"
        assert costs.headers["Location"] == "/operator/sign-in"
    assert core.exists()
    assert len(plane.containers.by_id) <= 4

    crawled = await command(plane, "-c", CRAWL)
    assert crawled.stdout.strip() == "0 sources due, 0 pages indexed late, 0 vectors", crawled.stderr
    assert plane.unknown == []


async def test_every_source_that_is_due_gets_a_call_of_its_own_and_its_run_is_told(
    plane: Plane, tmp_path: Path
) -> None:
    """The pages are on loopback, which the one fetcher refuses; that it was asked is what the runs tell."""
    given = settings(tmp_path, f"sqlite:///{tmp_path / 'core.db'}")
    done = await command(plane, "-m", "deploy", "--secrets", str(given))
    assert done.returncode == 0, done.stdout + done.stderr
    upgrade(pages(tmp_path), "pages")
    engine = connect(pages(tmp_path))
    sources, now = SqlSources(engine), datetime.now(UTC)
    for number in (1, 2, 3):
        sources.add(source(number, now))
    crawled = await command(plane, "-c", CRAWL)
    assert crawled.stdout.startswith("3 sources due"), crawled.stderr
    async with asyncio.timeout(200):
        while len(ended := [run for n in (1, 2, 3) for run in sources.runs(f"source-{n}") if run.ended_at]) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    assert {run.state for run in ended} == {"failed"}
    assert {trouble.code for run in ended for trouble in sources.troubles(run.id)} == {"url_refused"}
    assert all(sources.get(f"source-{n}").next_at > now for n in (1, 2, 3))
    again = await command(plane, "-c", CRAWL)
    assert again.stdout.startswith("0 sources due"), again.stderr
    assert plane.unknown == []
    engine.dispose()


async def test_a_web_that_cannot_start_says_why_in_its_log_and_the_command_says_where_that_is(
    plane: Plane, tmp_path: Path
) -> None:
    url = f"sqlite:///{os.devnull}/core.db"
    done = await command(plane, "-m", "deploy", "--secrets", str(settings(tmp_path, url)))
    assert done.returncode == 1
    assert "does not answer yet" in done.stderr
    assert "modal app logs parley" in done.stderr
