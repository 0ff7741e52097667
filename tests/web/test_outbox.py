"""The page of mail that was not sent: for whoever sits at a development machine, and nobody else."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import TestClient

from domain.people import Mail
from infra.config import Config
from tests.db.test_outbox import mail
from web.assets import Assets
from web.errors import ErrorPages
from web.render import Pages
from web.routes.outbox import outbox

HERE: dict[str, Any] = {"client": ("127.0.0.1", 50_000), "base_url": "http://127.0.0.1:7210"}


class Kept:
    def __init__(self, *mails: Mail) -> None:
        self.mails = list(mails)

    def newest(self, limit: int = 50) -> list[Mail]:
        return self.mails[:limit]


def visit(kept: Kept, config: Config, place: dict[str, Any] = HERE, **headers: str) -> Any:
    pages = Pages(Assets())
    things = {"services": SimpleNamespace(config=config), "outbox": kept, "pages": pages}
    app = Litestar(
        [outbox],
        dependencies={name: Provide(_always(thing), sync_to_thread=False) for name, thing in things.items()},
        exception_handlers=ErrorPages(pages).handlers,  # type: ignore[arg-type]
        openapi_config=None,
        logging_config=None,
    )
    inner: Any = app.asgi_handler

    async def from_there(scope: Any, receive: Any, send: Any) -> None:
        await inner({**scope, "client": place["client"]}, receive, send)

    app.asgi_handler = from_there
    with TestClient(app, base_url=place["base_url"]) as client:
        return client.get("/outbox", headers={"accept": "text/html", **headers})


def _always(thing: object) -> Any:
    return lambda: thing


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data_dir=tmp_path)


def test_mail_is_shown_with_its_links_and_nothing_of_it_is_kept_on_the_way(config: Config) -> None:
    kept = Kept(mail(body="Hello,\n\nhere it is: https://parley.example/recover?token=abc&x=1\nBye"))
    answer = visit(kept, config)
    assert answer.status_code == 200
    link = "https://parley.example/recover?token=abc&amp;x=1"
    assert f'<a href="{link}" rel="noreferrer">{link}</a>' in answer.text
    assert "A new password" in answer.text and "anna@example.org" in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_an_empty_outbox_says_so(config: Config) -> None:
    assert "No mail yet" in visit(Kept(), config).text


SUM = "{{ 1234567 * 7 }}"  # a result that no hash or time of day holds by chance


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", '"><b onclick=1>', "javascript:alert(1)", 'https://x/"onmouseover="1', SUM],
)
def test_hostile_text_stays_text(config: Config, text: str) -> None:
    shown = visit(Kept(mail(subject=text, body=text, to=text)), config).text
    assert "<script>alert" not in shown and "<b onclick" not in shown and str(1_234_567 * 7) not in shown
    assert 'href="javascript' not in shown and '"onmouseover' not in shown


NOT_HERE: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, str]]] = [
    ("a real mail server", {"mail": "smtp://127.0.0.1"}, HERE, {}),
    ("production", {"production": True}, HERE, {}),
    ("listens to others", {"host": "0.0.0.0"}, HERE, {}),  # noqa: S104 - what must be refused
    ("a proxy is announced", {"public_url": "https://parley.example"}, HERE, {}),
    ("a proxy has left its mark", {}, HERE, {"x-forwarded-for": "203.0.113.7"}),
    ("another machine", {}, {**HERE, "client": ("203.0.113.7", 50_000)}, {}),
    ("a name bound to this machine by another site", {}, {**HERE, "base_url": "http://evil.example:7210"}, {}),
]


@pytest.mark.parametrize(("why", "settings", "place", "headers"), NOT_HERE, ids=[case[0] for case in NOT_HERE])
def test_elsewhere_there_is_no_such_page(
    tmp_path: Path, why: str, settings: dict[str, Any], place: dict[str, Any], headers: dict[str, str]
) -> None:
    answer = visit(Kept(mail()), Config(data_dir=tmp_path, **settings), place, **headers)
    assert answer.status_code == 404, why
    assert "anna" not in answer.text
