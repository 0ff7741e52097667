"""Static files: named by their content, kept for ever, small on the wire, and nothing else of the disk."""

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from web.assets import STATIC, TYPES, Assets
from web.render import TEMPLATES

Client = TestClient[Any]


def test_every_file_has_an_address_under_the_hash_of_them_all(reader: Client) -> None:
    assets = Assets()
    files = [path for path in STATIC.rglob("*") if path.is_file() and path.suffix in TYPES]
    assert len(files) > 5
    for path in files:
        answer = reader.get(assets.url(path.relative_to(STATIC).as_posix()))
        assert answer.status_code == 200
        assert answer.content == path.read_bytes()
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"].split(";")[0] == TYPES[path.suffix]


def test_any_change_changes_every_address(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1")
    (tmp_path / "b.css").write_text("2")
    before = Assets(tmp_path)
    assert Assets(tmp_path).version == before.version
    (tmp_path / "b.css").write_text("3")
    assert Assets(tmp_path).url("a.js") != before.url("a.js")


def test_text_is_sent_compressed_to_those_who_take_it(reader: Client) -> None:
    url = Assets().url("icons.svg")
    packed = reader.get(url, headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert packed.content == (STATIC / "icons.svg").read_bytes()
    plain = reader.get(url, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert int(packed.headers["content-length"]) == len(gzip.compress(plain.content, 9, mtime=0))


def test_what_the_browser_has_is_not_sent_again(reader: Client) -> None:
    url = Assets().url("icons.svg")
    etag = reader.get(url).headers["etag"]
    again = reader.get(url, headers={"if-none-match": f'"other", {etag}'})
    assert (again.status_code, again.content) == (304, b"")


def test_a_page_from_before_an_update_gets_todays_file_but_not_to_keep(reader: Client) -> None:
    answer = reader.get("/static/0123456789ab/icons.svg")
    assert answer.status_code == 200
    assert "immutable" not in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    ["../app.py", "..%2fapp.py", "%2e%2e/app.py", "/etc/passwd", "vendor/../../app.py", "vendor", "", "icons.svg/x",
     "icons.svg%00", "vendor/htmx.LICENSE"],
)  # fmt: skip
def test_only_the_files_read_at_start_exist(reader: Client, path: str) -> None:
    assert reader.get(f"/static/0/{path}").status_code == 404


def test_every_file_that_a_template_names_is_there() -> None:
    assets = Assets()
    named = {
        name
        for path in TEMPLATES.rglob("*.html")
        for name in re.findall(r"""ui\.asset\(["']([^"'~]+)["']\)""", path.read_text())
    }
    assert named
    assert sorted(name for name in named if assets.get(name) is None) == []


def test_browsers_that_ask_for_a_favicon_find_one(reader: Client) -> None:
    answer = reader.get("/favicon.ico")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("image/")
