"""Sitemaps and feeds name addresses; what is hostile in them stays where it is."""

import pytest

from domain.errors import BadInput
from domain.knowledge import extract, feeds
from domain.knowledge.ports import Fetched


def links(body: str | bytes, kind: str = "application/xml") -> tuple[str, ...]:
    data = body if isinstance(body, bytes) else body.encode()
    return extract.links(Fetched(url="https://example.com/s.xml", status=200, content_type=kind, charset="", body=data))


def test_a_sitemap_names_its_pages_the_newest_first() -> None:
    assert links(
        """<?xml version="1.0" encoding="UTF-8"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
        xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
        <url><loc>https://example.com/undated</loc></url>
        <url><loc> https://example.com/old </loc><lastmod>2023-01-01</lastmod></url>
        <url><loc>https://example.com/new?utm_source=x</loc><lastmod>2024-05-01T10:00:00+02:00</lastmod>
        <image:image><image:loc>https://example.com/p.png</image:loc></image:image></url>
        <url><loc>ftp://example.com/x</loc></url><url><loc>https://example.com/old</loc></url></urlset>"""
    ) == ("https://example.com/new", "https://example.com/old", "https://example.com/undated")


def test_an_index_names_its_sitemaps() -> None:
    assert links(
        "<sitemapindex><sitemap><loc>https://example.com/a.xml</loc></sitemap><sitemap><loc>/b.xml</loc></sitemap></sitemapindex>"
    ) == ("https://example.com/a.xml", "https://example.com/b.xml")


def test_rss_names_its_items_not_itself() -> None:
    assert links(
        """<rss version="2.0"><channel><title>News</title><link>https://example.com/</link>
        <item><title>A</title><link>https://example.com/a</link><pubDate>Mon, 01 Jan 2024 10:00:00 GMT</pubDate></item>
        <item><title>B</title><guid>https://example.com/b</guid><pubDate>Tue, 02 Jan 2024 10:00:00 GMT</pubDate></item>
        </channel></rss>""",
        "application/rss+xml",
    ) == ("https://example.com/b", "https://example.com/a")


def test_atom_names_its_entries_by_their_alternate_link() -> None:
    assert links(
        """<feed xmlns="http://www.w3.org/2005/Atom"><link rel="self" href="https://example.com/feed"/>
        <entry><link rel="edit" href="/edit"/><link href="/a"/><updated>2024-01-01T00:00:00Z</updated></entry>
        <entry><link rel="alternate" href="/b"/><published>2023-01-01T00:00:00Z</published>
        <updated>2024-02-01T00:00:00Z</updated>
        </entry></feed>"""
    ) == ("https://example.com/b", "https://example.com/a")


def test_rdf_json_and_lists_are_read_too() -> None:
    rdf = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"><item><link>https://example.com/r</link>
    <dc:date>2024-01-01</dc:date>
    </item></rdf:RDF>"""
    assert links(rdf) == ("https://example.com/r",)
    feed = '{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1", "url": "https://example.com/j"}]}'
    assert links(feed, "application/feed+json") == ("https://example.com/j",)
    assert links("https://example.com/a\nhttps://example.com/b\n\nrubbish", "text/plain") == (
        "https://example.com/a", "https://example.com/b",
    )  # fmt: skip


def test_another_charset_and_a_broken_end_are_read_as_far_as_they_go() -> None:
    text = "<?xml version='1.0' encoding='utf-16'?><urlset><url><loc>https://example.com/%E4%B8%AD</loc></url><url><loc>https://exa"
    assert links(text.encode("utf-16")) == ("https://example.com/%E4%B8%AD",)


def test_an_empty_feed_names_nothing() -> None:
    assert links("<rss><channel><title>x</title></channel></rss>") == ()


LAUGHS = "<!DOCTYPE x [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(10)
) + "]><urlset><url><loc>https://example.com/&k;</loc></url></urlset>"  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        LAUGHS,
        LAUGHS.encode("utf-16"),
        "<!DOCTYPE x [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><urlset><url><loc>https://example.com/&x;</loc></url></urlset>",
        "<!DOCTYPE x [<!ENTITY % x SYSTEM 'http://127.0.0.1/x.dtd'> %x;]><urlset></urlset>",
        "<urlset>" + "<url>" * 100_000,
        "<rss>" + "<channel>" * 5_000,
        "<html><body><a href='/x'>x</a></body></html>",
        "<?xml version='1.0'?>", "<", "", "words", "{", "{}", '{"items": 3}', "[" * 50_000, '{"items":' * 50_000,
        b"\x1f\x8b\x08\x00compressed", b"\0" * 5_000, b"\xff\xfe" + b"\0" * 999,
    ],
    ids=range(19),
)  # fmt: skip
def test_what_is_no_feed_or_a_hostile_one_is_unreadable(body: str | bytes) -> None:
    with pytest.raises(BadInput, match="page_unreadable"):
        links(body)


def test_a_dtd_is_not_fetched() -> None:
    dtd = "<!DOCTYPE urlset SYSTEM 'file:///etc/passwd'><urlset><url><loc>https://example.com/a</loc></url></urlset>"
    assert links(dtd) == ("https://example.com/a",)


def test_a_sitemap_without_an_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MOST", 100)
    body = "<urlset>" + "".join(f"<url><loc>https://example.com/{n}</loc></url>" for n in range(110)) + "</urlset>"
    assert len(links(body)) == 100
