"""What every vector index promises: the fake, the embedded engine, qdrant-client's own memory, and a server.

The server's turn comes where QDRANT_URL names one (`make servers` does not start one: no package brings it).
"""

import os
import socket
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from db import vectors_server
from db.rests import Rests
from db.vectors_edge import EdgeIndex
from db.vectors_server import ServerIndex
from domain.errors import BadInput, Unavailable
from domain.knowledge.model import Filter, Shelf
from domain.knowledge.ports import Point, Query, Sparse, VectorIndex
from tests.fakes_index import MemoryIndex, sparse_of

SHELF, OTHER = Shelf("", "holmes"), Shelf("anna", "holmes")
ALL = Filter(shelves=(SHELF, OTHER))
KINDS = ["fake", "edge", "client", pytest.param("server", marks=pytest.mark.server)]
# Said by qdrant-client when it is its own server; a real one has payload indexes.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect:UserWarning")


def open_index(kind: str, folder: Path) -> VectorIndex:
    if kind == "fake":
        return MemoryIndex()
    if kind == "edge":
        return EdgeIndex(folder)
    if kind == "client":
        from qdrant_client import QdrantClient

        client = QdrantClient(":memory:")
        return ServerIndex(client, client)
    return vectors_server.connect(os.environ["QDRANT_URL"], os.environ.get("QDRANT_API_KEY", ""))


@pytest.fixture(params=KINDS)
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VectorIndex]:
    if request.param == "server" and not os.environ.get("QDRANT_URL"):
        pytest.skip("no Qdrant server: QDRANT_URL is not set")
    index = open_index(request.param, tmp_path / "index")
    # A server keeps what other tests left: a model of one's own is a collection of one's own.
    assert index.ensure(f"test {uuid.uuid4()}", 3)
    yield index
    index.close()


def name_of(number: int) -> str:
    return str(uuid.UUID(int=number + 1))


def point(number: int, words: Sparse | None = None, dense: list[float] | None = None, **fields: object) -> Point:
    usual: dict[str, object] = {
        "id": name_of(number),
        "page_id": f"page{number}",
        "rev": 1,
        "shelf": SHELF.key,
        "site": "example.org",
        "language": "en",
        "at": 1_000,
        "sparse": sparse_of(1) if words is None else words,
        "dense": dense,
    }
    return Point(**{**usual, **fields})  # type: ignore[arg-type]


def words(*slots: int, ids: tuple[str, ...] = ()) -> Query:
    return Query(sparse=sparse_of(*slots), ids=ids)


def found(index: VectorIndex, query: Query, only: Filter = ALL, limit: int = 50) -> list[str]:
    (hits,) = index.search([query], only, limit)
    return [hit.id for hit in hits]


def names(*numbers: int) -> list[str]:
    return [name_of(number) for number in numbers]


def test_a_point_is_found_by_its_words_before_it_has_a_vector(index: VectorIndex) -> None:
    index.upsert([point(0, sparse_of(7)), point(1, sparse_of(8), [0.0, 1.0, 0.0])])
    assert found(index, words(7)) == names(0)
    assert found(index, Query(dense=[1.0, 0.0, 0.0])) == names(1)
    index.upsert([point(0, sparse_of(7), [1.0, 0.0, 0.0])])
    assert found(index, Query(dense=[1.0, 0.1, 0.0])) == names(0, 1)
    assert found(index, words(7)) == names(0)
    assert index.count() == 2


def test_rare_words_count_for_more_than_common_ones(index: VectorIndex) -> None:
    index.upsert([point(0, sparse_of(1, 2)), point(1, sparse_of(1, 3)), point(2, sparse_of(1, 3))])
    (hits,) = index.search([words(1, 2, 3)], ALL, 50)
    assert [hit.id for hit in hits] == names(0, 1, 2)
    # BM25's idf, ln(1 + (N - n + 0.5) / (n + 0.5)), of 3 and of 1 in 3.
    assert hits[0].score == pytest.approx(0.1335 + 0.9808, abs=1e-3)


def test_cosines_do_not_depend_on_how_long_a_vector_is(index: VectorIndex) -> None:
    index.upsert([point(0, dense=[3.0, 0.0, 0.0]), point(1, dense=[1.0, 1.0, 0.0])])
    (hits,) = index.search([Query(dense=[2.0, 0.0, 0.0])], ALL, 50)
    assert [round(hit.score, 4) for hit in hits] == [1.0, 0.7071]


def test_hits_that_score_the_same_come_by_id(index: VectorIndex) -> None:
    index.upsert([point(number, dense=[1.0, 0.0, 0.0]) for number in (3, 1, 2, 0)])
    assert found(index, words(1)) == names(0, 1, 2, 3)
    assert found(index, Query(dense=[1.0, 0.0, 0.0])) == names(0, 1, 2, 3)


def test_the_scores_of_just_these_chunks_can_be_asked_for(index: VectorIndex) -> None:
    index.upsert([point(n, sparse_of(1, 10 + n), [1.0, float(n), 0.0]) for n in range(5)])
    every, some, dense = index.search(
        [words(1, 13), words(1, 13, ids=tuple(names(3, 0, 77))), Query(dense=[1.0, 0.0, 0.0], ids=tuple(names(4, 2)))],
        ALL,
        50,
    )
    scores = {hit.id: hit.score for hit in every}
    assert {hit.id: hit.score for hit in some} == pytest.approx({name: scores[name] for name in names(3, 0)})
    assert [hit.id for hit in dense] == names(2, 4)


def test_the_filter_holds_when_chunks_are_named(index: VectorIndex) -> None:
    index.upsert([point(0), point(1, shelf=OTHER.key)])
    assert found(index, words(1, ids=tuple(names(0, 1))), Filter(shelves=(SHELF,))) == names(0)


def test_the_best_hits_of_words_bring_their_tokens(index: VectorIndex) -> None:
    index.upsert([point(n, {1: 1.0 + n, 100 + n: 1.0}) for n in range(12)])
    (hits,) = index.search([words(1)], ALL, 50)
    assert [hit.tokens for hit in hits[:2]] == [{1, 111}, {1, 110}]
    assert [len(hit.tokens) for hit in hits] == [2] * 10 + [0] * 2


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (ALL, [0, 1, 2, 3]),
        (Filter(shelves=()), []),
        (Filter(shelves=(SHELF,)), [0, 2, 3]),
        (Filter(shelves=(OTHER,)), [1]),
        (Filter(shelves=(Shelf("ben", "holmes"),)), []),
        (Filter(shelves=(SHELF,), site="example.com"), [2]),
        (Filter(shelves=(SHELF,), site="example"), []),
        (Filter(shelves=(SHELF,), language="zh"), [3]),
        (Filter(shelves=(SHELF,), site="example.com", language="zh"), []),
        (Filter(shelves=(SHELF, OTHER), since=datetime.fromtimestamp(2_000, UTC)), [1, 2]),
        (Filter(shelves=(SHELF, OTHER), until=datetime.fromtimestamp(2_000, UTC)), [0, 1, 3]),
        (
            Filter(
                shelves=ALL.shelves, since=datetime.fromtimestamp(1_500, UTC), until=datetime.fromtimestamp(2_500, UTC)
            ),
            [1],
        ),
        (Filter(shelves=(SHELF,), until=datetime.fromtimestamp(0, UTC)), []),
    ],
)
def test_a_search_returns_what_the_filter_lets_through(index: VectorIndex, only: Filter, expected: list[int]) -> None:
    dense = [1.0, 0.0, 0.0]
    index.upsert(
        [
            point(0, dense=dense),
            point(1, dense=dense, shelf=OTHER.key, at=2_000),
            point(2, dense=dense, site="example.com", at=3_000),
            point(3, dense=dense, language="zh"),
        ]
    )
    assert found(index, words(1), only) == names(*expected)
    assert found(index, Query(dense=dense), only) == names(*expected)


def test_pages_in_chinese_japanese_and_korean_are_searched_by_themselves_and_all_others_too(index: VectorIndex) -> None:
    languages = ["zh", "en", "ja", "", "ko", "fr"]
    index.upsert([point(n, dense=[1.0, 0.0, 0.0], language=language) for n, language in enumerate(languages)])
    for query in (Query(dense=[1.0, 0.0, 0.0]), words(1)):
        assert found(index, msgspec.structs.replace(query, wide=True)) == names(0, 2, 4)
        assert found(index, msgspec.structs.replace(query, wide=False)) == names(1, 3, 5)
        some = msgspec.structs.replace(query, wide=True, ids=tuple(names(0, 1)))
        assert found(index, some) == names(0)
        assert found(index, msgspec.structs.replace(query, wide=False), Filter(shelves=(SHELF,), language="zh")) == []


def test_pages_are_deleted_whole_or_below_a_revision(index: VectorIndex) -> None:
    index.upsert([point(0, page_id="a"), point(1, page_id="a", rev=2), point(2, page_id="b")])
    index.delete_pages(["a", "nobody's"], below=2)
    assert found(index, words(1)) == names(1, 2)
    index.delete_pages(["a"])
    assert found(index, words(1)) == names(2)
    index.delete_pages([])
    assert index.count() == 1


def test_points_are_listed_by_id_with_what_they_have(index: VectorIndex) -> None:
    index.upsert([point(n, dense=[1.0, 0.0, 0.0] if n % 2 else None, rev=n, page_id="a") for n in (4, 0, 3, 1, 2)])
    assert index.ids("", 2) == [(name_of(0), "a", 0, False), (name_of(1), "a", 1, True)]
    assert [row[0] for row in index.ids(name_of(1), 10)] == names(2, 3, 4)
    index.delete_pages(["a"], below=2)
    assert [row[0] for row in index.ids(name_of(1), 2)] == names(2, 3)
    assert index.ids(name_of(4), 10) == []


def test_a_limit_is_a_limit_and_nothing_asked_is_nothing_found(index: VectorIndex) -> None:
    index.upsert([point(number) for number in range(5)])
    assert len(found(index, words(1), limit=3)) == 3
    assert index.search([], ALL, 50) == []
    assert found(index, words()) == []
    assert found(index, words(999)) == []
    index.upsert([])
    assert index.count() == 5


def test_a_point_without_words_has_its_vector(index: VectorIndex) -> None:
    index.upsert([point(0, sparse_of(), [1.0, 0.0, 0.0])])
    assert found(index, words(1)) == []
    assert found(index, Query(dense=[1.0, 0.0, 0.0])) == names(0)


def test_vectors_of_another_size_are_refused(index: VectorIndex) -> None:
    with pytest.raises(BadInput, match="dimension_wrong"):
        index.upsert([point(0, dense=[1.0])])
    with pytest.raises(BadInput, match="dimension_wrong"):
        index.search([Query(dense=[1.0, 2.0])], ALL, 5)
    assert index.count() == 0


def test_another_encoder_means_beginning_anew(index: VectorIndex) -> None:
    index.ensure("one", 3)
    index.upsert([point(0)])
    assert not index.ensure("one", 3)
    assert index.count() == 1
    assert index.ensure("another", 2)
    assert index.count() == 0
    index.upsert([point(0, dense=[1.0, 0.0])])
    assert found(index, Query(dense=[1.0, 0.0])) == names(0)


@pytest.mark.parametrize("kind", ["fake", "edge", "client"])
def test_before_it_is_opened_and_after_it_is_closed_it_is_unavailable(kind: str, tmp_path: Path) -> None:
    index = open_index(kind, tmp_path)
    with pytest.raises(Unavailable, match="index_unavailable"):
        index.count()
    index.ensure("m", 3)
    index.close()
    for ask in (index.count, lambda: index.search([words(1)], ALL, 5), lambda: index.upsert([point(0)])):
        with pytest.raises(Unavailable, match="index_unavailable"):
            ask()


# Not "client": qdrant-client's memory is for one thread, its server is for many.
@pytest.mark.parametrize("index", ["fake", "edge", pytest.param("server", marks=pytest.mark.server)], indirect=True)
def test_many_threads_search_and_write_at_once(index: VectorIndex) -> None:
    def work(number: int) -> int:
        index.upsert([point(number, dense=[1.0, float(number), 0.0])])
        return len(found(index, words(1))) and len(found(index, Query(dense=[1.0, 0.0, 0.0])))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(24)))
    assert index.count() == 24


def test_the_embedded_index_is_there_again_after_a_restart(tmp_path: Path) -> None:
    index = EdgeIndex(tmp_path)
    assert index.ensure("m", 3)
    index.upsert([point(0, dense=[1.0, 0.0, 0.0])])
    index.close()
    again = EdgeIndex(tmp_path)
    assert not again.ensure("m", 3)
    assert found(again, words(1)) == found(again, Query(dense=[1.0, 0.0, 0.0])) == names(0)
    again.close()
    other = EdgeIndex(tmp_path)
    assert other.ensure("another", 3)
    assert other.count() == 0
    other.close()


def test_a_second_owner_of_a_folder_is_told_who_has_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second = EdgeIndex(tmp_path), EdgeIndex(tmp_path)
    first.ensure("m", 3)
    first.upsert([point(0)])
    with pytest.raises(Unavailable, match="index_unavailable"):
        second.ensure("another", 3)
    assert f"belongs to process {os.getpid()}" in caplog.text
    assert first.count() == 1
    first.close()
    assert not second.ensure("m", 3)
    assert second.count() == 1
    second.close()


def test_a_broken_folder_is_put_aside_and_made_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    index = EdgeIndex(tmp_path)
    index.ensure("m", 3)
    index.upsert([point(0)])
    index.close()
    (tmp_path / "points" / "edge_config.json").write_text("{")
    again = EdgeIndex(tmp_path)
    assert again.ensure("m", 3)
    assert again.count() == 0
    assert "made anew" in caplog.text
    again.close()


WRITER = """
    import sys
    from pathlib import Path
    from db.vectors_edge import EdgeIndex
    from tests.db.test_vectors_contract import point
    index = EdgeIndex(Path(sys.argv[1]))
    index.ensure("m", 3)
    for number in range(100_000):
        index.upsert([point(2 * number, dense=[1.0, 0.0, 0.0]), point(2 * number + 1)])
        print(2 * number + 2, flush=True)
"""


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    for round_ in range(3):
        folder = tmp_path / str(round_)
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), str(folder)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            said = [child.stdout.readline() for _ in range(5 + 20 * round_)]
            time.sleep(0.003 * round_)  # not always just after a line: in the midst of the next one too
            child.kill()
            said += child.stdout.read().split("\n")[:-1]  # the last line may be half of one
        index = EdgeIndex(folder)
        assert not index.ensure("m", 3)
        assert index.count() >= int(said[-1]) >= 10
        assert {row[3] for row in index.ids("", 10)} == {True, False}
        index.close()


def test_a_server_that_is_down_is_unavailable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and nobody listens
        index = vectors_server.connect(f"http://127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(Unavailable, match="index_unavailable"):
            index.ensure("m", 3)
        index.close()


class Broken:
    """A client whose server fails, until it is mended."""

    def __init__(self) -> None:
        self.asked, self.mended = 0, False

    def count(self, name: str, exact: bool) -> SimpleNamespace:
        self.asked += 1
        if not self.mended:
            raise OSError("no route to host")
        return SimpleNamespace(count=7)

    def collection_exists(self, name: str) -> bool:
        return True

    def create_payload_index(self, *args: object, wait: bool) -> None: ...


def test_a_server_that_failed_is_left_alone_for_a_while() -> None:
    client, now = Broken(), 0.0
    index = ServerIndex(client, client, Rests(lambda: now, rest_s=2.0))
    index.ensure("m", 3)
    for _ in range(5):
        with pytest.raises(Unavailable, match="index_unavailable"):
            index.count()
    assert client.asked == 1
    client.mended, now = True, 2.0
    assert [index.count() for _ in range(3)] == [7, 7, 7]


def test_rests_grow_until_the_server_works_again() -> None:
    now = 0.0
    rests = Rests(lambda: now, rest_s=2.0, longest_s=5.0)
    assert rests.may_ask()
    rests.failed()
    assert not rests.may_ask()
    now = 2.0
    assert rests.may_ask()
    assert not rests.may_ask()  # one at a time
    rests.failed()
    now = 5.9
    assert not rests.may_ask()
    now = 6.0
    assert rests.may_ask()
    rests.failed()
    now = 11.0  # not eight seconds: no longer than the longest
    assert rests.may_ask()
    rests.worked()
    assert rests.may_ask()
    assert rests.may_ask()
