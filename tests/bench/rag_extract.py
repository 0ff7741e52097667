"""How well is the text of a page found? `python -m tests.bench.rag_extract [FOLDER]`; also under pytest -m bench.

Own pages (tests/data/pages: 10 layouts x 5 stories, English and Chinese, several charsets): wanted and unwanted
segments, scored as trafilatura scores its own set (a segment is found when the text contains it). Beside ours:
trafilatura's plain call, justext and all text. With a FOLDER of saved pages ours is held against trafilatura's plain
call word by word. Then bits of fingerprints of pairs, and pages a second of the parser in processes apart.
"""

import argparse
import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Template

import msgspec
import pytest

from domain.errors import BadInput
from domain.knowledge import extract
from domain.knowledge.ports import Fetched
from domain.knowledge.simhash import distance, simhash
from infra.parsing import ChildParser

PAGES = Path(__file__).parents[1] / "data/pages"
CHARSETS = {"en": ("utf-8", "windows-1252", "utf-16"), "zh": ("utf-8", "gbk", "gb18030", "utf-16")}


class Case(msgspec.Struct):
    name: str
    body: bytes
    wanted: list[str]
    unwanted: list[str]


def cases() -> Iterator[Case]:
    stories = json.loads((PAGES / "stories.json").read_text())
    for at, layout in enumerate(sorted(PAGES.glob("*.html"))):
        comment, _, html = layout.read_text().partition("-->")
        unwanted = [row.strip() for row in comment.removeprefix("<!--").splitlines()]
        for number, story in enumerate(stories):
            choice = CHARSETS[story["lang"]] if layout.stem != "portal" else CHARSETS["zh"]
            charset = choice[(at + number) % len(choice)]
            parts = {f"p{n}": text for n, text in enumerate(story["p"], 1)}
            parts |= {f"i{n}": text for n, text in enumerate(story["items"], 1)}
            filled = Template(html).safe_substitute(
                parts, lang=story["lang"], charset=charset, title=story["title"], h=story["h"]
            )
            body = filled.encode(charset, "xmlcharrefreplace")
            yield Case(f"{layout.stem}-{number}", body, [*story["p"], *story["items"]], unwanted)


def fetched(body: bytes) -> Fetched:
    return Fetched(url="https://example.com/a", status=200, content_type="text/html", charset="", body=body)


def ours(body: bytes) -> str:
    try:
        return extract.page(fetched(body)).text
    except BadInput:
        return ""


def plain(body: bytes) -> str:
    from trafilatura import extract as call

    return call(body, include_comments=False) or ""


def justext(body: bytes) -> str:
    from justext import justext as call

    # Without stop words, as its authors advise for languages that it has no list of (Chinese).
    parts = call(body, frozenset(), stopwords_low=0, stopwords_high=0, length_low=20, length_high=80)
    return "\n".join(part.text for part in parts if not part.is_boilerplate)


def everything(body: bytes) -> str:
    from lxml.html import fromstring

    return " ".join(fromstring(body).itertext())


WAYS: dict[str, Callable[[bytes], str]] = {
    "ours": ours, "trafilatura, plain call": plain, "justext": justext, "all text": everything,
}  # fmt: skip


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def score(read: Callable[[bytes], str]) -> tuple[float, float, float]:
    """Return precision, recall and F1 over all segments."""
    right = wrong = missed = 0
    for case in cases():
        text = flat(read(case.body))
        found = sum(flat(segment) in text for segment in case.wanted)
        right, missed = right + found, missed + len(case.wanted) - found
        wrong += sum(segment in text for segment in case.unwanted)
    precision, recall = right / max(1, right + wrong), right / max(1, right + missed)
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def show() -> dict[str, float]:
    found: dict[str, float] = {}
    print(f"{len(list(cases()))} own pages")
    for name, read in WAYS.items():
        started = time.perf_counter()
        precision, recall, found[name] = score(read)
        spent = (time.perf_counter() - started) / len(list(cases())) * 1000
        print(f"  {name:24} P {precision:.3f}  R {recall:.3f}  F1 {found[name]:.3f}   {spent:5.1f} ms a page")
    return found


def against(folder: Path) -> None:
    """Print how our words differ from those of trafilatura's plain call, page by page where they do."""
    shares: list[tuple[float, str]] = []
    for path in sorted(folder.glob("*.html")):
        one, other = (Counter(re.findall(r"\w+", read(path.read_bytes()))) for read in (ours, plain))
        shared = 2 * (one & other).total() / max(1, one.total() + other.total())
        shares.append((shared if one or other else 1.0, path.name))
    print(f"{len(shares)} saved pages: same words in {sum(share > 0.999 for share, _ in shares)}")
    for share, name in sorted(shares)[:5]:
        print(f"  {share:.3f} {name}")


def fingerprints() -> None:
    stories = json.loads((PAGES / "stories.json").read_text())
    texts = ["\n".join([*story["p"], *story["items"]]) for story in stories]
    prints = [simhash(text) for text in texts]
    pairs = list(zip(prints, texts, strict=True))
    edited = [distance(a, simhash(re.sub("boat|starter|message|市集|滤芯", "XY", text, count=1))) for a, text in pairs]
    footers = [distance(a, simhash(text + "\n© 2024. All rights reserved.")) for a, text in pairs]
    others = [distance(a, b) for at, a in enumerate(prints) for b in prints[at + 1 :]]
    print(
        f"bits of 64: one word edited {sorted(edited)}, a footer more {sorted(footers)}, another text {sorted(others)}"
    )


async def speed(bodies: list[bytes]) -> None:
    for children in (1, 2):
        parser = ChildParser(children)
        await asyncio.gather(*(parser.page(fetched(bodies[0])) for _ in range(children)))
        started = time.perf_counter()
        await asyncio.gather(*(parser.page(fetched(body)) for body in bodies), return_exceptions=True)
        rate = len(bodies) / (time.perf_counter() - started)
        held = max(child.memory for child in parser.children._idle) >> 20
        await parser.close()
        print(f"{children} process(es) apart: {rate:.0f} pages a second, {held} MiB each at most")


@pytest.mark.bench
def test_ours_is_never_below_the_plain_call() -> None:
    found = show()
    assert found["ours"] >= found["trafilatura, plain call"]
    assert found["ours"] >= 0.926


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", nargs="?", type=Path, help="saved pages, *.html")
    folder = asked.parse_args().folder
    show()
    fingerprints()
    if folder:
        against(folder)
    asyncio.run(speed([p.read_bytes() for p in sorted(folder.glob("*.html"))] if folder else [c.body for c in cases()]))
