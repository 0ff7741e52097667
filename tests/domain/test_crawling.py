from datetime import UTC, datetime, timedelta

from domain.crawling import Source, due, tell

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_source_is_due_once_its_time_has_passed_and_the_longest_waiting_goes_first() -> None:
    never = Source("https://never.example", HOUR)
    long_ago = Source("https://long.example", HOUR, NOW - 9 * HOUR)
    just = Source("https://just.example", HOUR, NOW - HOUR)
    fresh = Source("https://fresh.example", HOUR, NOW - HOUR + timedelta(seconds=1))
    assert due([just, fresh, long_ago, never], NOW) == [never, long_ago, just]


def test_a_crawl_tells_what_it_would_do() -> None:
    assert tell((), NOW) == "no sources yet, nothing to crawl"
    assert tell([Source("https://a.example", HOUR), Source("https://b.example", HOUR, NOW)], NOW) == (
        "1 of 2 sources are due"
    )
