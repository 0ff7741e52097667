"""The command line: `run` around a command, `up`, and that nothing is left behind, however it ends."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.infra.local.live import PATIENT_S
from tests.processes import lives

pytestmark = pytest.mark.plane

CALL = "import modal, time; print(modal.Function.from_name('sample', 'square').remote(6), flush=True); "


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MODAL_")}
    # A developer's own credentials must never be read: were they, this file would break every client.
    broken = tmp_path / "credentials.toml"
    broken.write_text("[default\n")
    return ours | {"PARLEY_SAMPLE_NOTES": str(tmp_path), "HOME": str(tmp_path), "MODAL_CONFIG_PATH": str(broken)}


def start(environment: dict[str, str], *then: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-m", "infra.local", "run", "--deploy", "tests.infra.local.sample", "--", *then]
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def running(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """A plane whose command has made a call and now waits, and the containers that it started."""
    process = start(environment, sys.executable, "-c", CALL + "time.sleep(600)")
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "36\n"
        family = psutil.Process(process.pid).children(recursive=True)
        yield process, [each for each in family if "modal._container_entrypoint" in each.cmdline()]
        for each in family:  # the command of a killed plane goes on, as one of a killed shell does
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def gone(processes: list[psutil.Process]) -> bool:
    deadline = time.monotonic() + PATIENT_S
    while time.monotonic() < deadline:
        if not any(lives(each.pid) for each in processes):
            return True
        time.sleep(0.05)
    return False


def test_run_gives_the_status_of_its_command(environment: dict[str, str]) -> None:
    then = "import os; assert os.environ['RUNTIME'] == 'local'; exit(7)"
    process = start(environment, sys.executable, "-c", CALL + then)
    output, _ = process.communicate(timeout=PATIENT_S)
    assert (process.returncode, output) == (7, "36\n")


def test_an_app_without_a_deploy_runs_and_its_prints_are_shown(environment: dict[str, str], tmp_path: Path) -> None:
    app = tmp_path / "brief.py"
    app.write_text(
        "import modal\n"
        "app = modal.App('brief')\n"
        "@app.function()\n"
        "def double(x):\n"
        "    print('in the container')\n"
        "    return 2 * x\n"
        "@app.local_entrypoint()\n"
        "def main():\n"
        "    print('here:', double.remote(21))\n"
    )
    plane = [sys.executable, "-m", "infra.local", "run", "--"]
    ran = subprocess.run(
        [*plane, sys.executable, "-m", "modal", "run", str(app)],
        env=environment, capture_output=True, text=True, timeout=PATIENT_S, check=True,
    )  # fmt: skip
    assert "in the container" in ran.stdout and "here: 42" in ran.stdout
    assert "nothing answers" not in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "--faults", "bogus=1", "--", "true"], "'bogus=1' is not a setting"),
        (["run"], "a command is missing"),
        (["run", "--deploy", "no.such.module", "--", "true"], "No module named 'no'"),
    ],
)
def test_what_cannot_be_is_said_in_words(environment: dict[str, str], arguments: list[str], told: str) -> None:
    plane = [sys.executable, "-m", "infra.local", *arguments]
    ran = subprocess.run(plane, env=environment, capture_output=True, text=True, timeout=PATIENT_S, check=False)
    assert ran.returncode != 0 and told in ran.stderr
    assert "infra/local" not in ran.stderr  # no trace of ours


def test_a_port_that_is_taken_is_said_in_words(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        plane = [sys.executable, "-m", "infra.local", "run", "--port", str(taken.getsockname()[1]), "--", "true"]
        ran = subprocess.run(plane, env=environment, capture_output=True, text=True, timeout=PATIENT_S, check=False)
    assert ran.returncode == 1 and "cannot start" in ran.stderr and "Traceback" not in ran.stderr


def test_a_terminated_plane_ends_its_containers_and_its_command(
    running: tuple[subprocess.Popen[str], list[psutil.Process]],
) -> None:
    process, containers = running
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENT_S) != 0
    assert containers and gone(containers)


def test_a_killed_plane_leaves_no_container(running: tuple[subprocess.Popen[str], list[psutil.Process]]) -> None:
    process, containers = running
    process.kill()
    process.wait()
    assert containers and gone(containers)
