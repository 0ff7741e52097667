"""One form for each address, and what a source takes."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.knowledge.model import Shelf, Source
from domain.knowledge.urls import MAX_URL, allowed, canonical, host_of, key, matches, parse, site_of

NOW = datetime(2026, 1, 5, tzinfo=UTC)

FORMS = {
    "HTTP://Example.COM": "http://example.com/",
    "https://example.com:443/a": "https://example.com/a",
    "http://example.com:8080/": "http://example.com:8080/",
    "https://example.com./a": "https://example.com/a",
    "https://example.com/a/./b/../c//d/": "https://example.com/a/c//d/",
    "https://example.com/a/%2e%2E/b": "https://example.com/b",
    "https://example.com/%7euser/%e4%bd%a0": "https://example.com/~user/%E4%BD%A0",
    "https://example.com/你好?问=答": "https://example.com/%E4%BD%A0%E5%A5%BD?%E9%97%AE=%E7%AD%94",
    "https://bücher.example/": "https://xn--bcher-kva.example/",
    "https://中国。example/": "https://xn--fiqs8s.example/",
    "https://example.com/#top": "https://example.com/",
    "https://example.com/?": "https://example.com/",
    "https://example.com/?b=2&a=1&&b=1": "https://example.com/?a=1&b=2&b=1",
    "https://example.com/?utm_source=x&id=7&gclid=1&FBCLID=2&spm=a.b": "https://example.com/?id=7",
    "https://example.com/?utm%5Fsource=x&utmost=1": "https://example.com/?utmost=1",
    "https://example.com/?utm_source=x#:~:text=a": "https://example.com/",
    "  https://example.com/a b \n": "https://example.com/a%20b",
    "http://0x7f.1/": "http://127.0.0.1/",
    "http://[2001:DB8::0:1]:80/": "http://[2001:db8::1]/",
    "http:\\\\example.com\\a": "http://example.com/a",
}


@pytest.mark.parametrize(("url", "form"), FORMS.items())
def test_an_address_has_one_form(url: str, form: str) -> None:
    assert canonical(url) == form
    assert canonical(form) == form


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "/a",
        "ftp://example.com/",
        "javascript:alert(1)",
        "data:text/html,x",
        "mailto:a@example.com",
        "http://",
        "http://user@example.com/",
        "http://:secret@example.com/",
        "http://exa mple.com/",
        "http://exa\tmple.com/",
        "http://example.com/\x00",
        "http://example.com/\x85",
        "http://example.com:65536/",
        "http://a..example/",
        "http://.example/",
        "http://a;b.example/",
        "http://exa%00mple.com/",
        "http://1.2.3.4.5/",
        "http://[fe80::1%25eth0]/",
        "http://\ud800.example/",
        f"http://{'a' * 64}.example/",
        f"http://{'a.' * 130}example/",
        f"http://example.com/{'a' * MAX_URL}",
        f"http://example.com/{'你' * 400}",  # longer once it is escaped
    ],
)
def test_what_is_no_address_of_a_page_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="url_bad"):
        canonical(url)


def test_a_link_is_read_from_its_page() -> None:
    base = "https://example.com/a/b?c=d"
    assert canonical("../x#y", base) == "https://example.com/x"
    assert canonical("?q=1", base) == "https://example.com/a/b?q=1"
    assert canonical("//other.example/z", base) == "https://other.example/z"
    with pytest.raises(BadInput, match="url_bad"):
        canonical("mailto:a@example.com", base)


@given(
    st.builds(
        "{}://{}{}/{}?{}#{}".format,
        st.sampled_from(["http", "https", "HTTP"]),
        st.sampled_from(["example.com", "EXAMPLE.com.", "bücher.example", "10.1", "[::1]", "中国.example"]),
        st.sampled_from(["", ":80", ":443", ":8080"]),
        st.text(max_size=40),
        st.text(alphabet=st.sampled_from("ab=&%25eE41utm_+;?/.~ 你"), max_size=40),
        st.text(max_size=5),
    )
)
def test_the_form_of_a_form_is_itself(url: str) -> None:
    try:
        form = canonical(url)
    except BadInput:
        return
    assert canonical(form) == form
    assert form.isascii()
    assert parse(form).url == form


@given(st.text(max_size=60), st.sampled_from(["", "https://example.com/a/"]))
def test_whatever_people_paste_has_one_form_or_is_refused(text: str, base: str) -> None:
    try:
        form = canonical(text, base)
    except BadInput:  # and nothing else
        return
    assert canonical(form) == form


@given(st.permutations(["a=1", "b=2", "c", "utm_id=9", "d=%e4"]))
def test_the_order_of_a_query_does_not_matter(pairs: list[str]) -> None:
    assert canonical(f"https://example.com/?{'&'.join(pairs)}") == "https://example.com/?a=1&b=2&c&d=%E4"


def test_hosts_sites_and_keys() -> None:
    assert host_of("https://WWW.Example.com:8443/a") == "www.example.com"
    assert host_of("http://[::1]/") == "::1"
    assert site_of("https://www.example.com/a") == "example.com"
    assert site_of("https://docs.example.com/") == "docs.example.com"
    assert site_of("https://www.com/") == "www.com"
    assert key("https://example.com/") == "0f115db062b7c0dd030b16878c99dea5c354b49dc37b38eb8846179c7783e9d7"


def _source(**more: Any) -> Source:
    plain: dict[str, Any] = {"kind": "site", "url": "https://example.com/docs/"}
    return Source(id="s", shelf=Shelf("u"), created_at=NOW, next_at=NOW, **{**plain, **more})


def test_a_site_takes_what_is_on_its_host() -> None:
    site = _source()
    for url in ("https://example.com/", "http://www.example.com/x?y", "https://example.com/docs/a"):
        assert allowed(url, site)
    for url in (
        "https://docs.example.com/",
        "https://example.com.evil.example/",
        "https://evil.example/?https://example.com/",
        "https://example.com@evil.example/",
        "https://example.com:8443/",
        "ftp://example.com/",
        "nonsense",
    ):
        assert not allowed(url, site)


def test_patterns_say_which_paths_and_no_beats_yes() -> None:
    site = _source(include=("/docs/*", "/文档/*"), exclude=("*/old/*", "*.pdf", "/docs/*?print=*"))
    for path in ("/docs/", "/docs/a/b", "/文档/一", "/docs/a?x=1"):
        assert allowed(f"https://example.com{path}", site)
    for path in ("/", "/docs", "/blog/docs/", "/docs/old/a", "/docs/a.pdf", "/docs/a?print=1"):
        assert not allowed(f"https://example.com{path}", site)


def test_a_page_takes_itself_and_a_feed_what_it_names() -> None:
    page = _source(kind="page", url="https://example.com/a?b=1")
    assert allowed("https://example.com/a?utm_source=x&b=1#c", page)
    assert not allowed("https://example.com/a", page)
    feed = _source(kind="feed", exclude=("/ads/*",))
    assert allowed("https://elsewhere.example/story", feed)
    assert not allowed("https://elsewhere.example/ads/1", feed)


@given(st.text(alphabet="ab/*", max_size=12), st.text(alphabet="ab/", max_size=12))
def test_patterns_match_as_a_regular_expression_would(pattern: str, path: str) -> None:
    import re

    address = parse(f"https://example.com/{path}")
    expected = re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), address.path) is not None
    assert matches(pattern, address) is expected


def test_a_pattern_of_many_stars_is_no_trap() -> None:
    address = parse("https://example.com/" + "a" * 2_000)
    assert not matches("/" + "*a" * 1_000 + "*b", address)
