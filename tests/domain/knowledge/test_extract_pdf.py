"""PDF files are read page by page."""

from datetime import UTC, datetime

import pytest

from domain.errors import BadInput
from domain.knowledge import extract
from domain.knowledge.extract_pdf import date, paragraphs
from domain.knowledge.model import Extracted
from domain.knowledge.ports import Fetched
from tests.domain.knowledge.pdfs import pdf

ROWS = [
    "The harbour museum keeps three hundred models of ships that once", "sailed from here, and a light-",
    "house to climb.", "Tickets are sold at the pier, for eight crowns each, to whoever asks",
    "before the last boat has left for the islands in the evening.",
]  # fmt: skip

LOCK = f"/O({'o' * 32})/U({'u' * 32})"


def read(body: bytes, kind: str = "application/pdf") -> Extracted:
    return extract.page(Fetched(url="https://example.com/a.pdf", status=200, content_type=kind, charset="", body=body))


def test_lines_are_joined_to_paragraphs_under_their_page() -> None:
    found = read(pdf(ROWS, ["Second page."], info="/Title(Harbour)/CreationDate(D:20240131120000+01'00')"))
    assert [(section.heading, section.text) for section in found.sections] == [
        ("p. 1", f"{ROWS[0]} sailed from here, and a lighthouse to climb."),
        ("p. 1", f"{ROWS[3]} {ROWS[4]}"),
        ("p. 2", "Second page."),
    ]
    assert (found.title, found.language, found.site) == ("Harbour", "en", "example.com")
    assert found.published == datetime(2024, 1, 31, 11, tzinfo=UTC)


def test_a_pdf_is_one_whatever_the_server_calls_it() -> None:
    assert read(pdf(["Words of a file."]), "text/html").text == "Words of a file."


def test_what_stands_at_the_edge_of_every_page_is_left_out() -> None:
    pages = [
        ["Harbour report 2024", f"Body number {word} says one thing.", f"Page {n}"] for n, word in enumerate("abcdef")
    ]
    found = read(pdf(*pages)).text
    assert "Body number c says" in found
    assert "Harbour report" not in found and "Page" not in found


@pytest.mark.parametrize(
    "body",
    [
        b"%PDF-1.7\n", b"%PDF-1.4\n" + bytes(range(256)) * 50, pdf(["x"])[:300], b"",
        pdf(["Locked."], trailer=f"/Encrypt<</Filter/Standard/V 2/R 3/Length 128/P -4{LOCK}>>/ID[(a)(a)]"),
    ],
    ids=["head", "junk", "half", "nothing", "locked"],
)  # fmt: skip
def test_what_is_broken_or_locked_is_unreadable(body: bytes) -> None:
    with pytest.raises(BadInput, match="page_unreadable"):
        read(body)


def test_a_pdf_of_pictures_is_empty() -> None:
    with pytest.raises(BadInput, match="page_empty"):
        read(pdf([]))


@pytest.mark.parametrize(
    ("said", "when"),
    [
        ("D:2024", datetime(2024, 1, 1, tzinfo=UTC)), ("D:20240229235959Z",
        datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
        ("D:20240101000000-08'00'", datetime(2024, 1, 1, 8, tzinfo=UTC)), ("D:20249999", None), ("yesterday", None),
        ("", None),
    ],
)  # fmt: skip
def test_dates_of_pdf(said: str, when: datetime | None) -> None:
    assert date(said) == when


def test_chinese_lines_are_joined_without_a_space() -> None:
    rows = ["港口博物馆每天上午九点开放，下午", "四点半以后停止入场。"]
    assert paragraphs(rows) == ["".join(rows)]
