"""The settings of accounts, and what a server on the internet refuses to start with."""

import os
from pathlib import Path

import pytest

from deploy.secrets import problems
from infra.config import ConfigError, read
from infra.settings import SETTINGS

# Made for these tests, and of no use anywhere else.
GOOD = {
    "PRODUCTION": "1",
    "SECRET_KEY": "qLw8Zr0uXk2VtNn5bHc7Jp3Fy6Gm1Ds9",
    "AUDIT_KEY": "Ta5Rb8Yw2Ez6Qv0Lk4Pn9Cx3Mj7Hg1Uf",
    "WORKER_KEY": "e0Vd4Kr8Bt2Zn6Xs1Wp5Gy9Lh3Qc7Mfa",
    "OPERATOR_KEY": "N7jU3mR9xT5vB1kZ8qL4wF0cH6pY2dEg",
    "PUBLIC_URL": "https://parley.example",
    "MAIL": "smtp://us:pa@mail.parley.example:587",
    "PAYMENTS": "off",
}


def refused(folder: Path, **change: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read({**GOOD, "DATA_DIR": str(folder), **change})
    return str(caught.value)


def test_good_settings_serve_in_production(tmp_path: Path) -> None:
    config = read({**GOOD, "DATA_DIR": str(tmp_path)})
    assert config.production
    assert (config.worker_key, config.audit_key) == (GOOD["WORKER_KEY"], GOOD["AUDIT_KEY"])
    assert config.mail_from == "parley@parley.example"
    assert list(tmp_path.iterdir()) == []  # no key of its own was made


@pytest.mark.parametrize("name", ["SECRET_KEY", "AUDIT_KEY", "WORKER_KEY"])
def test_production_refuses_a_key_that_was_made_by_itself(tmp_path: Path, name: str) -> None:
    assert f"{name} is not set" in refused(tmp_path, **{name: ""})


@pytest.mark.parametrize("name", ["SECRET_KEY", "AUDIT_KEY", "WORKER_KEY", "OPERATOR_KEY"])
@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("qLw8Zr0uXk2VtNn5bHc7Jp3Fy6Gm1Ds", "is too short"),
        ("changeme-changeme-changeme-0123456789", "can be guessed"),
        ("my-very-SECRET-key-of-long-long-words", "can be guessed"),
        ("a" * 64, "can be guessed"),
        ("12341234" * 8, "can be guessed"),
    ],
)
def test_production_refuses_short_and_default_keys_and_names_the_setting(
    tmp_path: Path, name: str, key: str, words: str
) -> None:
    said = refused(tmp_path, **{name: key})
    assert f"{name} {words}" in said
    assert key not in said


@pytest.mark.parametrize(
    ("one", "other"),
    [("SECRET_KEY", "AUDIT_KEY"), ("SECRET_KEY", "WORKER_KEY"), ("OPERATOR_KEY", "WORKER_KEY")],
)
def test_production_refuses_one_key_for_two_things(tmp_path: Path, one: str, other: str) -> None:
    for again in (GOOD[one], GOOD[one].upper(), GOOD[one] + "x"):
        said = refused(tmp_path, **{other: again})
        assert one in said
        assert other in said
        assert "must be its own" in said


@pytest.mark.parametrize(
    ("holder", "value"),
    [
        ("CORE_URL", "mysql://parley:{}@db.example/parley"),
        ("MAIL", "smtp://us:{}@mail.example:587"),
        ("LLM_API_KEY", "{}"),
    ],
)
def test_production_refuses_a_key_that_others_hold_too(tmp_path: Path, holder: str, value: str) -> None:
    said = refused(tmp_path, **{holder: value.format(GOOD["SECRET_KEY"])})
    assert f"SECRET_KEY is also used in {holder}" in said
    assert GOOD["SECRET_KEY"] not in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"PUBLIC_URL": ""}, "PUBLIC_URL must begin with https://"),
        ({"PUBLIC_URL": "http://parley.example"}, "PUBLIC_URL must begin with https://"),
        ({"MAIL": ""}, "MAIL is the outbox"),
        ({"MAIL": "outbox"}, "MAIL is the outbox"),
        ({"ARGON2": "1024,2,1"}, "ARGON2 is below"),
        ({"ARGON2": "19456,1,4"}, "ARGON2 is below"),
        ({"BENCH": "1"}, "BENCH opens a door"),
    ],
)
def test_production_refuses_what_is_meant_for_a_laptop(tmp_path: Path, change: dict[str, str], words: str) -> None:
    assert words in refused(tmp_path, **change)


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    said = refused(tmp_path, SECRET_KEY="", PUBLIC_URL="", MAIL="")
    assert all(name in said for name in ("SECRET_KEY", "PUBLIC_URL", "MAIL"))


def test_production_may_keep_its_chats_in_a_file_and_do_without_the_page_of_costs(tmp_path: Path) -> None:
    config = read({**GOOD, "DATA_DIR": str(tmp_path), "CORE_URL": "sqlite:////data/core.db", "OPERATOR_KEY": ""})
    assert config.production


def test_a_deployment_is_checked_for_production_before_it_is_made() -> None:
    knowledge = {"PAGES_URL": "postgresql://u:p@db.example/pages", "QDRANT_URL": "https://q.example:6333"}
    env = {**GOOD, "CORE_URL": "mysql://u:p@db.example/parley", **knowledge}
    assert problems(env) == []
    assert problems({**env, "PUBLIC_URL": ""}) == []  # Modal gives it an https address
    assert "AUDIT_KEY" in problems({**env, "AUDIT_KEY": env["SECRET_KEY"]})[0]


def test_a_laptop_makes_three_keys_of_its_own_and_keeps_them(tmp_path: Path) -> None:
    first, second = read({"DATA_DIR": str(tmp_path)}), read({"DATA_DIR": str(tmp_path)})
    keys = [first.secret_key, first.audit_key, first.worker_key]
    assert keys == [second.secret_key, second.audit_key, second.worker_key]
    assert len(set(keys)) == 3
    assert min(map(len, keys)) >= 32
    assert {os.stat(file).st_mode & 0o077 for file in tmp_path.iterdir()} == {0}


@pytest.mark.parametrize("name", ["SECRET_KEY", "AUDIT_KEY", "WORKER_KEY"])
def test_a_short_key_is_refused_on_a_laptop_too(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is too short"):
        read({"DATA_DIR": str(tmp_path), name: "k" * 31})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("ARGON2", value)
            for value in ("", "19456", "19456,2", "19456,2,1,1", "a,b,c", "0,1,1", "64,1,16", "-1,2,1")
        ),
        *(("ARGON2", value) for value in ("9999999,1,1", "19456,0,1", "19456,2,0", "\u0661,1,1")),
        *(("REFRESH_DAYS", value) for value in ("0", "366", "x", "-1")),
        *(("MAIL", value) for value in ("smtp://", "mail.example", "http://mail.example", "smtp://h:99999999")),
        *(("MAIL_FROM", value) for value in ("nobody", "a@b\nBcc: c@d", "a@b, c@d")),
        *(("REDIS_URL", value) for value in ("localhost:6379", "http://h", "redis://")),
        ("SECURITY_QUESTION", "yes"),
        ("PRODUCTION", "true"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(tmp_path: Path, name: str, value: str) -> None:
    env = {"DATA_DIR": str(tmp_path), name: value}
    if value == "":
        assert read(env).argon2 == (19_456, 2, 1)
        return
    with pytest.raises(ConfigError, match=name):
        read(env)


def test_the_settings_of_accounts_are_read(tmp_path: Path) -> None:
    config = read(
        {
            "DATA_DIR": str(tmp_path),
            "ARGON2": "65536,3,4",
            "REFRESH_DAYS": "7",
            "ADMIN": " anna ",
            "MAIL_FROM": "Parley <hello@parley.example>",
            "REDIS_URL": "redis://127.0.0.1:6379/1",
            "SECURITY_QUESTION": "extra",
        }
    )
    assert (config.argon2, config.refresh_days, config.admin) == ((65_536, 3, 4), 7, "anna")
    assert config.mail_from == "Parley <hello@parley.example>"
    assert (config.redis_url, config.security_question, config.mail) == ("redis://127.0.0.1:6379/1", "extra", "outbox")


def test_defaults_that_are_told_are_the_defaults(tmp_path: Path) -> None:
    told = {setting.name: setting.default for setting in SETTINGS}
    config = read({"DATA_DIR": str(tmp_path)})
    assert ",".join(map(str, config.argon2)) == told["ARGON2"]
    assert (str(config.refresh_days), config.security_question) == (told["REFRESH_DAYS"], told["SECURITY_QUESTION"])


def test_only_a_model_that_could_see_is_shown_pictures(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="LLM_SEES"):
        read({"DATA_DIR": str(tmp_path), "LLM_SEES": "1"})
    endpoint = {"LLM_BASE_URL": "http://127.0.0.1:9/v1", "LLM_MODEL": "some-model"}
    assert read({"DATA_DIR": str(tmp_path), **endpoint, "LLM_SEES": "1"}).llm_sees
    assert not read({"DATA_DIR": str(tmp_path), **endpoint}).llm_sees


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"FILES_URL": "https://bucket.example"}, "FILES_URL cannot be used: give s3://bucket"),
        ({"FILES_URL": "s3://"}, "FILES_URL cannot be used"),
        ({"FILES_URL": "s3://bucket/ours"}, "FILES_KEY and FILES_SECRET must be too"),
        ({"FILES_URL": "s3://bucket", "FILES_KEY": "key"}, "FILES_KEY and FILES_SECRET must be too"),
        ({"FILES_ENDPOINT": "bucket.example"}, "FILES_ENDPOINT cannot be used"),
        ({"FILES_MOST": "0"}, "FILES_MOST='0': use a number from 1"),
        ({"FILES_MOST_MB": "lots"}, "FILES_MOST_MB='lots'"),
        ({"FILES_TEMPORARY_HOURS": "0"}, "FILES_TEMPORARY_HOURS='0'"),
    ],
)
def test_where_files_are_is_said_whole(tmp_path: Path, change: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        read({"DATA_DIR": str(tmp_path), **change})
    assert words in str(wrong.value)


def test_files_are_on_this_machine_unless_a_bucket_is_named(tmp_path: Path) -> None:
    here = read({"DATA_DIR": str(tmp_path)})
    assert (here.files_url, here.files_most, here.files_most_mb, here.files_temporary_hours) == ("", 20, 200, 24)
    there = read(
        {"DATA_DIR": str(tmp_path), "FILES_URL": "s3://bucket/ours/", "FILES_KEY": "k", "FILES_SECRET": "s",
         "FILES_ENDPOINT": "http://127.0.0.1:9000/", "FILES_REGION": "eu-central-1"}
    )  # fmt: skip
    assert (there.files_url, there.files_endpoint, there.files_region) == (
        "s3://bucket/ours", "http://127.0.0.1:9000", "eu-central-1",
    )  # fmt: skip
