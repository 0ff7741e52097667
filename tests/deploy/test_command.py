"""`make deploy`, as far as it goes without an account: what it looks at, and how it refuses."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import modal
import pytest

from deploy import checks
from deploy.__main__ import main
from deploy.secrets import Needed
from functions.pools import KIND_SETTING

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KIND_SETTING, "cloud")


def test_a_check_needs_no_account_and_says_what_it_did_not_look_at(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    said = capsys.readouterr().out
    assert "'parley' is declared" in said
    assert "Not looked at" in said


def test_without_a_token_it_says_how_to_get_one(tmp_path: Path) -> None:
    """In a process of its own, where nobody ever logged in; the server's address leads nowhere."""
    config = tmp_path / "modal.toml"
    config.touch()
    env = {name: value for name, value in os.environ.items() if not name.startswith("MODAL_")}
    env |= {"MODAL_CONFIG_PATH": str(config), "MODAL_SERVER_URL": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-m", "deploy"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 1
    assert "modal token new" in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_that_would_lose_conversations_are_refused_before_anything_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "parley.env"
    file.write_text("CORE_URL=sqlite:///var/core.db\nSECRET_KEY=hunter2\n")
    assert main(["--check", "--secrets", str(file)]) == 1
    said = capsys.readouterr()
    assert "SQLite" in said.err
    assert "OPERATOR_KEY" in said.err
    assert "hunter2" not in said.out + said.err


def test_a_file_of_settings_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", "--secrets", str(tmp_path / "absent.env")]) == 1
    assert "no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "found", [{"token_id": "ak-1", "token_secret": "as-1"}, {"oauth_refresh_token": "r"}], ids=["token", "oauth"]
)
def test_either_kind_of_credentials_will_do(found: dict[str, str]) -> None:
    checks.token(found.get)


def test_half_a_token_is_none() -> None:
    with pytest.raises(checks.Trouble, match="no Modal token"):
        checks.token({"token_id": "ak-1"}.get)


def test_a_secret_that_lacks_a_key_is_named_with_the_remedy() -> None:
    def look(needed: Needed) -> None:
        raise modal.exception.NotFoundError("no key OPERATOR_KEY")

    with pytest.raises(checks.Trouble, match=r"parley-web.*OPERATOR_KEY") as caught:
        checks.secrets(look)
    assert "--secrets FILE" in str(caught.value)


def test_a_token_that_modal_refuses_is_no_traceback() -> None:
    def look(needed: Needed) -> None:
        raise modal.exception.AuthError("expired")

    with pytest.raises(checks.Trouble, match="expired"):
        checks.secrets(look)


def test_another_release_line_of_the_client_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: "1.7.0")
    with pytest.raises(checks.Trouble, match=r"1\.7\.0 is installed"):
        checks.offline()


def test_the_entry_can_be_imported_in_a_container_where_the_checkout_is_not(tmp_path: Path) -> None:
    """Modal copies our source to /root and imports the entry there: without requirements, git, or a word of tools."""
    from deploy import modal_app

    for name in modal_app.SOURCE:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    code = "import deploy.modal_app as m, sys; print(m.web, m.crawl, m.visit, 'web.app' in sys.modules, m.ROOT)"
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "MODAL_IS_REMOTE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"Function(web) Function(crawl) Function(visit) False {tmp_path}"
