"""What the deployed app declares is what was agreed: tests/functions/golden holds a page per function.

A change that is meant is written by `.venv/bin/python -m tools.golden` and shows in the commit. Read it there: it is
what Modal bills and how it scales.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from deploy.secrets import SECRETS
from functions.pools import CLOUD, Pool
from tools import golden

NAMES = {"Asr.*": "asr", "Tts.*": "tts", "Llm.*": "llm", "Queries.*": "queries", "Passages.*": "passages"}

Declared = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> Declared:
    return asyncio.run(golden.capture(tmp_path_factory.mktemp("plane")))


def pool(name: str) -> Pool:
    return dict(CLOUD.items())[NAMES.get(name, name)]  # type: ignore[index]


def test_every_function_declares_what_its_golden_page_says_and_there_is_no_other(declared: Declared) -> None:
    agreed = {page.name: json.loads(page.read_text(encoding="utf-8")) for page in golden.FOLDER.glob("*.json")}
    assert {golden.path(name).name: json.loads(json.dumps(each)) for name, each in declared.items()} == agreed


def test_the_pool_table_reaches_modal_number_for_number(declared: Declared) -> None:
    assert {NAMES.get(name, name) for name in declared} == set(CLOUD)
    for name, each in declared.items():
        want = pool(name)
        assert each["gpu"] == list(want.gpu)
        assert (each["milli_cpu"], each["memory_mb"]) == (round(want.cpu * 1000), want.memory)
        assert each["autoscaler"] == {
            "min_containers": want.min_containers,
            "max_containers": want.max_containers,
            "buffer_containers": want.buffer_containers,
            "scaledown_window": want.scaledown_window,
        }
        assert (each["timeout_s"], each["startup_timeout_s"]) == (want.timeout, want.startup_timeout)
        assert each["retries"] == want.retries
        assert (each["concurrency"] or 1) == want.concurrency
        assert each["batch"] == ([want.batch.size, want.batch.wait_ms] if want.batch else None)


def test_a_method_that_streams_is_never_retried(declared: Declared) -> None:
    kinds = {name: [method["kind"] for method in each.get("methods", {}).values()] for name, each in declared.items()}
    streaming = [name for name in kinds if "generator" in kinds[name]]
    assert {"Asr.*", "Tts.*", "Llm.*"} <= set(streaming)
    assert [declared[name]["retries"] for name in streaming] == [0] * len(streaming)


def test_the_web_is_one_container_since_turns_live_in_it(declared: Declared) -> None:
    assert declared["web"]["autoscaler"]["max_containers"] == 1
    assert declared["web"]["web"] == "asgi_app"
    assert declared["web"]["volumes"] == ["/data"]


def test_gpu_functions_see_one_secret_the_key_of_their_callers(declared: Declared) -> None:
    assert {name: each["secrets"] for name, each in declared.items() if each["gpu"]} == dict.fromkeys(NAMES, 1)
    assert [each.must for each in SECRETS if each.name == "parley-worker"] == [("WORKER_KEY",)]


def test_every_method_of_a_function_takes_a_token(declared: Declared) -> None:
    methods = {
        f"{name}{method}": said["arguments"]
        for name, each in declared.items()
        for method, said in each.get("methods", {}).items()
    }
    assert len(methods) == 12
    assert {name for name, arguments in methods.items() if arguments[-1] != "token"} == set()


def test_the_crawl_has_a_schedule_and_takes_nothing(declared: Declared) -> None:
    assert declared["crawl"]["schedule"]["cron"] == {"cron_string": "*/30 * * * *", "timezone": "UTC"}


def test_every_page_that_is_written_is_read_by_its_name(tmp_path: Path) -> None:
    assert golden.path("Tts.*").name == "tts.json"
    assert golden.path("web").name == "web.json"
