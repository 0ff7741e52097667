"""Every way inside that we know of, tried where every address answers and each connection is counted."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.needs import program

ROOT = Path(__file__).parents[3]
# In the child's own mounts the name server is ours; in its own network there is nobody else.
SCRIPT = 'mount --bind "$1" /etc/resolv.conf && exec "$2" -m tests.infra.fetch.namespace "$3"'


@pytest.fixture(scope="module", params=[pytest.param("1", marks=pytest.mark.attacks), "29"])
def tried(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What came of all the corpus, and of one in 29 where it has to be quick."""
    program("ip")
    unshare = program("unshare")
    rights = [] if os.geteuid() == 0 else ["--map-root-user"]
    alone = [unshare, *rights, "--net", "--mount"]
    made = subprocess.run([*alone, "true"], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        end = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        end(f"no network namespace can be made here: {made.stderr.strip()}")
    conf = tmp_path_factory.mktemp("namespace") / "resolv.conf"
    conf.write_text("nameserver 127.0.0.53\nsearch inside.corp\n")
    child = subprocess.run(
        [*alone, "sh", "-c", SCRIPT, "sh", str(conf), sys.executable, request.param],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr[-3_000:]
    result: Mapping[str, Any] = json.loads(child.stdout)
    return result


REFUSED = ["literals", "confusions", "doors", "names", "names with robots", "names of a real name server", "redirects"]


@pytest.mark.parametrize("part", REFUSED)
def test_nothing_leads_inside(tried: Mapping[str, Any], part: str) -> None:
    assert tried[part]["inside"] == []
    assert tried[part]["strange"] == []
    assert tried[part]["tried"] > 2


def test_a_name_that_turns_leads_where_it_was_checked(tried: Mapping[str, Any]) -> None:
    assert tried["rebinding"]["inside"] == []
    assert tried["rebinding"]["served"] > 0


@pytest.mark.parametrize("part", ["honest", "honest of a real name server"])
def test_honest_sites_are_reached_under_their_own_names(tried: Mapping[str, Any], part: str) -> None:
    assert tried[part]["refused"] == []
    assert tried[part]["wrong"] == []
    assert tried[part]["tried"] > 50


def test_a_silent_name_server_is_refused_as_any_other(tried: Mapping[str, Any]) -> None:
    assert tried["silent name server"]["code"] == "url_refused"
    assert tried["silent name server"]["seconds"] < 10  # the system's own patience alone is ten


def test_the_canary_sees_a_plain_client_inside(tried: Mapping[str, Any]) -> None:
    assert tried["a plain client"] > 5
