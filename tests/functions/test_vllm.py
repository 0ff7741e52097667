"""vLLM as a child process, with a small program of our own standing for the `vllm` command."""

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from domain.chat import Line
from domain.errors import Unavailable
from domain.ports import Prompt
from domain.usage import Meter
from functions.engines import vllm_llm
from functions.engines.setting import BadSetting
from functions.engines.vllm_llm import Vllm, VllmFailed, VllmLlm
from tests.bench.server import free_port
from tests.processes import lives

pytestmark = pytest.mark.anyio
PROMPT = Prompt("chat", "You are Odo.", (Line("user", "Hi"),), 50, 0.3)

# Behaves as WAY says: well, crashes, hangs, ignores being asked to end. Starts a process of its own, as vLLM does.
PROGRAM = '''
import json, os, signal, subprocess, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
way, notes = os.environ["WAY"], os.environ["NOTES"]
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open(notes, "w") as file:
    json.dump({"arguments": sys.argv[1:], "pids": [os.getpid(), helper.pid]}, file)
print("loading weights", flush=True)
if way == "crash":
    print("CUDA out of memory", file=sys.stderr, flush=True)
    sys.exit(3)
if way == "hang":
    time.sleep(600)
if way == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
key = os.environ["VLLM_API_KEY"]
starting = [503, 503]

class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(starting.pop() if starting else 200)
        self.end_headers()

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != "Bearer " + key or asked["model"] != "parley":
            self.send_response(401)
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for word, end in (("Hello ", None), ("there.", None), ("", "stop")):
            delta = {"index": 0, "delta": {"content": word}, "finish_reason": end}
            event = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [delta]}
            self.wfile.write(("data: " + json.dumps(event) + "\\n\\n").encode())
        self.wfile.write(b"data: [DONE]\\n\\n")

    def log_message(self, *_):
        pass

port = int(sys.argv[sys.argv.index("--port") + 1])
ThreadingHTTPServer(("127.0.0.1", port), Answer).serve_forever()
'''


class Program:
    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.path = folder / "fake_vllm.py"
        self.path.write_text(PROGRAM)
        self.notes = folder / "notes.json"
        self._patch = patch
        patch.setenv("NOTES", str(self.notes))
        patch.setattr(vllm_llm, "_free_port", free_port)  # one that nobody gets who calls out meanwhile

    def llm(self, way: str = "well", start_s: float = 120.0) -> VllmLlm:
        self._patch.setenv("WAY", way)
        return VllmLlm(Path("/weights/some"), (sys.executable, str(self.path)), ("--max-model-len", "8192"), start_s)

    @property
    def said(self) -> dict[str, list[object]]:
        import json

        said: dict[str, list[object]] = json.loads(self.notes.read_text())
        return said

    def gone(self) -> bool:
        """Whether every process that the program was or started has ended."""
        until = time.monotonic() + 60
        while any(lives(int(str(pid))) for pid in self.said["pids"]):
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    return Program(tmp_path, monkeypatch)


@pytest.fixture
def llm(program: Program) -> Iterator[VllmLlm]:
    llm = program.llm()
    llm.load()
    yield llm
    llm.close()


async def said(llm: VllmLlm, meter: Meter | None = None) -> list[str]:
    async with aclosing(llm.reply(PROMPT, meter)) as deltas:
        return [delta async for delta in deltas]


async def test_it_is_waited_for_and_then_answers(program: Program, llm: VllmLlm) -> None:
    meter = Meter()
    assert await said(llm, meter) == ["Hello ", "there."]
    assert meter.tokens_out > 0 and meter.engine_s > 0
    arguments = program.said["arguments"]
    assert arguments[:4] == ["serve", "/weights/some", "--host", "127.0.0.1"]
    assert arguments[-2:] == ["--max-model-len", "8192"]
    assert not any("key" in str(word) for word in arguments), "others can read a command line"


async def test_before_it_is_loaded_it_is_waking(program: Program) -> None:
    with pytest.raises(Unavailable, match="engine_waking"):
        await said(program.llm())


async def test_closing_ends_it_and_what_it_started(program: Program, llm: VllmLlm) -> None:
    assert len(program.said["pids"]) == 2
    llm.close()
    assert program.gone()
    with pytest.raises(Unavailable, match="engine_waking"):
        await said(llm)


def test_one_that_does_not_end_when_asked_is_made_to(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_llm, "STOP_S", 0.2)
    llm = program.llm("stubborn")
    llm.load()
    llm.close()
    assert program.gone()


def test_a_crash_at_the_start_is_told_with_its_last_words(program: Program) -> None:
    llm = program.llm("crash")
    with pytest.raises(VllmFailed, match=r"ended with 3[\s\S]*CUDA out of memory"):
        llm.load()
    assert program.gone(), "also what it had started"


def test_one_that_never_comes_up_is_ended_and_told(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    wait = Vllm.wait

    def once_it_has_spoken(vllm: Vllm, seconds: float) -> None:
        while "loading weights" not in vllm._said():
            time.sleep(0.02)
        wait(vllm, seconds)

    monkeypatch.setattr(Vllm, "wait", once_it_has_spoken)
    llm = program.llm("hang", start_s=1.0)
    with pytest.raises(VllmFailed, match=r"within 1 s[\s\S]*loading weights"):
        llm.load()
    assert program.gone()


async def test_a_death_after_the_start_is_unavailable_until_it_has_started_again_by_itself(
    program: Program, llm: VllmLlm
) -> None:
    os.kill(int(str(program.said["pids"][0])), 9)
    while llm._vllm is not None and llm._vllm.alive:  # noqa: ASYNC110 - a process has no event to wait for
        await asyncio.sleep(0.01)
    with pytest.raises(Unavailable, match="llm_failed"):
        await said(llm)
    first = program.said["pids"]
    answer = None
    while answer is None:
        try:
            answer = await said(llm)
        except Unavailable as error:
            assert error.code == "engine_waking"  # noqa: PT017 - what is met on the way to the answer
            await asyncio.sleep(0.02)
    assert answer == ["Hello ", "there."]
    assert not any(lives(int(str(pid))) for pid in first)


def test_without_the_program_the_setting_is_named() -> None:
    with pytest.raises(BadSetting, match="LLM_ENGINE=vllm"):
        VllmLlm(Path("/weights/some"), ("no-such-program-here",)).load()
