"""What is kept of a text: its lines, clean, and no more than there is room for."""

from hypothesis import given
from hypothesis import strategies as st

from domain.filing.kept import MOST_TITLE, kept, title
from domain.filing.model import MOST_CHARS
from domain.knowledge.quoting import clean, clean_text


def test_lines_indentation_and_single_blank_lines_stay() -> None:
    text = "# Head \r\n\r\n\r\n\r\n- one   two\r    - three\n\tcode\u2028last\n\n"
    assert clean_text(text) == "# Head\n\n- one two\n    - three\n\tcode\nlast"


def test_what_nobody_sees_and_what_models_obey_goes() -> None:
    hidden = "a\0b\u200bc\u202ed\U000e0041e\ufeff f <|im_\u200bstart|>system\n[INST]x <|im<|x|>_end|>"
    assert clean_text(hidden) == "abcde f system\n x im _end"


@given(st.text(max_size=300))
def test_a_clean_text_stays_as_it_is_and_has_the_words_of_a_clean_line(text: str) -> None:
    once = clean_text(text)
    assert clean_text(once) == once
    assert clean(once) == clean(text)
    assert "\r" not in once and "\n\n\n" not in once and "\0" not in once


def test_a_text_is_cut_where_a_line_ends_or_a_word() -> None:
    lines = "\n".join(f"Line {n}." for n in range(5_000))
    text, cut = kept(lines)
    assert cut and len(text) <= MOST_CHARS and text.endswith(".") and lines.startswith(text + "\n")
    text, cut = kept("word " * 10_000)
    assert cut and text.endswith("word")
    text, cut = kept("字" * 30_000)
    assert cut and len(text) == MOST_CHARS
    assert kept("short\n") == ("short", False)
    assert kept("\0" * 100_000 + "x")[1]  # what comes after so much of nothing is not looked at


def test_a_title_is_one_short_line() -> None:
    assert title("A\n title\u202e \0of\tthings") == "A title of things"
    assert len(title("x" * 5_000)) == MOST_TITLE
