"""What every store of pages does: in memory, and in SQL on each database."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import BadInput, Conflict, NotFound, TooLong
from domain.knowledge.model import Filter, Page, Shelf, Source
from tests.db.conftest import Knowledge
from tests.db.knowledge_samples import ANNA, NOON, SHELF, after, chunks, page, publish, rewrite, seen, source, version

replace = msgspec.structs.replace
OLD, NEW = ("All men", "are mortal."), ("No man", "is immortal.", "Or is he?")


@pytest.fixture
def there(knowledge: Knowledge) -> Source:
    return knowledge.sources.add(source())


def test_a_page_its_version_and_its_chunks_come_back_as_they_were_written(knowledge: Knowledge, there: Source) -> None:
    pages = knowledge.pages
    made = page(
        there, status=200, etag='W/"é"', last_modified="Sun, 01 Mar 2026 12:00:00 GMT", body_checksum="b" * 64, misses=1
    )
    text = version(
        1, "人皆有死。\U0001f600 " * 2_000, title="論人", site="plato.example", language="zh",
        published=after(-99.000001), simhash=2**64 - 1,
    )  # fmt: skip
    parts = chunks(made, 1, ["人皆有死。", "𠜎"])
    written = pages.write(made, text, parts)
    assert written == replace(made, rev=1) == pages.find(there.id, made.url)
    assert pages.get(made.id) == replace(made, rev=1)  # nothing is live, so there is no version yet
    assert pages.version(made.id, 1) == text
    assert pages.chunks(made.id, 1) == parts
    assert pages.go_live(made.id, 1)
    assert pages.get(made.id) == replace(made, rev=1, live=1, version=text)
    assert pages.version(made.id, 2) is None and pages.chunks(made.id, 2) == []
    found = pages.look_up([part.id for part in parts], Filter(shelves=(SHELF,)))
    assert found == {part.id: (part, replace(made, rev=1, live=1, version=replace(text, text=""))) for part in parts}


def test_a_new_version_is_seen_from_the_flip_on_and_the_old_one_until_then(knowledge: Knowledge, there: Source) -> None:
    pages = knowledge.pages
    live, old = publish(pages, there, texts=OLD)
    written, new = rewrite(pages, live, NEW)
    assert (written.rev, written.live) == (2, 1)
    assert [each.id for each in pages.waiting(9)] == [live.id]
    assert seen(pages, [*old, *new]) == list(OLD)
    assert pages.totals(SHELF) == (1, 2, 2)

    assert pages.go_live(live.id, 2)
    assert seen(pages, [*old, *new]) == list(NEW)
    assert pages.totals(SHELF) == (1, 3, 3)
    assert pages.waiting(9) == []
    assert pages.old_chunks(9) == [(live.id, 2)]
    assert [(chunk_id, rev) for chunk_id, _, rev in pages.live_chunks("", 99)] == sorted((part.id, 2) for part in new)

    pages.sweep(live.id, 2)
    assert not any((pages.old_chunks(9), pages.chunks(live.id, 1)))
    assert pages.version(live.id, 1) is None
    assert seen(pages, [*old, *new]) == list(NEW)
    pages.sweep(live.id, 99)  # what is live stays, whatever is asked for
    assert seen(pages, new) == list(NEW)


def test_who_saw_an_older_state_writes_nothing(knowledge: Knowledge, there: Source) -> None:
    pages = knowledge.pages
    live, old = publish(pages, there)
    rewrite(pages, live, ["first"])
    with pytest.raises(Conflict) as refusal:
        rewrite(pages, live, ["second"])
    assert refusal.value.code == "page_moved_on"
    assert [part.text for part in pages.chunks(live.id, 2)] == ["first"]
    with pytest.raises(Conflict):  # two who meet a new address at once
        pages.write(page(there), version(), [])
    assert pages.count(there.id) == 1
    assert not pages.go_live(live.id, 1)
    assert seen(pages, old) == list(OLD)


def test_a_version_that_never_went_live_makes_way_for_the_next(knowledge: Knowledge, there: Source) -> None:
    pages = knowledge.pages
    live, old = publish(pages, there, texts=OLD)
    second, middle = rewrite(pages, live, ["never seen"])
    pages.keep_vectors("e5", {middle[0].checksum: [1.0]})
    third, new = rewrite(pages, second, NEW)
    assert (third.rev, third.live) == (3, 1)
    assert pages.chunks(live.id, 2) == [] and pages.version(live.id, 2) is None
    assert pages.vectors("e5", [middle[0].checksum]) == {}
    assert not pages.go_live(live.id, 2)
    assert seen(pages, [*old, *middle, *new]) == list(OLD)
    assert pages.go_live(live.id, 3) and pages.go_live(live.id, 3)
    assert seen(pages, [*old, *middle, *new]) == list(NEW)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"rev": 2}, BadInput), ({"text": "\0"}, BadInput), ({"title": "\ud800"}, BadInput), ({"site": "\0"}, BadInput),
        ({"title": "x" * 1_001}, BadInput), ({"language": "x" * 17}, BadInput), ({"checksum": "\0"}, BadInput),
        ({"simhash": -1}, BadInput), ({"simhash": 2**64}, BadInput), ({"text": "x" * 5_000_001}, TooLong),
    ],
)  # fmt: skip
def test_a_version_that_a_database_could_not_hold_is_refused_whole(
    knowledge: Knowledge, there: Source, wrong: dict[str, object], error: type[Exception]
) -> None:
    made = page(there)
    with pytest.raises(error):
        knowledge.pages.write(made, replace(version(), **wrong), chunks(made))
    assert knowledge.pages.find(there.id, made.url) is None


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"id": "x" * 37}, BadInput), ({"id": "\0"}, BadInput), ({"page_id": "other"}, BadInput),
        ({"rev": 2}, BadInput), ({"text": "\0"}, BadInput), ({"heading": "\ud800"}, BadInput),
        ({"text": "x" * 20_001}, TooLong), ({"checksum": ""}, BadInput), ({"index": 0}, Conflict),
    ],
)  # fmt: skip
def test_a_chunk_that_cannot_be_kept_takes_the_whole_page_with_it(
    knowledge: Knowledge, there: Source, wrong: dict[str, object], error: type[Exception]
) -> None:
    made = page(there)
    first, second = chunks(made)
    with pytest.raises(error):
        knowledge.pages.write(made, version(), [first, replace(second, **wrong)])
    assert knowledge.pages.find(there.id, made.url) is None
    assert not any((knowledge.pages.chunks(made.id, 1), knowledge.pages.waiting(9)))


@pytest.mark.parametrize("wrong", [{"url": "https://\0"}, {"url": "x" * 2_049}, {"id": "a b"}, {"id": ""}])
def test_a_page_that_cannot_be_kept_is_refused(knowledge: Knowledge, there: Source, wrong: dict[str, str]) -> None:
    made = page(there)
    with pytest.raises(BadInput):
        knowledge.pages.write(msgspec.structs.replace(made, **wrong), version(), [])
    assert knowledge.pages.count(there.id) == 0


def test_a_page_of_no_source_is_not_kept_and_its_shelf_is_its_sources(knowledge: Knowledge, there: Source) -> None:
    with pytest.raises(NotFound) as refusal:
        knowledge.pages.write(page(source("https://gone.example/")), version(), [])
    assert refusal.value.code == "source_gone"
    written = knowledge.pages.write(replace(page(there), shelf=ANNA), version(), [])
    assert written.shelf == SHELF


def test_a_visit_without_news_is_kept_and_strange_headers_are_not(knowledge: Knowledge, there: Source) -> None:
    pages = knowledge.pages
    live, _ = publish(pages, there)
    visit = replace(
        live, checked_at=after(60), status=304, etag='"2"', last_modified="then", body_checksum="c" * 64, misses=2,
        error="page_late",
    )  # fmt: skip
    pages.checked(replace(visit, rev=9, live=9, url="https://other.example/", duplicate_of="x"))
    assert pages.get(live.id) == visit
    pages.checked(replace(visit, etag="x" * 1_001, last_modified="\0", error="a b", body_checksum="\ud800"))
    assert pages.get(live.id) == replace(visit, etag="", last_modified="", error="", body_checksum="")
    pages.checked(page(there, "unknown"))
    assert pages.count(there.id) == 1


def test_pages_are_listed_by_address_a_part_at_a_time_with_the_beginning_of_their_text(
    knowledge: Knowledge, there: Source
) -> None:
    pages = knowledge.pages
    paths = ["b", "B", "a/1", "a", "a-b", "ab", "%C3%A9", "x" * 500 + "1", "x" * 500 + "2", "z"]
    for path in paths:
        publish(pages, there, path, texts=["word " * 200])
    pages.write(page(there, "unseen"), version(), [])
    listed: list[Page] = []
    while part := pages.of(there.id, 3, listed[-1].url if listed else ""):
        assert len(part) <= 3
        listed += part
    urls = [each.url for each in listed]
    assert sorted(urls) == sorted(there.url + path for path in [*paths, "unseen"])
    assert [url[:400] for url in urls] == sorted(url[:400] for url in urls)
    assert pages.count(there.id) == len(urls) == 11
    assert [len(each.version.text) for each in listed if each.version] == [300] * 10
    assert [each.url for each in listed if not each.version] == [there.url + "unseen"]
    with pytest.raises(BadInput):
        pages.of(there.id, 3, "\0")


def test_pages_that_are_gone_leave_at_once_and_their_address_is_free(knowledge: Knowledge, there: Source) -> None:
    pages = knowledge.pages
    gone, parts = publish(pages, there)
    pages.gone([gone.id, "nobody", "\0"])
    assert not any((seen(pages, parts), pages.live_chunks("", 9), pages.waiting(9), pages.unembedded(9)))
    assert (pages.count(there.id), pages.of(there.id), pages.find(there.id, gone.url)) == (0, [], None)
    with pytest.raises(NotFound) as refusal:
        pages.get(gone.id)
    assert refusal.value.code == "page_gone"
    with pytest.raises(Conflict):
        rewrite(pages, gone, ["back again"])
    assert not pages.go_live(gone.id, 1)
    assert pages.totals(SHELF) == (0, 0, 0)

    back, new = publish(pages, there)
    assert back.id != gone.id
    assert seen(pages, [*parts, *new]) == list(OLD)
    assert pages.old_chunks(9) == [(gone.id, 0)]
    pages.sweep(gone.id, 0)
    assert not any((pages.old_chunks(9), pages.chunks(gone.id, 1)))
    assert seen(pages, new) == list(OLD)


def test_a_duplicate_leaves_searches_and_waits_when_the_other_is_gone(knowledge: Knowledge, there: Source) -> None:
    pages = knowledge.pages
    first, _ = publish(pages, there, "one")
    second, parts = publish(pages, there, "two")
    pages.set_embedded(second.id, 1)
    pages.duplicate(second.id, first.id)
    assert not any((seen(pages, parts), pages.waiting(9)))
    assert pages.get(second.id).duplicate_of == first.id
    assert {page_id for _, page_id, _ in pages.live_chunks("", 9)} == {first.id}
    assert pages.totals(SHELF) == (1, 2, 2)

    pages.gone([first.id])
    waits = pages.waiting(9)
    assert [(each.id, each.duplicate_of, each.live, each.embedded) for each in waits] == [(second.id, "", 0, 0)]
    assert seen(pages, parts) == []
    assert pages.go_live(second.id, 1)
    assert seen(pages, parts) == list(OLD)


def test_a_duplicate_is_on_its_own_when_the_mark_or_the_others_source_goes(knowledge: Knowledge, there: Source) -> None:
    pages = knowledge.pages
    elsewhere = knowledge.sources.add(source("https://copy.example/"))
    first, _ = publish(pages, there)
    second, _ = publish(pages, elsewhere)
    pages.duplicate(second.id, first.id)
    pages.duplicate(second.id, "")
    pages.duplicate(second.id, "")
    assert [each.id for each in pages.waiting(9)] == [second.id]
    assert pages.go_live(second.id, 1)
    pages.duplicate(first.id, "")  # it never was one: nothing changes
    assert pages.get(first.id).live == 1

    pages.duplicate(second.id, first.id)
    knowledge.sources.remove(there.id, NOON)
    assert [each.id for each in pages.waiting(9)] == [second.id]


def test_nothing_is_a_duplicate_of_what_is_found_nowhere(knowledge: Knowledge, there: Source) -> None:
    pages = knowledge.pages
    (first, one), (second, two), (third, _) = (publish(pages, there, path) for path in ("1", "2", "3"))
    pages.duplicate(first.id, first.id)
    pages.duplicate(first.id, "nobody")
    pages.gone([third.id])
    pages.duplicate(first.id, third.id)
    pages.duplicate(second.id, first.id)
    pages.duplicate(first.id, second.id)  # they would hide each other
    assert seen(pages, one) == list(OLD)
    assert seen(pages, two) == []

    elsewhere, parts = publish(pages, knowledge.sources.add(source("https://copy.example/")))
    knowledge.sources.remove(there.id, NOON)
    pages.duplicate(elsewhere.id, first.id)
    assert seen(pages, parts) == list(OLD)


@pytest.mark.parametrize("flips", [(), (0,), (63,), (15, 16), (0, 31, 63), (1, 17, 33)])
def test_texts_that_differ_in_three_bits_are_alike(knowledge: Knowledge, there: Source, flips: tuple[int, ...]) -> None:
    mark = 0x8F3C_0000_FFFF_1234
    near = mark
    for bit in flips:
        near ^= 1 << bit
    live, _ = publish(knowledge.pages, there, simhash=mark)
    alike = knowledge.pages.alike
    assert alike(SHELF, near, 3, "") == live.id
    assert alike(SHELF, near, len(flips), "") == live.id
    assert alike(SHELF, near, len(flips) - 1, "") is None
    assert alike(SHELF, near, 3, live.id) is None
    assert alike(ANNA, near, 3, "") is None
    assert alike(SHELF, near ^ 0xF0F0_F0F0_F0F0_F0F0, 3, "") is None


def test_the_nearest_is_named_and_only_what_searches_see(knowledge: Knowledge, there: Source) -> None:
    pages = knowledge.pages
    far, _ = publish(pages, there, "far", simhash=0b111)
    near, _ = publish(pages, there, "near", simhash=0b1)
    assert pages.alike(SHELF, 0, 3, "") == near.id
    pages.duplicate(near.id, far.id)
    assert pages.alike(SHELF, 0, 3, "") == far.id
    pages.write(page(there, "unseen"), version(1, "x", simhash=0), [])
    changed, _ = rewrite(pages, far, ["another text"], simhash=2**63)
    assert pages.alike(SHELF, 0, 3, "") == far.id  # the version that is live counts
    assert pages.go_live(changed.id, 2)
    assert pages.alike(SHELF, 0b111, 3, "") is None
    assert pages.alike(SHELF, 2**63, 0, "") == far.id
    knowledge.sources.remove(there.id, NOON)
    assert pages.alike(SHELF, 2**63, 3, "") is None
    with pytest.raises(BadInput):
        pages.alike(SHELF, 2**64, 3, "")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mark=st.integers(0, 2**64 - 1), bits=st.sets(st.integers(0, 63), max_size=3))
def test_no_text_within_three_bits_is_missed(knowledge: Knowledge, mark: int, bits: set[int]) -> None:
    shelf = Shelf("anna", f"{mark:016x}-{len(bits)}")
    if knowledge.sources.on(shelf):
        return
    live, _ = publish(knowledge.pages, knowledge.sources.add(source(shelf=shelf)), simhash=mark)
    assert knowledge.pages.alike(shelf, mark ^ sum(1 << bit for bit in bits), 3, "") == live.id


def test_vectors_that_lack_are_told_until_they_are_made(knowledge: Knowledge, there: Source) -> None:
    pages = knowledge.pages
    live, _ = publish(pages, there)
    assert [each.id for each in pages.unembedded(9)] == [live.id]
    pages.set_embedded(live.id, 1)
    assert pages.unembedded(9) == []
    assert (pages.get(live.id).embedded, pages.totals(SHELF)) == (1, (1, 2, 0))
    pages.set_embedded(live.id, 7)  # no such version
    assert pages.get(live.id).embedded == 1
    rewrite(pages, pages.get(live.id), NEW)
    assert pages.unembedded(9) == []  # not before it is live
    pages.go_live(live.id, 2)
    assert [each.id for each in pages.unembedded(9)] == [live.id]
    pages.set_embedded(live.id, 2)
    pages.set_embedded(live.id, 0)  # to be made anew
    assert [each.id for each in pages.unembedded(9)] == [live.id]
    pages.set_embedded("nobody", 1)


def test_lists_of_work_hold_no_more_than_asked_for(knowledge: Knowledge, there: Source) -> None:
    pages = knowledge.pages
    ids = sorted(publish(pages, there, str(number))[0].id for number in range(3))
    assert [each.id for each in pages.unembedded(2)] == ids[:2]
    for page_id in ids:
        rewrite(pages, pages.get(page_id), NEW)
    assert [each.id for each in pages.waiting(2)] == ids[:2]
    pages.gone(ids)
    assert pages.old_chunks(2) == [(page_id, 0) for page_id in ids[:2]]
    assert not any((pages.waiting(0), pages.unembedded(-1), pages.old_chunks(0)))


def test_live_chunks_are_told_in_order_a_part_at_a_time(knowledge: Knowledge, there: Source) -> None:
    pages = knowledge.pages
    parts = [part for path in "abc" for part in publish(pages, there, path, texts=["one", "two", "three"])[1]]
    told: list[tuple[str, str, int]] = []
    while some := pages.live_chunks(told[-1][0] if told else "", 4):
        told += some
    assert told == sorted((part.id, part.page_id, 1) for part in parts)
    knowledge.sources.remove(there.id, NOON)
    assert pages.live_chunks("", 99) == told  # they may come back


def test_a_search_sees_only_the_shelves_it_names(knowledge: Knowledge) -> None:
    shelves = [SHELF, ANNA, Shelf("anna", "socrates"), Shelf("anne", ""), Shelf("", "anna")]
    parts = []
    for shelf in shelves:
        parts += publish(knowledge.pages, knowledge.sources.add(source(shelf=shelf)), texts=[shelf.key])[1]
    for shelf in shelves:
        assert seen(knowledge.pages, parts, shelf) == [shelf.key]
    assert seen(knowledge.pages, parts, *shelves[:3]) == [shelf.key for shelf in shelves[:3]]
    assert seen(knowledge.pages, parts, Shelf("", "")) == []
    assert seen(knowledge.pages, parts, Shelf("\0", "%")) == []
    assert knowledge.pages.look_up([part.id for part in parts], Filter(shelves=())) == {}


def test_a_search_keeps_to_site_language_and_time(knowledge: Knowledge, there: Source) -> None:
    pages = knowledge.pages
    parts = [
        *publish(pages, there, "1", ["en old"], published=after(-100))[1],
        *publish(pages, there, "2", ["zh new"], published=after(100), language="zh")[1],
        *publish(pages, there, "3", ["en unknown"], site="other.example", fetched_at=after(50))[1],
    ]
    assert seen(pages, parts, site="plato.example") == ["en old", "zh new"]
    assert not any((seen(pages, parts, site="PLATO.example"), seen(pages, parts, site="\0")))
    assert seen(pages, parts, language="zh") == ["zh new"]
    assert seen(pages, parts, since=after(50)) == ["zh new", "en unknown"]
    assert seen(pages, parts, since=after(50.000001)) == ["zh new"]
    assert seen(pages, parts, until=after(50)) == ["en old", "en unknown"]
    assert seen(pages, parts, since=after(-100), until=after(-100)) == ["en old"]
    both = {"site": "plato.example", "language": "en", "since": after(-1), "until": NOON + timedelta(days=9)}
    assert seen(pages, parts, **both) == []


def test_strange_and_many_chunk_ids_find_what_there_is(knowledge: Knowledge, there: Source) -> None:
    _, parts = publish(knowledge.pages, there, texts=[f"part {number}" for number in range(30)])
    ids = ["", "\0", "\ud800", "x" * 99, "' OR 1=1 --", *(f"no-{n}" for n in range(1_200)), *(p.id for p in parts)]
    assert len(knowledge.pages.look_up([*ids, *ids], Filter(shelves=(SHELF,)))) == 30
    assert knowledge.pages.look_up([], Filter(shelves=(SHELF,))) == {}


def test_vectors_come_back_as_float32_by_model_and_text(knowledge: Knowledge) -> None:
    pages = knowledge.pages
    pages.keep_vectors("intfloat/e5", {"a": [0.5, -1.0], "b": [0.1, 3e-9]})
    pages.keep_vectors("other", {"a": [9.0]})
    pages.keep_vectors("intfloat/e5", {"a": [7.0, 7.0], "c": [1.0, 1.0]})  # what is there stays
    kept = pages.vectors("intfloat/e5", ["a", "b", "c", "d", "\0", "a"])
    assert kept["a"] == [0.5, -1.0] and kept["c"] == [1.0, 1.0] and set(kept) == {"a", "b", "c"}
    assert kept["b"] == pytest.approx([0.1, 3e-9], rel=1e-6) and kept["b"] != [0.1, 3e-9]
    assert pages.vectors("other", ["a"]) == {"a": [9.0]}
    assert pages.vectors("nobody", ["a"]) == pages.vectors("", ["a"]) == {}
    pages.keep_vectors("many", {f"c{number}": [float(number)] * 8 for number in range(1_100)})
    assert len(pages.vectors("many", [f"c{number}" for number in range(1_200)])) == 1_100
    for model, vectors in (("", {"a": [1.0]}), ("e5", {"\0": [1.0]}), ("e5", {"a": []})):
        with pytest.raises(BadInput):
            pages.keep_vectors(model, vectors)


def test_a_vector_is_erased_with_the_last_chunk_that_holds_its_text(knowledge: Knowledge, there: Source) -> None:
    pages = knowledge.pages
    live, old = publish(pages, there, "one", texts=["shared", "only old"])
    other, _ = publish(pages, there, "two", texts=["shared"])
    pages.keep_vectors("e5", {part.checksum: [1.0] for part in old})
    rewrite(pages, live, ["new"])
    pages.go_live(live.id, 2)
    pages.sweep(live.id, 2)
    checksums = [part.checksum for part in old]
    assert set(pages.vectors("e5", checksums)) == {old[0].checksum}
    pages.gone([other.id])
    pages.sweep(other.id, 0)
    assert pages.vectors("e5", checksums) == {}


def test_vectors_that_came_too_late_for_their_text_are_forgotten_on_request(
    knowledge: Knowledge, there: Source
) -> None:
    pages = knowledge.pages
    _, parts = publish(pages, there, "one", texts=["here"])
    pages.keep_vectors("e5", {parts[0].checksum: [1.0], "erased": [2.0], "other": [3.0]})
    pages.keep_vectors("e6", {"erased": [2.0]})
    pages.forget_vectors([parts[0].checksum, "erased", "never", "\0"])
    assert set(pages.vectors("e5", [parts[0].checksum, "erased", "other"])) == {parts[0].checksum, "other"}
    assert pages.vectors("e6", ["erased"]) == {}


@pytest.mark.parametrize("unknown", ["nobody", "", "\0", "\ud800", "x" * 100])
def test_a_page_that_never_was_is_not_there(knowledge: Knowledge, unknown: str) -> None:
    pages = knowledge.pages
    with pytest.raises(NotFound):
        pages.get(unknown)
    assert (pages.find(unknown, "x"), pages.version(unknown, 1), pages.go_live(unknown, 1)) == (None, None, False)
    assert not any((pages.chunks(unknown, 1), pages.of(unknown)))
    assert pages.count(unknown) == 0
    pages.sweep(unknown, 1)
    pages.sweep(unknown, 0)
    pages.gone([unknown])
    pages.duplicate(unknown, "")
    pages.duplicate(unknown, "x")
    pages.set_embedded(unknown, 1)
    assert pages.totals(Shelf("", "nobody")) == (0, 0, 0)
