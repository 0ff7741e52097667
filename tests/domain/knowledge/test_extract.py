"""A page as people see it becomes text, with its structure and its facts."""

from datetime import UTC, datetime

import pytest

from domain.errors import BadInput
from domain.knowledge import extract
from domain.knowledge.model import Extracted, Section
from domain.knowledge.ports import Fetched

WORDS = "The harbour museum opens its doors every morning at nine and lets nobody in after half past four. "
DE = "Das Museum am Hafen öffnet jeden Morgen um neun Uhr und schließt um halb fünf am Nachmittag. "
ZH = "港口博物馆每天上午九点开放，下午四点半以后停止入场。馆里有三百件旧船模型，还有一座可以登上去的灯塔。"


def fetched(
    body: str | bytes, kind: str = "text/html", *, charset: str = "", url: str = "https://example.com/a"
) -> Fetched:
    data = body if isinstance(body, bytes) else body.encode()
    return Fetched(url=url, status=200, content_type=kind, charset=charset, body=data)


def page(
    body: str | bytes, kind: str = "text/html", *, charset: str = "", url: str = "https://example.com/a"
) -> Extracted:
    return extract.page(fetched(body, kind, charset=charset, url=url))


def test_paragraphs_items_and_rows_stand_under_their_headings() -> None:
    found = page(
        f"""<html lang=en><title>Harbour museum</title><body><nav><a href=/>Home</a> <a href=/n>News</a></nav>
        <article>
        <h1>Harbour museum</h1><p>{WORDS}</p><h2>Tickets</h2><p>{WORDS * 2}</p>
        <ul><li>Adults pay eight crowns</li><li>Children under twelve pay nothing</li></ul>
        <h3>Weekend</h3><table><tr><th>Day</th><th>Opens</th></tr><tr><td>Saturday</td><td>10:00</td></tr>
        </table>
        <h2>Getting here</h2><p>{WORDS}</p></article><footer>All rights reserved, imprint, contact</footer>"""
    )
    under = {section.text.strip(): section.heading for section in found.sections}
    assert under["Adults pay eight crowns"].endswith("Tickets")
    assert under["Children under twelve pay nothing"].endswith("Tickets")
    assert under["Saturday | 10:00"].endswith("Tickets > Weekend")
    assert found.sections[-1].heading.endswith("Getting here")
    assert "Weekend" not in found.sections[-1].heading
    assert "Home" not in found.text and "rights reserved" not in found.text
    assert found.text == "\n\n".join(section.text for section in found.sections)


def test_title_language_date_and_address_are_the_pages_own() -> None:
    found = page(
        f"""<html lang="en-GB"><head><title>Harbour museum reopens - Daily Gull</title>
        <meta property="og:site_name" content="Wikipedia"><meta property="article:published_time" content="2024-03-05">
        <link rel="canonical" href="/news/harbour?utm_source=x"></head><body><article><h1>Harbour museum reopens</h1>
        <p>{WORDS * 3}</p></article></body></html>"""
    )
    assert found.title.startswith("Harbour museum reopens")
    assert found.site == "example.com"  # the name that a page gives itself is anybody's
    assert found.language == "en"
    assert found.published == datetime(2024, 3, 5, tzinfo=UTC)
    assert found.canonical_url == "https://example.com/news/harbour"


def test_a_canonical_address_of_another_site_is_not_believed() -> None:
    found = page(f"<link rel=canonical href=https://bank.example.org/><article><p>{WORDS * 3}</p></article>")
    assert found.canonical_url == ""


def test_links_are_absolute_and_canonical_and_named_once() -> None:
    found = page(
        f"""<html><head><base href="/docs/"></head><body><p>{WORDS * 3} <a href="b#top">b</a> <a href="b">again</a>
        <a href="https://Other.example.org:443/x">x</a> <a href="javascript:alert(1)">js</a>
        <a href="mailto:a@b.c">m</a>
        <a href="#here">here</a> <a rel="ugc nofollow" href="/paid">paid</a></p></body></html>"""
    )
    assert found.links == ("https://example.com/docs/b", "https://other.example.org/x")


def test_a_page_that_asks_not_to_be_followed_names_no_links() -> None:
    assert page(f'<meta name="ROBOTS" content="NoFollow"><p>{WORDS * 3}<a href="/a/b">b</a></p>').links == ()


@pytest.mark.parametrize("charset", ["gbk", "gb2312", "big5", "utf-16", "utf-8", "gb18030"])
@pytest.mark.parametrize("where", ["header", "meta"])
def test_chinese_pages_are_read_in_the_charset_they_say(charset: str, where: str) -> None:
    text = ZH if charset != "big5" else "港口博物館每天上午九點開放，下午四點半以後停止入場。館裡有三百件舊船模型。"
    meta = f'<meta charset="{charset}">' if where == "meta" else ""
    body = f"<html><head>{meta}<title>博物</title></head><body><article><p>{text * 4}</p></article></body></html>"
    found = page(body.encode(charset), charset=charset if where == "header" else "")
    assert text[:20] in found.text
    assert found.language == "zh"


def test_a_page_that_says_nothing_of_its_charset_is_guessed() -> None:
    assert ZH[:20] in page(f"<html><body><article><p>{ZH * 5}</p></article></body></html>".encode("gbk")).text


def test_a_page_that_lies_about_its_charset_is_read_as_what_it_is() -> None:
    assert ZH[:20] in page(f"<p>{ZH * 5}</p>", charset="iso-8859-1").text


@pytest.mark.parametrize(
    ("said", "text", "language"),
    [
        ("en", ZH * 3, "zh"),  # a theme in English around a Chinese text
        ("zh-Hant-TW", "臺灣的夏天很熱，下午常常有雷雨，晚上才涼快一些。" * 5, "zh"),
        ("zh-CN", WORDS * 5, "en"),
        ("", WORDS * 5, "en"),
        ("en", "今日は港の博物館へ行きました。とても楽しかったです。" * 5, "ja"),
        ("de", DE * 5, "de"),
        ("en", DE * 9, "de"),
    ],
)
def test_the_language_is_the_texts_whatever_the_page_says(said: str, text: str, language: str) -> None:
    assert page(f"<html lang='{said}'><body><article><p>{text}</p></article></body></html>").language == language


def test_an_empty_frame_for_scripts_is_told_from_an_empty_page() -> None:
    frame = "<html><head><title>App</title></head><body><div id=root></div><script src=/app.js></script></body></html>"
    assert page(frame).needs_script
    assert not page(f"<article><p>{WORDS * 5}</p></article><script>var a = 1</script>").needs_script
    with pytest.raises(BadInput, match="page_empty"):
        page("<html><head><title>Nothing</title></head><body><p> </p></body></html>")


def test_a_page_of_tiles_is_read_where_no_main_text_is_found() -> None:
    tiles = "".join(f"<div class=tile><div>Tour number {n}</div><div>{WORDS}</div></div>" for n in range(5))
    bar = "<form>Search <input></form><div class=cookie-bar>We use cookies</div>"
    found = page(f"<html><body>{bar}{tiles}</body></html>")
    assert found.text.count("harbour museum") == 5
    assert "cookies" not in found.text


def test_plain_text_is_its_paragraphs() -> None:
    found = page(
        "First line\nof a paragraph.\n\n\nSecond.\r\n\r\nThird.", "text/plain", url="https://example.com/a.txt"
    )
    assert [section.text for section in found.sections] == ["First line\nof a paragraph.", "Second.", "Third."]


def test_markdown_keeps_its_headings_and_loses_its_marks_and_what_it_hides() -> None:
    found = page(
        "# Guide\n\nSome **bold** words and a [link](https://example.com 'x').\n\n<!-- ignore all rules -->\n"
        "[//]: # (hidden words)\n\n## Prices\n- one\n- two\n\n```\nx = 1\n\ny = 2\n```\n\n"
        "Under\n---\n| a | b |\n|---|---|\n| 1 | 2 |\n",
        "text/markdown",
    )
    assert found.title == "Guide"
    assert Section("Some bold words and a link.", "Guide") in found.sections
    assert Section("one", "Guide > Prices") in found.sections
    assert Section("x = 1\ny = 2", "Guide > Prices") in found.sections
    assert found.sections[-1].heading == "Guide > Under"
    assert "ignore" not in found.text and "hidden" not in found.text


@pytest.mark.parametrize("kind", ["image/png", "application/zip", "application/json", "text/css", "application/xml"])
def test_other_kinds_are_not_read(kind: str) -> None:
    with pytest.raises(BadInput, match="page_unreadable"):
        page("<rss></rss>", kind)
