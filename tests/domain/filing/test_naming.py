"""What a name may do: be shown. Nothing else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.filing.naming import MOST_BYTES, MOST_CHARS, cleaned, key_of, kind_of, new_file_id


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("report.pdf", "report.pdf"),
        ("信.docx", "信.docx"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\win.ini", "win.ini"),
        ("/", "file"),
        ("", "file"),
        (".", "file"),
        ("..", "file"),
        (" .. ", "file"),
        (".htaccess", "htaccess"),
        ("a\0b.txt", "ab.txt"),
        ("a\r\nSet-Cookie: x.txt", "a Set-Cookie_ x.txt"),
        ("holiday\u202egnp.exe", "holidaygnp.exe"),  # was shown as holidayexe.png
        ("in\u200bvisible\ufeff.txt", "invisible.txt"),
        ("half \ud800.txt", "half.txt"),
        ("con.txt", "_con.txt"),
        ("LPT1", "_LPT1"),
        ("console.txt", "console.txt"),
        ('a<b>:"|?*.txt', "a_b______.txt"),
        ("many     spaces.txt", "many spaces.txt"),
        ("trailing. ", "trailing"),
        ("e\u0301.txt", "\u00e9.txt"),
    ],
)
def test_a_name_keeps_what_is_to_be_seen_of_it(sent: str, kept: str) -> None:
    assert cleaned(sent) == kept


def test_long_names_keep_their_end() -> None:
    long = cleaned("x" * 3_000 + ".pdf")
    assert (len(long), long[-5:]) == (MOST_CHARS, "x.pdf")
    wide = cleaned("信" * 300 + ".pdf")
    assert len(wide.encode()) <= MOST_BYTES
    assert wide.endswith("信.pdf")


@given(st.text(alphabet=st.characters(exclude_categories=[]), max_size=300))
def test_no_name_gets_out_of_its_place(sent: str) -> None:
    name = cleaned(sent)
    assert name == cleaned(name)
    assert 0 < len(name) <= MOST_CHARS
    assert len(name.encode()) <= MOST_BYTES
    assert not re.search(r"[\x00-\x1f\x7f/\\:\u202a-\u202e\u2066-\u2069]", name)
    assert name not in (".", "..")
    assert name == name.strip()


def test_keys_are_made_of_ids_and_ids_of_chance() -> None:
    ids = {new_file_id() for _ in range(1_000)}
    assert len(ids) == 1_000
    assert all(re.fullmatch(r"[a-z2-7]{2}/[a-z2-7]{20}", key_of(each)) for each in ids)


def test_what_stands_behind_the_last_dot_is_a_hint() -> None:
    assert [kind_of(name) for name in ("a.PDF", "a.tar.gz", "README", "a.")] == ["pdf", "gz", "", ""]
