"""The details of the audit log and what is wrong with orders, in words; devices too."""

import ast
import html
from pathlib import Path
from typing import get_args

import pytest

from domain.audit import happened
from domain.knowledge.shelves import CHANGEABLE
from domain.membership.granting import Refusal
from domain.membership.orders import LATE, Problem
from tests.docs.test_docs import ROOT
from tests.web.real import Real
from tests.web.test_admin import Client, admin, client, real  # noqa: F401 - fixtures
from web.detail_words import NAME_WORDS, PROBLEM_WORDS, VALUE_WORDS, details, problem
from web.i18n import reading
from web.visitors import device_words

NOTING = {"happened", "_note"}  # what writes rows
NOTING_IN = {"shelves.py": {"_tell"}, "passkeys.py": {"_failed"}, "changing.py": {"_changed"}}  # what calls it there
NO_DETAIL = {"actor", "target", "address", "place"}  # their other arguments


def written() -> set[str]:
    """Return the names that details are given anywhere."""
    files = (file for package in ("domain", "infra", "web") for file in (ROOT / package).rglob("*.py"))
    return {name for file in files for name in _names(file)} - NO_DETAIL


def _names(file: Path) -> set[str]:
    if file.match("domain/knowledge/walk.py"):  # its notes are of pages that could not be read
        return set()
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in NOTING | NOTING_IN.get(file.name, set()):
                found |= {each.arg for each in node.keywords if each.arg}
    return found


def test_every_detail_that_is_ever_written_has_words() -> None:
    assert {"way", "found", "problem", "told"} <= written()
    assert written() - set(NAME_WORDS) == set()


def test_everything_that_can_be_wrong_with_an_order_has_words() -> None:
    assert set(PROBLEM_WORDS) == {*get_args(Problem), *get_args(Refusal), LATE, "refused"}
    assert set(CHANGEABLE) <= set(VALUE_WORDS["what"])


def plan(name: str) -> str:
    return f"<{name}>"


@pytest.mark.parametrize(
    ("kept", "english", "chinese"),
    [
        ({"way": "password"}, "way: password", "方式：密码"),
        ({"found": 8}, "found: 8", "找到：8"),
        ({"from": "user", "to": "admin"}, "before: user · after: admin", "之前：用户 · 之后：管理员"),
        ({"what": "depth,every"}, "what: links to follow, how often", "内容：跟随链接的层数、频率"),
        ({"problem": "has_better"}, "trouble: has a better plan", "问题：已有更高的套餐"),
        ({"plan": "plus"}, "plan: <plus>", "套餐：<plus>"),
        ({"shelf": "own", "character": ""}, "read by: its owner", "读者：本人"),
        ({"way": "telepathy", "<b>": "<i>"}, "way: telepathy · <b>: <i>", "方式：telepathy · <b>：<i>"),
    ],
)
def test_details_are_told_in_words_and_what_is_unknown_as_it_is(
    kept: dict[str, str | int], english: str, chinese: str
) -> None:
    with reading("en"):
        assert details(kept, plan) == english
    with reading("zh"):
        assert details(kept, plan) == chinese


def test_what_is_wrong_with_an_order_is_told_in_words() -> None:
    with reading("zh"):
        assert (problem("refused"), problem("late"), problem("martian")) == ("已拒绝", "逾期后付款", "martian")


@pytest.mark.parametrize(
    ("kept", "english", "chinese"),
    [
        ("Chromium on Linux", "Chromium on Linux", "Linux 上的 Chromium"),
        ("curl on Windows", "curl on Windows", "Windows 上的 curl"),
        ("? on iPhone", "iPhone", "iPhone"),
        ("parley-client", "parley-client", "parley-client"),
        ("tea on toast", "tea on toast", "tea on toast"),
        ("100%(x)s on Linux", "100%(x)s on Linux", "Linux 上的 100%(x)s"),
        ("?", "", ""),
    ],
)
def test_a_device_is_told_in_the_language_of_the_page(kept: str, english: str, chinese: str) -> None:
    with reading("en"):
        assert device_words(kept) == english
    with reading("zh"):
        assert device_words(kept) == chinese


def test_the_audit_log_escapes_what_it_has_no_words_for(real: Real, client: Client) -> None:  # noqa: F811 - fixtures
    row = happened("signed_in", real.services.clock.now(), "anna", way="<script>", plan="<u>")
    real.services.members.audit.add([row])
    text = client.get("/admin/audit", headers={"accept-language": "zh"}).text
    assert "方式：<script>" in html.unescape(text) and "<script>" not in text.partition("<table")[2]
