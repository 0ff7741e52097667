"""What the house writes: every mail in every language, and nothing in it that it should not hold."""

import re
import string
from datetime import UTC, datetime
from typing import get_args

import pytest

from domain.mails import TEXTS, write
from domain.people import MailKind
from domain.persona import LANGUAGES, Language

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WORDS = {
    "username": "anna{0}%s{link}", "link": "https://parley.test/x", "device": "Chromium", "place": "192.0.2.0/24",
    "number": "7", "what": "Plus, one month", "sum": "12.99 USD", "plan": "Plus", "until": "2026-04-01",
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_is_every_mail_in_every_language_with_the_same_places(language: Language) -> None:
    def places(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert set(TEXTS[language]) == set(get_args(MailKind))
    for kind, (subject, body) in TEXTS[language].items():
        assert places(body) == places(TEXTS["en"][kind][1]) and not places(subject)
        assert {"username", "link"} <= places(body)
        assert "\n" not in subject and body.endswith("\n")
        assert not re.search(r"<[a-z]", body)
    if language == "zh":
        assert all(re.search(r"[\u4e00-\u9fff]", subject + body) for subject, body in TEXTS[language].values())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", get_args(MailKind))
def test_names_are_words_and_never_places(kind: MailKind, language: Language) -> None:
    mail = write(kind, language, "anna@x.org", NOON, **WORDS)

    assert WORDS["username"] in mail.body and mail.body.count("https://parley.test/x") == 1
    assert (mail.to, mail.kind, mail.at) == ("anna@x.org", kind, NOON)
    assert mail.id != write(kind, language, "anna@x.org", NOON, **WORDS).id
    if "when" in dict.fromkeys(re.findall(r"\{(\w+)\}", TEXTS[language][kind][1])):
        assert "2026-03-01 12:00 UTC" in mail.body


@pytest.mark.parametrize(
    ("device", "english", "chinese"),
    [
        ("Chromium on Linux", "Chromium on Linux (", "Linux 上的 Chromium"),
        ("? on iPhone", "iPhone (", "iPhone"),
        ("curl/8", "curl/8 (", "curl/8"),
        ("?", "an unknown device (", "未知设备"),
    ],
)
def test_a_device_is_named_in_the_language_of_the_mail(device: str, english: str, chinese: str) -> None:
    words = WORDS | {"device": device}
    assert english in write("new_sign_in", "en", "anna@x.org", NOON, **words).body
    zh = write("new_sign_in", "zh", "anna@x.org", NOON, **words).body
    assert chinese in zh and " on " not in zh
