"""robots.txt, a request a second and two at once, and being told to come back later."""

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from domain.errors import BadInput, ParleyError, TooMany, Unavailable
from infra.asking import Limits
from infra.robots import MOST, Rules
from tests.fakes_web import Behaviour, SeenHosts, SleepClock, answer, moved, web_server
from tests.infra.fetch.conftest import AGENT, Make

pytestmark = pytest.mark.anyio
PAGE = answer(b"<p>Hello</p>")


def _robots(text: str, status: str = "200 OK") -> bytes:
    return answer(text.encode(), status=status, kind="text/plain")


async def test_robots_txt_is_asked_once_and_obeyed(fetcher: Make) -> None:
    rules = "User-agent: *\nDisallow: /\n\nUser-agent: ParleyBot\nDisallow: /private\nDisallow: /*.pdf$"
    async with web_server({"/robots.txt": _robots(rules), "/": PAGE, "/a.pdf?x": PAGE}) as server:
        one = fetcher(server.address)
        await one.fetch(server.url())
        await one.fetch(server.url("/a.pdf?x"))
        for path in ("/private/1", "/a.pdf"):
            with pytest.raises(BadInput, match="page_robots"):
                await one.fetch(server.url(path))
    assert server.paths == ["/robots.txt", "/", "/a.pdf?x"]
    assert server.asked[0].fields["user-agent"] == AGENT


async def test_robots_txt_is_asked_anew_after_a_day(fetcher: Make, clock: SleepClock) -> None:
    async with web_server({"/robots.txt": _robots(""), "/": PAGE}) as server:
        one = fetcher(server.address)
        for hours in (0, 20, 5):
            clock.seconds += hours * 3600
            await one.fetch(server.url())
    assert server.paths == ["/robots.txt", "/", "/", "/robots.txt", "/"]


@pytest.mark.parametrize("status", ["404 Not Found", "401 Unauthorized", "403 Forbidden", "410 Gone"])
async def test_without_robots_txt_all_is_allowed(fetcher: Make, status: str) -> None:
    async with web_server({"/robots.txt": _robots("User-agent: *\nDisallow: /", status), "/": PAGE}) as server:
        await fetcher(server.address).fetch(server.url())
    assert server.paths == ["/robots.txt", "/"]


async def test_a_broken_robots_txt_bars_all_for_an_hour(fetcher: Make, clock: SleepClock) -> None:
    broken: list[bytes | Behaviour] = [
        _robots("", "500 Internal Server Error"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"nonsense",
        answer(b"", "Content-Encoding: gzip, gzip"),
        answer(b"\x1f\x8b\x08", "Content-Encoding: gzip"),
        moved("/robots.txt"),
    ]
    for page in broken:
        async with web_server({"/robots.txt": page, "/": PAGE}) as server:
            one = fetcher(server.address)
            for minutes, asked in ((0, 1), (30, 1), (31, 2)):
                clock.seconds += 60 * minutes
                with pytest.raises(BadInput, match="page_robots"):
                    await one.fetch(server.url())
                assert server.paths == ["/robots.txt"] * asked


async def test_a_database_that_is_away_for_a_moment_bars_nobody(
    fetcher: Make, hosts: SeenHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL restarted while robots.txt was asked for: it is asked again, and not taken for one that bars all."""
    turn, away = hosts.turn, [True]

    def restarting(host: str, now: datetime, gap: timedelta, at_once: int = 2) -> float:
        if away and away.pop():
            raise Unavailable("store_unavailable")
        return turn(host, now, gap, at_once)

    monkeypatch.setattr(hosts, "turn", restarting)
    async with web_server({"/robots.txt": _robots(""), "/": PAGE}) as server:
        one = fetcher(server.address)
        with pytest.raises(Unavailable, match="store_unavailable"):
            await one.fetch(server.url())
        assert not hosts.files
        await one.fetch(server.url())
    assert server.paths == ["/robots.txt", "/"]


async def test_a_robots_txt_that_comes_too_slowly_bars_all(fetcher: Make) -> None:
    async def never(request: object, writer: object) -> None:
        await asyncio.sleep(60)

    async with web_server({"/robots.txt": never, "/": PAGE}) as server:
        with pytest.raises(BadInput, match="page_robots"):
            await fetcher(server.address, limits=Limits(robots_s=1.0, refusal_s=0)).fetch(server.url())
    assert server.paths == ["/robots.txt"]


async def test_a_server_that_is_busy_with_robots_txt_is_left_alone(fetcher: Make, hosts: SeenHosts) -> None:
    page = answer(b"", "Retry-After: 90", status="503 Service Unavailable")
    async with web_server({"/robots.txt": page, "/": PAGE}) as server:
        with pytest.raises(TooMany) as busy:
            await fetcher(server.address).fetch(server.url())
    assert busy.value.detail == {"seconds": 90}
    assert hosts.files == {}


async def test_a_redirected_robots_txt_counts_for_the_host_that_sent_us(fetcher: Make, hosts: SeenHosts) -> None:
    pages = {"/robots.txt": moved("/elsewhere"), "/elsewhere": _robots("User-agent: *\nDisallow: /"), "/": PAGE}
    async with web_server(pages) as server:
        with pytest.raises(BadInput, match="page_robots"):
            await fetcher(server.address).fetch(server.url())
    assert list(hosts.files) == [f"127.0.0.1:{server.port}"]


async def test_robots_txt_of_a_host_that_a_redirect_leads_to_is_asked_too(fetcher: Make) -> None:
    bars = {"/robots.txt": _robots("User-agent: *\nDisallow: /"), "/": PAGE}
    async with web_server(bars) as other, web_server({"/": moved(other.url())}) as server:
        with pytest.raises(BadInput, match="page_robots"):
            await fetcher(server.address, other.address).fetch(server.url())
    assert other.paths == ["/robots.txt"]


async def test_more_than_500_kb_of_robots_txt_is_cut(fetcher: Make, hosts: SeenHosts) -> None:
    rules = "User-agent: *\nDisallow: /x\n" + "#" * 2_000_000 + "\nDisallow: /\n"
    async with web_server({"/robots.txt": _robots(rules), "/": PAGE}) as server:
        await fetcher(server.address).fetch(server.url())
    assert len(hosts.files[f"127.0.0.1:{server.port}"]) == MOST


async def test_a_second_passes_between_two_requests(fetcher: Make, hosts: SeenHosts) -> None:
    async with web_server({"/": moved("/b"), "/b": PAGE}) as server:
        one = fetcher(server.address)
        await one.fetch(server.url())  # robots.txt, the redirect and the page are three requests
        await one.fetch(server.url("/b"))
    starts = hosts.starts["127.0.0.1"]
    assert [later - start for start, later in pairwise(starts)] == [timedelta(seconds=1)] * 3
    assert hosts.running["127.0.0.1"] == 0


async def test_their_crawl_delay_is_kept(fetcher: Make, hosts: SeenHosts, clock: SleepClock) -> None:
    for delay, waits in (("2.5", 2.5), ("0.1", 1.0), ("nan", 1.0), ("-5", 1.0)):
        hosts.starts.clear()
        clock.seconds += 10
        async with web_server({"/robots.txt": _robots(f"User-agent: *\nCrawl-delay: {delay}"), "/": PAGE}) as server:
            await fetcher(server.address).fetch(server.url())
        start, later = hosts.starts["127.0.0.1"]
        assert later - start == timedelta(seconds=waits)


async def test_a_long_delay_is_told_and_not_waited_for(fetcher: Make, clock: SleepClock) -> None:
    for delay, seconds in (("600", 600), ("1e300", 86_400)):
        rules = _robots(f"User-agent: *\nCrawl-delay: {delay}")
        async with web_server({"/robots.txt": rules, "/": PAGE}) as server:
            clock.seconds += 86_400
            with pytest.raises(TooMany) as busy:
                await fetcher(server.address).fetch(server.url())
        assert busy.value.detail == {"seconds": seconds}
        assert server.paths == ["/robots.txt"]


async def test_a_place_is_given_back_whatever_happens(fetcher: Make, hosts: SeenHosts) -> None:
    pages = {"/type": answer(b"", kind="image/png"), "/gone": answer(b"", status="410 Gone"), "/bad": b"nonsense"}
    async with web_server(pages) as server:
        one = fetcher(server.address)
        for path in (*pages, "/none"):
            with pytest.raises(ParleyError):
                await one.fetch(server.url(path))
    assert hosts.running["127.0.0.1"] == 0


async def test_two_at_once_and_no_more(fetcher: Make, hosts: SeenHosts, clock: SleepClock) -> None:
    for _ in range(2):
        assert hosts.turn("127.0.0.1", clock.now(), timedelta()) == 0.0
    async with web_server({"/": PAGE}) as server:
        limits = Limits(deadline_s=0.95, patience_s=0, refusal_s=0)  # less than the second that it would wait
        with pytest.raises(TooMany) as busy:
            await fetcher(server.address, limits=limits).fetch(server.url(), robots=False)
    assert busy.value.detail == {"seconds": 1}
    assert server.asked == []


async def test_a_host_that_does_not_answer_at_all_keeps_no_robots_txt(fetcher: Make, hosts: SeenHosts) -> None:
    async with web_server({}) as server:
        closed = server.address
    with pytest.raises(BadInput, match="url_refused"):
        await fetcher(closed).fetch(f"http://127.0.0.1:{closed[1]}/")
    assert hosts.files == {}


def test_our_group_is_found_and_others_cost_nothing() -> None:
    text = "User-agent: Other\nUser-agent: parleybot/2.0\nDisallow: /a\n\nUser agent Parley\nDisallow: /\n"
    rules = Rules(text, "ParleyBot")
    assert not rules.allow("https://x.example/a")
    assert rules.allow("https://x.example/b")
    # Half agents, half rules: rules for each agent would be two hundred million.
    agents, barred = ([f"{field}{n}" for n in range(15_000)] for field in ("User-agent: a", "Disallow: /"))
    flood = "\n".join([*agents, *barred])
    assert Rules(flood, "ParleyBot").allow("https://x.example/1")


def test_an_empty_agent_is_nobody() -> None:
    assert Rules("User-agent:\nDisallow: /\n", "ParleyBot").allow("https://x.example/")


@pytest.mark.parametrize("code", ["url_refused", "page_late"])
async def test_time_that_turns_take_is_granted_once(fetcher: Make, clock: SleepClock, code: str) -> None:
    """With a deadline of nearly nothing the turns alone do not end it; a server that keeps silent does."""

    async def slow(request: object, writer: object) -> None:
        await asyncio.sleep(60)

    async with web_server({"/": slow}) as server:
        limits = Limits(deadline_s=0.2 if code == "page_late" else 30.0, patience_s=0, refusal_s=0)
        url = server.url() if code == "page_late" else "http://nowhere.example/"
        with pytest.raises((Unavailable, BadInput), match=code):
            await fetcher(server.address, limits=limits).fetch(url, robots=False)
