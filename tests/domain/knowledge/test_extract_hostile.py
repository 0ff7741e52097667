"""Pages made to break the reader end with what is readable or with an error of the page; never otherwise."""

import random

import pytest

from domain.errors import BadInput
from domain.knowledge import extract
from domain.knowledge.model import Extracted
from domain.knowledge.ports import Fetched

HONEST = "<p>An honest sentence about the lighthouse stands on this page.</p>"


def read(body: str | bytes, kind: str = "text/html") -> Extracted | None:
    data = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    try:
        return extract.page(Fetched(url="https://example.com/", status=200, content_type=kind, charset="", body=data))
    except BadInput as wrong:
        if wrong.code in ("page_unreadable", "page_empty"):
            return None
        raise


@pytest.mark.parametrize(
    "body",
    [
        HONEST + "<div>" * 350_000,  # 1.7 MB
        HONEST + "<b><i>" * 30_000,
        "<div " + " ".join(f"a{n}=b" for n in range(100_000)) + f">{HONEST}</div>",
        f"<style>{'a{' * 100_000}</style>{HONEST}",
        f"<style>{'@media' * 100_000}</style>{HONEST}",
        f"<style>{'/*' * 100_000}</style>{HONEST}",
        f"<p style='{'a:b;' * 100_000}'>x</p>{HONEST}",
        f"<style>.a{{}}</style><p class='{'b ' * 100_000}'>x</p>{HONEST}",
        f"<script type='application/ld+json'>{'[' * 100_000}</script>{HONEST}",
        f"<p>x{' ' * 1_000_000}y</p>{HONEST}",
        f"<title>{'x' * 500_000}</title>{HONEST}",
        f"{HONEST}<table>" + "<tr><td>" * 500,
        f"<p><b><i></p></b>{HONEST}</i></span></div></html><html>",
        HONEST.replace("<p>", "<p>\x00\x01\x02"),
        HONEST + "\ud800\udfff",
        f"<?xml version='1.0' encoding='shift_jis'?><html xmlns='http://www.w3.org/1999/xhtml'><body>{HONEST}</body></html>",
        f"<!DOCTYPE html [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><html><body>&x;{HONEST}</body></html>",
        f"<frameset><frame src=x></frameset>{HONEST}",
    ],
    ids=range(18),
)  # fmt: skip
def test_what_is_honest_is_still_read(body: str) -> None:
    found = read(body)
    assert found is not None
    assert "honest sentence about the lighthouse" in found.text
    assert "root:" not in found.text
    found.text.encode("utf-8")
    assert "\0" not in found.text


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\0" * 10_000, b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, random.Random(1).randbytes(200_000),
        b"PK\x03\x04" + random.Random(2).randbytes(5_000), b"<" * 100_000, b"<!--" * 50_000, b"&" * 100_000,
        b"]]>" * 1_000,
        b"\xff\xfe" + b"\xd8\x00" * 1_000, b"\xff\xfe", b"%PDF-", b"<html>" * 50_000, b"\x1f\x8b" + bytes(2_000),
    ],
    ids=range(14),
)  # fmt: skip
@pytest.mark.parametrize("kind", ["text/html", "text/plain", "text/markdown", "application/pdf"])
def test_rubbish_ends_cleanly(body: bytes, kind: str) -> None:
    found = read(body, kind)
    assert found is None or "\0" not in found.text


@pytest.mark.parametrize(
    "piece", ["[(", "**", "`", "![a](", "<a ", "_ ", "> ", "| ", "- ", "#", "\n \n", "~~~\n", "[a]: "]
)
def test_markdown_made_to_backtrack_is_read_in_time(piece: str) -> None:
    read(piece * 20_000, "text/markdown")


def test_a_text_without_an_end_is_cut() -> None:
    found = read("a" * 1_500_000, "text/plain")
    assert found is not None
    assert len(found.text) == 1_000_000


def test_random_edits_of_a_page_never_raise_anything_else() -> None:
    made = random.Random(7)
    whole = f"<html lang=en><head><title>T</title></head><body>{HONEST * 5}<ul><li>x</ul></body></html>".encode()
    for _ in range(60):
        body = bytearray(whole)
        for _ in range(12):
            at = made.randrange(len(body))
            body[at : at + made.randrange(6)] = made.choice(
                [b"<", b">", b"&#", b"\0", b"\xff", b"<!--", b"='", b"</", b"<table>"]
            )
        read(bytes(body))
