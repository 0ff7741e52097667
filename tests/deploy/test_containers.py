"""The files for one's own machine, read as Docker would read them. Docker itself is not needed, and was not run."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.config import SETTINGS

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE_TEXT = (ROOT / "infra" / "compose.yaml").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
PINNED = re.compile(r"[a-z0-9/]+:v?\d+\.\d+(\.\d+)?[a-z0-9.-]*\Z")
VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)(:[?-])?([^}]*)\}")
OURS_IN_COMPOSE = {"MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET"}  # Modal's own settings, not ours


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in text.splitlines() if line.strip()]


def arguments(name: str) -> list[str]:
    return [rest for word, rest in instructions() if word == name]


def compose() -> dict[str, Any]:
    loaded = yaml.safe_load(COMPOSE_TEXT)
    assert isinstance(loaded, dict)
    return loaded


SERVICES: dict[str, dict[str, Any]] = compose()["services"]


def example() -> set[str]:
    return set(re.findall(r"^([A-Z0-9_]+)=", EXAMPLE, re.MULTILINE))


def test_the_image_holds_every_package_of_ours_and_the_characters() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {name.split(".")[0] for name in project["tool"]["setuptools"]["packages"]}
    copied = {rest.split("/")[0] for rest in arguments("COPY") if not rest.startswith(("--from", "requirements"))}
    assert copied == packages | {"characters"}


def test_what_the_image_copies_is_let_through_to_the_build() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    for rest in arguments("COPY"):
        if not rest.startswith("--from"):
            source = rest.split("/")[0]
            assert f"!{source}" in lines or f"!{source}/*.txt" in lines, source
    assert "**/.env*" in lines


def test_every_base_image_is_pinned_and_all_stages_share_it() -> None:
    images = {rest.split(" AS ")[0] for rest in arguments("FROM")}
    assert len(images) == 1
    assert PINNED.fullmatch(images.pop())


def test_the_image_runs_on_a_python_that_the_project_supports() -> None:
    version = re.findall(r"FROM python:(\d+)\.(\d+)", DOCKERFILE)[0]
    assert (3, 11) <= tuple(int(part) for part in version) < (3, 15)


def test_the_server_in_the_image_is_nobody_in_particular_and_is_asked_whether_it_lives() -> None:
    words = [word for word, _ in instructions()]
    assert words.index("USER") < words.index("CMD")
    user = arguments("USER")[-1]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user), "a number: Kubernetes and compose can tell that it is not root"
    assert f"--uid {user.split(':')[0]}" in DOCKERFILE
    [health] = arguments("HEALTHCHECK")
    command = json.loads(health.split("CMD ", 1)[1])
    assert command == ["python", "-m", "deploy.alive"]
    assert json.loads(arguments("CMD")[-1]) == ["python", "-m", "web"]


def test_nothing_is_installed_without_a_hash() -> None:
    installs = [step for run in arguments("RUN") for step in run.split("&&") if "pip install" in step]
    assert installs
    assert all("--require-hashes" in step for step in installs)
    assert not [run for run in arguments("RUN") if re.search("curl|wget|git ", run)]
    assert [step.split()[-1] for run in arguments("RUN") for step in run.split("&&") if "apt-get install" in step] == [
        "libgomp1"
    ]
    for lock in ("base", "models", "databases", "build"):
        assert (ROOT / "requirements" / f"{lock}.txt").is_file()


def test_no_secret_is_in_the_image() -> None:
    assert not [rest for rest in [*arguments("ENV"), *arguments("ARG")] if re.search("SECRET|PASSWORD|TOKEN|KEY", rest)]
    assert not arguments("ADD")
    assert not [rest for rest in arguments("COPY") if rest.startswith(". ")]


def test_the_settings_of_the_image_are_settings() -> None:
    known = {setting.name for setting in SETTINGS}
    set_here = set(re.findall(r"([A-Z_]+)=", " ".join(arguments("ENV"))))
    others = {"PATH", "PYTHONUNBUFFERED", "PYTHONWARNINGS", "PIP_NO_INPUT", "PIP_NO_CACHE_DIR"}
    assert set_here - known == others | {"PIP_DISABLE_PIP_VERSION_CHECK"}


def test_compose_has_the_web_and_three_stores_each_with_a_volume_and_a_health_check() -> None:
    assert set(SERVICES) == {"weights", "web", "mysql", "postgres", "qdrant"}
    volumes = set(compose()["volumes"])
    for name in ("mysql", "postgres", "qdrant"):
        service = SERVICES[name]
        assert PINNED.fullmatch(service["image"]), service["image"]
        assert service["healthcheck"]["test"]
        assert [volume for volume in service["volumes"] if volume.split(":")[0] in volumes], name
        assert "ports" not in service, "only the web is reached from outside"
    assert {volume.split(":")[0] for volume in SERVICES["web"]["volumes"]} <= volumes


def test_the_web_waits_for_its_database_and_its_models() -> None:
    conditions = {name: wait["condition"] for name, wait in SERVICES["web"]["depends_on"].items()}
    assert conditions == {"mysql": "service_healthy", "weights": "service_completed_successfully"}
    assert SERVICES["web"]["environment"]["CORE_URL"].endswith("@mysql/parley")
    assert SERVICES["web"]["ports"] == ["127.0.0.1:${PORT:-7210}:7210"]


@pytest.mark.parametrize("name", ["weights", "web"])
def test_our_containers_may_do_little(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", ["weights", "web"])
def test_every_setting_that_compose_passes_on_is_one(name: str) -> None:
    known = {setting.name for setting in SETTINGS} | OURS_IN_COMPOSE
    assert set(SERVICES[name]["environment"]) - known == set()


def test_every_variable_of_compose_is_in_the_example_and_in_the_page_and_no_other() -> None:
    used = {name for name, _, _ in VARIABLE.findall(COMPOSE_TEXT)}
    assert used == example()
    assert {name for name in used if f"`{name}`" not in PAGE} == set()


# Keys of what a deployment may do without: an endpoint, a bucket, a payment provider.
OPTIONAL = ("LLM_", "FILES_", "STRIPE_", "WECHAT_")


def test_no_password_has_a_default() -> None:
    for name, sign, default in VARIABLE.findall(COMPOSE_TEXT):
        if re.search("PASSWORD|_KEY$", name) and not name.startswith(OPTIONAL):
            assert sign == ":?", f"{name} is not required"
            assert default, "say what is missing"
    filled = dict(re.findall(r"^([A-Z0-9_]+)=(.*)$", EXAMPLE, re.MULTILINE))
    assert {name for name, value in filled.items() if value and re.search("PASSWORD|KEY|TOKEN", name)} == set()
    values = yaml.safe_dump(SERVICES)
    assert not re.search(r"(PASSWORD|SECRET|KEY): (?!\$\{)[^\n]*\w", values.replace("RANDOM_ROOT_PASSWORD", ""))


def test_git_leaves_the_filled_example_out() -> None:
    done = subprocess.run(["git", "check-ignore", ".env"], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == ".env"


def test_the_health_check_of_the_image_tells_a_server_from_none(unused_port: int) -> None:
    env = {"PORT": str(unused_port), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-m", "deploy.alive"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 1
    assert "refused" in done.stderr
