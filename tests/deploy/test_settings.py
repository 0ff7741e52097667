"""What a deployment refuses, before it is made and once more when its container starts."""

import pytest

from deploy import envfile
from deploy.secrets import SECRETS, problems
from deploy.site import site
from infra.config import SETTINGS, ConfigError

GOOD = {
    "CORE_URL": "mysql://parley:secret-word@db.example/parley",
    "PAGES_URL": "postgresql://parley:secret-word@db.example/pages",
    "QDRANT_URL": "https://qdrant.example:6333",
    "SECRET_KEY": "s" * 40,
    "OPERATOR_KEY": "o" * 40,
    "WORKER_KEY": "w" * 40,
}


def test_good_settings_have_no_problem() -> None:
    assert problems(GOOD) == []
    assert problems({**GOOD, "CORE_URL": "postgresql+psycopg://u:p@db.example:5433/parley?sslmode=require"}) == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "is missing"),
        ("sqlite:///var/core.db", "a container's disk goes with the container"),
        ("sqlite:////data/core.db", "a container's disk goes with the container"),
        ("mysql://u:p@127.0.0.1/parley", "this very machine"),
        ("postgresql:///parley", "this very machine"),
        ("oracle://u:p@db.example/parley", "oracle is no database we know"),
        ("a word", "cannot be read"),
    ],
)
def test_a_database_that_would_lose_conversations_or_cannot_be_reached_is_refused(url: str, words: str) -> None:
    for name in ("CORE_URL", "PAGES_URL"):
        [problem] = problems({**GOOD, name: url})
        assert problem.startswith(name)
        assert words in problem


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "cannot be shared between the containers"),
        ("http://127.0.0.1:6333", "this very machine"),
        ("qdrant", "cannot be read"),
        ("https://[", "cannot be read"),
    ],
)
def test_an_index_that_containers_cannot_share_is_refused(url: str, words: str) -> None:
    [problem] = problems({**GOOD, "QDRANT_URL": url})
    assert problem.startswith("QDRANT_URL")
    assert words in problem


@pytest.mark.parametrize("name", ["SECRET_KEY", "OPERATOR_KEY", "WORKER_KEY"])
@pytest.mark.parametrize("value", ["", "k" * 31])
def test_a_missing_or_short_key_is_refused(name: str, value: str) -> None:
    [problem] = problems({**GOOD, name: value})
    assert problem.startswith(name)


def test_an_endpoint_needs_its_model_and_an_address_needs_https() -> None:
    assert "LLM_MODEL" in problems({**GOOD, "LLM_BASE_URL": "https://llm.example/v1"})[0]
    assert "https" in problems({**GOOD, "PUBLIC_URL": "http://parley.example"})[0]


def test_on_the_local_plane_any_database_will_do_but_keys_are_keys() -> None:
    assert problems({**GOOD, "CORE_URL": "sqlite:///var/core.db", "PAGES_URL": "", "QDRANT_URL": ""}, "laptop") == []
    assert len(problems({}, "laptop")) == 3


def test_no_value_of_a_secret_is_ever_repeated() -> None:
    values = dict.fromkeys(("PAGES_URL", "QDRANT_URL", "SECRET_KEY", "OPERATOR_KEY", "WORKER_KEY"), "secret-word")
    values["CORE_URL"] = "sqlite:///secret-word"
    assert "secret-word" not in " ".join(problems(values))


def test_the_container_refuses_what_the_command_refuses_and_says_where_to_put_it_right() -> None:
    with pytest.raises(ConfigError, match=r"Modal secret parley-web.*SQLite"):
        site({**GOOD, "CORE_URL": "sqlite:///var/core.db"}, "https://x--parley-web.modal.run")


def test_what_secrets_hold_are_settings() -> None:
    known = {setting.name for setting in SETTINGS}
    for needed in SECRETS:
        assert {*needed.must, *needed.may} <= known


def test_a_file_of_settings_is_read_as_people_write_it() -> None:
    text = "# ours\nCORE_URL = mysql://u:p=1@h/d?a=b # c\n\nexport SECRET_KEY='it''s'\nOPERATOR_KEY=\"a b\"\nX=\n"
    assert envfile.parse(text) == {
        "CORE_URL": "mysql://u:p=1@h/d?a=b # c",
        "SECRET_KEY": "it''s",
        "OPERATOR_KEY": "a b",
        "X": "",
    }


def test_a_line_that_is_no_setting_is_named_by_its_number_and_not_by_its_words() -> None:
    with pytest.raises(ValueError, match="line 2") as caught:
        envfile.parse("A=1\nhunter2\n")
    assert "hunter2" not in str(caught.value)
