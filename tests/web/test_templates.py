"""The templates by themselves: drawable in both languages, safe under a strict CSP, in step with styles and modules."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from domain.cards import load
from domain.chat import Chat, Cue, Message, Receipt, Sourced
from domain.filing.model import Attachment
from domain.knowledge.model import Citation
from domain.persona import LANGUAGES, Language, Persona
from infra.engines import EngineStatus
from web.assets import STATIC, Assets
from web.met import Met, Offer
from web.render import TEMPLATES, Pages, Ui

CARDS = Path(__file__).parents[2] / "characters"
EVIL = "\"><script>alert('x')</script><b onclick=1>{{ 7 * 7 }}"
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
RECEIPT = Receipt(10, 300, 500, 560, 700, 2_000, early=True, sources=320)
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
SOURCES = {path.relative_to(TEMPLATES): path.read_text("utf-8") for path in sorted(TEMPLATES.rglob("*.html"))}
MODULES = {
    path.relative_to(STATIC): path.read_text("utf-8") for path in STATIC.rglob("*.js") if "vendor" not in path.parts
}


@pytest.fixture(scope="module")
def pages() -> Pages:
    return Pages(Assets())


@pytest.fixture(scope="module")
def personas() -> list[Persona]:
    return load(CARDS)


def chat(title: str = EVIL, language: Language = "en", name: str = "c1") -> Chat:
    return Chat(name, "g1", "socrates", language, title, NOW, NOW)


def said(text: str = EVIL, interrupted: bool = False) -> Message:
    cues = (Cue(text, 0, 900),)
    name = "m3" if interrupted else "m2"
    return Message(name, "c1", "t1", 2, "assistant", text, NOW, interrupted, cues, RECEIPT, cited(text))


def cited(text: str = EVIL) -> Sourced:
    good = Citation(1, text, text, "https://example.org/a?b=1&c=2", text)
    file = Citation(3, text, "", "", text, attachment_id="a1")
    return Sourced((good, Citation(2, text, text, "javascript:alert(1)", text), file))


def heard(text: str = EVIL) -> Message:
    return Message("m1", "c1", "t1", 1, "user", text, NOW)


def attached(state: str, kind: str = "image") -> Attachment:
    return Attachment(
        id=f"{state}-{kind}", owner="g1", chat_id="c1", kind=kind, name=EVIL, url="", file_id="f", media_type=EVIL,  # type: ignore[arg-type]
        size=123_456, state=state, error="file_large" if state == "failed" else "", share=0.4, text=EVIL, cut=True,  # type: ignore[arg-type]
        pages=3, seconds=61.0, width=640, height=480, image_id="i", turn_id="t1", created_at=NOW, moved_at=NOW,
    )  # fmt: skip


OFFER = Met("attachments_not_given", EVIL, "attachments", "", "", Offer("plus", EVIL, EVIL, "$9.99"))
ATTACHING = ("voice/attach.js", "voice/attach-list.js", "voice/attach-uploads.js")
THROWN_IN: dict[str, object] = {
    "waiting": [attached("ready"), attached("reading", "pdf"), attached("failed", "web"), attached("ready", "audio")],
    "sent": {"t1": [attached("ready"), attached("ready", "office")]}, "offer": OFFER, "attach_bytes": 26_214_400,
    "sees": True,
}  # fmt: skip


def every_page(personas: list[Persona]) -> dict[str, dict[str, object]]:
    persona = personas[0]
    asleep = [EngineStatus("tts", "waking", "voice", 1.5), EngineStatus("llm", "failed", "mind", 3.0)]
    lines = [heard(), said(), said(interrupted=True)]
    room = {"chat": chat(), "messages": lines, "engines": asleep, "asleep": True, **THROWN_IN}
    return {
        "gallery/page.html": {"personas": personas},
        "gallery/_recent.html": {"chats": [(chat(), persona), (chat(name="c2"), None)]},
        "character/page.html": {"persona": persona},
        "room/page.html": {**room, "persona": persona, "card": persona.card("en")},
        "room/_heard.html": {"message": heard(), "attachments": (attached("ready"),)},
        "room/_unheard.html": {"text": EVIL},
        "room/_reply.html": {"message": said()},
        "room/_cited.html": {"turn": "t1", "sources": cited(), "chat_id": "c1"},
        "room/_sources.html": {"place": "here", "sources": Sourced(missed=True), "chat_id": ""},
        "attachments/_chips.html": {"waiting": THROWN_IN["waiting"]},
        "attachments/_read.html": {"one": attached("ready"), "link": ("https://a.example/", EVIL), "in_room": True,
                                   "pictured": True},
        "attachments/page.html": {"one": attached("ready", "audio"), "link": None, "in_room": False, "pictured": False},
        "room/_receipt.html": {"receipt": RECEIPT, "message": said()},
        "parts/_engines.html": {"engines": asleep, "asleep": False},
        "history/page.html": {"chats": [(chat(), persona), (chat(name="c2"), None)]},
        "history/_row.html": {"chat": chat(), "persona": None, "deleted": True},
        "errors/page.html": {"status": 503, "code": "broken", "message": EVIL, "retry": True},
        "errors/_fragment.html": {"status": 503, "code": "broken", "message": EVIL, "retry": True},
        "about/page.html": {},
    }


def draw(pages: Pages, name: str, language: Language, context: dict[str, object], theme: str = "auto") -> str:
    return pages.html(name, Ui(language, theme, "/", pages.assets), **context)  # type: ignore[arg-type]


class Tags(HTMLParser):
    """Collects attributes and ids, and checks that elements close in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(html)
        assert self.open == [], f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> says an attribute twice: {names}"
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> inside {self.open}"
        self.open.pop()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_template_is_drawn_well_formed_and_hostile_text_stays_text(
    pages: Pages, personas: list[Persona], language: Language
) -> None:
    for name, context in every_page(personas).items():
        html = draw(pages, name, language, context)
        tags = Tags(html)
        assert "<script>alert" not in html, name
        assert "onclick" not in {attribute for _, attribute, _ in tags.attributes}, name
        ids = [value for _, attribute, value in tags.attributes if attribute == "id"]
        assert len(ids) == len(set(ids)), f"{name}: {[one for one in ids if ids.count(one) > 1]}"


@pytest.mark.parametrize("name", ["room/page.html", "gallery/page.html", "character/page.html"])
def test_pages_draw_when_there_is_nobody_and_nothing(pages: Pages, personas: list[Persona], name: str) -> None:
    gone: dict[str, object] = {"chat": chat(), "persona": None, "card": None, "messages": []}
    gone |= {"engines": [], "asleep": False, "waiting": [], "sent": {}, "offer": None, "attach_bytes": 1, "sees": False}
    contexts: dict[str, dict[str, object]] = {
        "room/page.html": gone,
        "gallery/page.html": {"personas": []},
        "character/page.html": {"persona": personas[-1]},
    }
    Tags(draw(pages, name, "zh", contexts[name]))


def test_once_pages_are_warm_no_template_is_compiled_while_somebody_waits() -> None:
    pages = Pages(Assets())
    pages.warm()
    there = pages._environment.cache
    assert there is not None and {name for _, name in there} == {str(name) for name in SOURCES}


def test_templates_hold_nothing_that_the_content_security_policy_bars() -> None:
    for name, source in SOURCES.items():
        assert not re.search(r"\sstyle=|\son\w+=|hx-on|js:|javascript:|<style", source), name
        assert not re.search(r"<script(?![^>]*\ssrc=)", source), f"{name}: a script without a file"
        assert not re.search(r"https?://(?!www\.w3\.org/)", source), f"{name}: something from elsewhere"


def test_what_changes_something_is_never_a_link() -> None:
    for name, source in SOURCES.items():
        assert not re.search(r"(href|hx-get)=\"[^\"]*/(delete|rename|restore|stop|prepare|settings)\b", source), name


def test_every_form_posts_and_works_without_scripts() -> None:
    for name, source in SOURCES.items():
        for form in re.findall(r"<form[^>]*>", source):
            if 'role="search"' in form:  # looking for something changes nothing
                assert 'method="get"' in form and "action=" in form, f"{name}: {form}"
                continue
            assert 'id="composer"' in form or ('method="post"' in form and "action=" in form), f"{name}: {form}"


def test_every_button_says_what_kind_it_is_or_sends_its_form() -> None:
    for name, source in SOURCES.items():
        outside = re.sub(r"<form.*?</form>", "", source, flags=re.S)
        for button in re.findall(r"<button[^>]*>", outside):
            assert 'type="button"' in button, f"{name}: {button}"


def test_modules_know_only_words_that_the_room_gives_them() -> None:
    given = set(re.findall(r"data-([\w-]+)=", SOURCES[Path("room/_words.html")]))
    given = {re.sub(r"-(\w)", lambda m: m[1].upper(), name) for name in given}
    showing = "".join(MODULES[Path(name)] for name in ("voice/view.js", "voice.js", *ATTACHING))
    used = set(re.findall(r"\bwords\.(\w+)", showing))
    mic = MODULES[Path("voice/mic.js")]
    reasons = set(re.findall(r'MicError\("(\w+)"\)', mic)) | set(re.findall(r'Error: "(\w+)"', mic)) | {"lost"}
    used |= {f"mic{reason.capitalize()}" for reason in reasons}
    states = set(re.findall(r'return "(\w+)";', MODULES[Path("voice/call.js")].split("refresh()")[0]))
    assert used - given == set()
    assert {"hearing", "thinking", "speaking"} <= states
    assert (states | {"listening", "muted"}) - given == set()


def test_modules_ask_only_for_elements_that_the_room_has(pages: Pages, personas: list[Persona]) -> None:
    room = draw(pages, "room/page.html", "en", every_page(personas)["room/page.html"])
    there = set(re.findall(r'\sid="([\w-]+)"', room))
    asked = {one for source in MODULES.values() for one in re.findall(r'\$\("([\w-]+)"\)', source)}
    assert asked - there == set()


def test_every_character_has_a_small_self_contained_portrait(personas: list[Persona]) -> None:
    for persona in personas:
        drawing = (STATIC / "avatars" / f"{persona.id}.svg").read_text("utf-8")
        assert 'viewBox="0 0 240 240"' in drawing
        assert len(drawing) < 6_000
        assert not re.search(r"<script|<image|<use|style=|href=|data:", drawing)


def test_every_hue_has_its_rule() -> None:
    sheet = (STATIC / "app.css").read_text("utf-8")
    assert {int(hue) for hue in re.findall(r'\[data-hue="(\d+)"\]', sheet)} == set(range(0, 360, 15))


def test_a_module_stays_small_enough_to_read() -> None:
    assert {str(name): lines for name, source in MODULES.items() if (lines := source.count("\n")) > 270} == {}
