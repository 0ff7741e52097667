"""A site on loopback, and a fetcher that may ask it: everything else is as in the program."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from domain.knowledge.ports import Hosts
from infra.asking import Limits
from infra.clock import SystemClock
from infra.fetch import SafeFetcher
from tests.fakes_web import answer

PATIENT = Limits(deadline_s=60.0, robots_s=30.0, resolve_s=30.0, connect_s=30.0)  # with a busy machine
TOPICS = (
    "ferry harbour regatta", "rye bread linen", "lighthouse keeper lamp", "beeswax polish cloth", "choir piano school",
    "goats bicycle postman", "salt herring barrel", "glass kiln sand", "orchard graft cider", "slate roof quarry",
)  # fmt: skip


class Hasty(Hosts):
    """Without politeness: a bench and a test of one machine have nobody to be polite to."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts

    def robots(self, host: str, now: datetime) -> tuple[str, bool] | None:
        return self._hosts.robots(host, now)

    def keep_robots(self, host: str, body: str, barred: bool, now: datetime) -> None:
        self._hosts.keep_robots(host, body, barred, now)

    def turn(self, host: str, now: datetime, gap: timedelta, at_once: int = 2) -> float:
        return 0.0

    def purge(self, before: datetime) -> int:
        return self._hosts.purge(before)

    def leave(self, host: str, now: datetime, pause: timedelta = timedelta()) -> None:
        return


def fetching(port: int, hosts: Hosts) -> SafeFetcher:
    trusted = frozenset({("127.0.0.1", port)})
    return SafeFetcher(Hasty(hosts), SystemClock(), "ParleyBot/1.0", trusted=trusted, limits=PATIENT)


def paragraphs(number: int, count: int = 4) -> list[str]:
    """Return text of which no two numbers have much in common."""
    first, second, third = TOPICS[number % len(TOPICS)].split()
    return [
        f"In the year {1700 + 7 * number + part} the {first} of parish {number * 31 + part} was told about by "
        f"{number + 3} people who had seen the {second}, and by {part + 2} who had not; the clerk wrote down that "
        f"{third} number {number} cost {number * 13 % 97} crowns and {part} pence, which the {first} paid late."
        for part in range(count)
    ]


def page(number: int, count: int = 4, links: Sequence[str] = ()) -> bytes:
    said = "".join(f"<p>{text}</p>" for text in paragraphs(number, count))
    more = "".join(f'<li><a href="{link}">{link}</a></li>' for link in links)
    return (
        f"<!doctype html><html lang=en><head><title>Parish record {number}</title></head><body><nav>Home</nav>"
        f"<main><article><h1>Parish record {number}</h1>{said}</article></main><ul>{more}</ul></body></html>"
    ).encode()


def site(count: int) -> dict[str, bytes]:
    """Return what a server of so many pages answers, by path; its sitemap names them all."""
    named = "".join(f"<url><loc>/p{number}</loc></url>" for number in range(count))
    sitemap = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{named}</urlset>'.encode()
    pages = {f"/p{number}": answer(page(number), f'ETag: "{number}"') for number in range(count)}
    front = answer(page(count, links=list(pages)[:5]))
    return {"/": front, "/sitemap.xml": answer(sitemap, kind="application/xml"), **pages}
