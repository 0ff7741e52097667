"""Chunks: whole sentences under one heading, nothing lost, the same each time."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.knowledge import chunks
from domain.knowledge.model import Chunk, Section
from domain.knowledge.sentence_ends import spans

SENTENCE = "The harbour museum opens its doors every morning at nine and lets nobody in after half past four. "
ZH = "港口博物馆每天上午九点开放，下午四点半以后停止入场。馆里有三百件旧船模型！还有一座可以登上去的灯塔？"

letters = st.text(st.sampled_from('ab c.d! ?\n。，港口、；"”) 3,Mr.'), max_size=1500)
words = st.lists(
    st.sampled_from(["harbour", "Dr.", "opens.", "3.5", "now!", "博物馆。", "，", "a" * 60]), max_size=200
).map(" ".join)
section = st.builds(Section, st.one_of(letters, words), st.sampled_from(["", "A", "A > B", "C"]))


def cut(*sections: Section, language: str = "") -> list[Chunk]:
    return chunks.cut("page", 1, "Title", sections, language)


@settings(max_examples=120, deadline=None)
@given(st.lists(section, max_size=8), st.sampled_from(["en", "zh", ""]))
def test_nothing_is_lost_offsets_are_right_and_limits_are_kept(sections: list[Section], language: str) -> None:
    found = chunks.cut("page", 3, "Title", sections, language)
    text = chunks.text_of(sections)
    covered = bytearray(len(text))
    at = 0
    for part in sections:  # a heading's own section may be only in `heading`
        if chunks._is_heading(part):
            covered[at : at + len(part.text)] = b"\1" * len(part.text)
        at += len(part.text) + 2
    for number, chunk in enumerate(found):
        assert text[chunk.start : chunk.end] == chunk.text == chunk.text.strip() != ""
        assert len(chunk.text) <= max(chunks.LIMIT, chunks.WIDE_LIMIT)
        assert chunk.index == number
        covered[chunk.start : chunk.end] = b"\1" * (chunk.end - chunk.start)
    assert not [c for c, seen in zip(text, covered, strict=True) if not seen and not c.isspace()]
    assert [chunk.start for chunk in found] == sorted(chunk.start for chunk in found)
    assert found == chunks.cut("page", 3, "Title", sections, language)


@settings(max_examples=120, deadline=None)
@given(st.one_of(letters, words))
def test_sentences_joined_are_the_text(text: str) -> None:
    found = spans(text)
    assert "".join(text[a:b] for a, b in found) == text


def test_a_chunk_never_crosses_a_heading() -> None:
    found = cut(Section("Short.", "A"), Section("Short too.", "A"), Section("Another.", "B"))
    assert [(chunk.heading, chunk.text) for chunk in found] == [("A", "Short.\n\nShort too."), ("B", "Another.")]


def test_a_headings_own_line_is_not_said_twice() -> None:
    found = cut(
        Section("Rates", "Rates"), Section("Weekend", "Rates > Weekend"), Section("Ten crowns.", "Rates > Weekend")
    )
    assert [(chunk.heading, chunk.text) for chunk in found] == [("Rates", "Rates"), ("Rates > Weekend", "Ten crowns.")]


def test_a_paragraph_that_is_big_enough_stands_alone_and_small_ones_together() -> None:
    found = cut(Section("One."), Section("Two."), Section(SENTENCE * 3), Section("Three."), Section("Four."))
    assert [chunk.text for chunk in found] == ["One.\n\nTwo.", (SENTENCE * 3).strip(), "Three.\n\nFour."]


def test_a_long_paragraph_is_cut_between_sentences_into_chunks_alike() -> None:
    found = cut(Section(SENTENCE * 11), language="en")
    assert all(chunk.text.endswith("half past four.") and chunk.text.startswith("The harbour") for chunk in found)
    sizes = [len(chunk.text) for chunk in found]
    assert max(sizes) <= chunks.LIMIT and max(sizes) < 2 * min(sizes)


def test_neighbours_in_a_chinese_paragraph_share_a_sentence() -> None:
    text = "".join(f"第{n}间展厅里有三百件旧船模型，还有一座可以登上去的灯塔，每天都开放。" for n in range(20))
    found = cut(Section(text), language="zh")
    assert all(len(chunk.text) <= chunks.WIDE_LIMIT for chunk in found)
    for one, other in pairwise(found):
        shared = one.text[-(one.end - other.start) :]
        assert other.start < one.end and other.text.startswith(shared) and shared.count("。") == 1


def test_only_a_sentence_over_the_limit_is_cut_inside_and_then_at_a_space() -> None:
    found = cut(Section("word " * 300), language="en")
    assert all(set(chunk.text.split()) == {"word"} for chunk in found)
    assert all(len(chunk.text) <= chunks.LIMIT for chunk in cut(Section("x" * 2000), language="en"))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Dr. Smith met Mr. J. R. Brown at 3.5 km. They talked.", 2),
        ("It costs 1,000.50 crowns, e.g. in the U.S. market. Fine!", 2),
        ("See example.com or a.b.c for more. Yes?", 2),
        ("“Is it open?” she asked. “No.” He left.", 3),
        ("1. First\n2. Second", 2),
        ("It was built in 1998. Then it burned.", 2),
        ("Ends with etc. The next one.", 2),
        ("He works at Acme Inc. in Paris.", 1),
        ("今天开放。“真的吗？”他问。是的！", 4),
        ("温度是3.5度。很冷……真的", 3),
        ("Mixed 中文。English text. 中文！", 3),
        ("", 0),
    ],
)
def test_where_sentences_end(text: str, count: int) -> None:
    assert len(spans(text)) == count


def test_ids_are_of_page_revision_and_number() -> None:
    assert chunks.chunk_id("a", 1, 0) == chunks.chunk_id("a", 1, 0)
    assert len({chunks.chunk_id(page, rev, n) for page in "ab" for rev in (1, 2) for n in (0, 1)}) == 8
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", chunks.chunk_id("a", 1, 0)
    )


def test_the_checksum_is_of_what_is_embedded_wherever_it_stands() -> None:
    one = chunks.cut("a", 1, "Title", [Section("Text here.", "H")])[0]
    other = chunks.cut("b", 9, "Title", [Section("Before.", "G"), Section("Text here.", "H")])[1]
    assert chunks.embedding_text("Title", one) == "Title\nH\nText here."
    assert one.checksum == other.checksum != chunks.cut("a", 1, "Other", [Section("Text here.", "H")])[0].checksum
    assert one.id != other.id
