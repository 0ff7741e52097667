"""Score any retrieval set with the search of the app: lines of JSON in, ranked ids out.

    python -m infra.retrieval index FILE [--index FOLDER]      {"id", "text", "title"?} a line
    python -m infra.retrieval search FILE [--index FOLDER]     {"id", "text"} a line

`search` prints a line per query, {"id", "results": [{"id", "score"}, ...]}, best first. An id is a string or a whole
number, and is printed as it came. A document that is longer than the encoder reads at once is cut between sentences,
and its best part decides; a query counts as far as the app reads one. No server, no network.
"""

import argparse
import json
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO, get_args
from uuid import UUID, uuid5

from db.vectors_edge import EdgeIndex
from domain.errors import ParleyError
from domain.knowledge import fusion
from domain.knowledge.candidates import gather, phrase
from domain.knowledge.fusion import POOL
from domain.knowledge.languages import wide_share
from domain.knowledge.model import Filter, Mode, Shelf
from domain.knowledge.ports import Point
from domain.knowledge.search import MAX_QUESTION
from domain.knowledge.sparse import average_of, indexed, passage_weights
from infra.retrieval_parts import WIDE_FROM, parts
from infra.retrieval_rows import Asked, BadLine, Document, read
from infra.retrieval_vectors import MODEL, SIZE, Vectors

FOLDER = Path("var/retrieval")
SHELF = Shelf("", "retrieval")
ONLY = Filter(shelves=(SHELF,))
SPACE = UUID("6f1a3c52-0d5b-5b7e-8a53-0f1e5a2b9c11")
AT_ONCE = 32
MOST = 1_000  # documents for a query
WHOLE = "whole"  # the file that is there once all documents are


def main(arguments: Sequence[str] | None = None, out: TextIO = sys.stdout) -> int:
    asked = _parser().parse_args(arguments)
    try:
        if asked.command == "index":
            fill(asked.file, asked.index)
        else:
            search(asked.file, asked.index, asked.mode, asked.limit, out)
    except (BadLine, OSError) as error:
        _tell(f"error: {error}")
        return 2
    except sqlite3.Error as error:
        _tell(f"error: the vectors in {asked.index} cannot be used ({error}): remove that folder and make it anew")
        return 2
    except ParleyError as error:
        _tell(f"error: {error.code}: is another process using {asked.index}?")
        return 1
    return 0


def fill(file: Path, folder: Path) -> None:
    """Make the index anew. Begun again after an interruption, it encodes only what is new."""
    documents = read(file, Document)
    # Judged document by document: the search asks for each script by itself.
    wides = [wide_share(document.text[:3_000] or document.title or "") for document in documents]
    pieces = [
        (document, "zh" if wide > WIDE_FROM else "", part)
        for document, wide in zip(documents, wides, strict=True)
        for part in parts(document.text, wide)
    ]
    average = average_of(part for _, _, part in pieces)
    vectors, index = Vectors(folder), EdgeIndex(folder)
    try:
        new = index.ensure(MODEL, SIZE)
        (folder / WHOLE).unlink(missing_ok=True)
        if not new:
            index.delete_pages(list({row[1] for row in _rows(index)}))
        for start in range(0, len(pieces), AT_ONCE):
            some = pieces[start : start + AT_ONCE]
            texts = [indexed(document.title or "", "", part) for document, _, part in some]
            points = [
                Point(
                    id=str(uuid5(SPACE, f"{start + number}")),
                    page_id=json.dumps(document.id, ensure_ascii=False),  # 7 stays a number, and "7" a string
                    rev=1,
                    shelf=SHELF.key,
                    site="",
                    language=language,
                    at=0,
                    sparse=passage_weights(text, average),
                    dense=vector,
                )
                for number, ((document, language, _), text, vector) in enumerate(
                    zip(some, texts, vectors.of(texts, "passage"), strict=True)
                )
            ]
            index.upsert(points)
            _tell(f"\r{start + len(points)} of {len(pieces)} parts", end="")
        (folder / WHOLE).touch()
        _tell(f"\n{len(documents)} documents in {folder}")
    finally:
        index.close()
        vectors.close()


def search(file: Path, folder: Path, mode: Mode, limit: int, out: TextIO) -> None:
    if not (folder / WHOLE).is_file():
        raise BadLine(f"no index in {folder}, or one that was never finished: make it with `index` first")
    queries = read(file, Asked)
    vectors, index = Vectors(folder), EdgeIndex(folder)
    try:
        if index.ensure(MODEL, SIZE):
            raise BadLine(f"the index in {folder} was made with another version: make it anew with `index`")
        for query in queries:
            text = query.text.strip()[:MAX_QUESTION]
            vector = None if mode == "lexical" or not text else vectors.of([text], "query")[0]
            found = gather(index, [phrase(text, vector)], ONLY, mode, max(POOL, 2 * limit))
            best: dict[str, float] = {}
            for name, score in found.scores.items():
                best[found.pages[name]] = max(score, best.get(found.pages[name], 0.0))
            results = [{"id": json.loads(name), "score": round(best[name], 6)} for name in fusion.ranked(best)[:limit]]
            out.write(json.dumps({"id": query.id, "results": results}, ensure_ascii=False) + "\n")
    finally:
        index.close()
        vectors.close()


def _rows(index: EdgeIndex) -> Iterator[tuple[str, str, int, bool]]:
    after = ""
    while rows := index.ids(after, 1_000):
        yield from rows
        after = rows[-1][0]


def _tell(text: str, end: str = "\n") -> None:
    sys.stderr.write(text + end)
    sys.stderr.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("index", "search"):
        command = commands.add_parser(name)
        command.add_argument("file", type=Path)
        command.add_argument("--index", type=Path, default=FOLDER, help=f"folder, {FOLDER} by default")
        if name == "search":
            command.add_argument("--mode", choices=get_args(Mode), default="hybrid")
            command.add_argument("--limit", type=_number, default=10)
    return parser


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= MOST):
        raise argparse.ArgumentTypeError(f"a number from 1 to {MOST} is wanted")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
