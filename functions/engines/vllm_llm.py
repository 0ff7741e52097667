"""An LLM of our own on a GPU: `vllm serve` as a child on loopback, asked as any OpenAI-compatible endpoint is.

A process of its own, because vLLM brings one anyway, and because what crashes there is then told apart from what
crashes here.
"""

import contextlib
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

from domain.errors import Unavailable
from domain.ports import Prompt
from domain.usage import Meter
from functions.engines.openai_llm import OpenAiLlm
from functions.engines.setting import BadSetting

log = logging.getLogger(__name__)
START_S = 840.0  # under the pool's startup timeout, so that the reason is told before Modal ends the container
STOP_S = 10.0
NAME = "parley"
LAST_LINES = 30  # of its log, told when it ends by itself


class VllmFailed(RuntimeError):
    """vLLM didn't come up, or went down. The text has the end of its log, for whoever reads the container's."""


class Vllm:
    """The child process. Its key is random and its address loopback: nobody else can ask it."""

    def __init__(self, model: Path, command: Sequence[str] = ("vllm",), options: Sequence[str] = ()) -> None:
        if shutil.which(command[0]) is None:
            raise BadSetting("LLM_ENGINE", "vllm", "the program vllm is not installed here")
        self.key = secrets.token_urlsafe(24)
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._port = _free_port()
        self._child = subprocess.Popen(  # noqa: S603 - our own command line
            [*command, "serve", str(model), "--host", "127.0.0.1", "--port", str(self._port),
             "--served-model-name", NAME, "--enable-prefix-caching", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, "VLLM_API_KEY": self.key},  # not on the command line, which others can read
            start_new_session=True,  # it starts processes itself; the group ends together
        )  # fmt: skip
        self._reader = threading.Thread(target=self._listen, name="vllm-log", daemon=True)
        self._reader.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def alive(self) -> bool:
        return self._child.poll() is None

    @property
    def pid(self) -> int:
        return self._child.pid

    def wait(self, seconds: float) -> None:
        """Return when it answers; end it and raise VllmFailed when it does not within `seconds`."""
        until = time.monotonic() + seconds
        while not self._healthy():
            if not self.alive:
                failed = self.ended()
                self.close()  # what it started may have outlived it
                raise failed
            if time.monotonic() > until:
                self.close()
                raise VllmFailed(f"vLLM did not come up within {seconds:.0f} s. Its last words:\n{self._said()}")
            time.sleep(0.05)

    def ended(self) -> VllmFailed:
        """Return the error of a child that has gone by itself."""
        self._reader.join(0.5)  # its last words are still on their way
        return VllmFailed(f"vLLM ended with {self._child.poll()}. Its last words:\n{self._said()}")

    def close(self) -> None:
        """End it and what it started: asked first, then made to, after STOP_S seconds."""
        self._signal(signal.SIGTERM)
        try:
            self._child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            log.warning("vLLM does not end when asked")
        self._signal(signal.SIGKILL)  # also whoever of its group outlived it
        self._child.wait()
        self._reader.join(2.0)

    def _signal(self, which: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, which)

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2.0) as answer:  # noqa: S310 - loopback
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError, ValueError):
            return False

    def _listen(self) -> None:
        if self._child.stdout is None:
            return
        with self._child.stdout as lines:
            for line in lines:
                self._lines.append(line.rstrip())
                log.info("vllm: %s", line.rstrip())

    def _said(self) -> str:
        return "\n".join(self._lines) or "(none)"


class VllmLlm:
    """Implements domain.ports.Llm. `load` blocks for minutes; its engine time is counted, for the GPU is ours."""

    continues = False

    def __init__(
        self, model: Path, command: Sequence[str] = ("vllm",), options: Sequence[str] = (), start_s: float = START_S
    ) -> None:
        self._model, self._command, self._options, self._start_s = model, command, options, start_s
        self._vllm: Vllm | None = None
        self._llm: OpenAiLlm | None = None

    def load(self) -> None:
        """Start vLLM and wait until it answers. Raises VllmFailed, BadSetting."""
        self.close()
        self._vllm = Vllm(self._model, self._command, self._options)
        self._vllm.wait(self._start_s)
        self._llm = OpenAiLlm(f"{self._vllm.url}/v1", self._vllm.key, NAME)

    def close(self) -> None:
        vllm, self._vllm, self._llm = self._vllm, None, None
        if vllm is not None:
            vllm.close()

    async def reply(self, prompt: Prompt, meter: Meter | None = None) -> AsyncGenerator[str, None]:
        """Yield deltas. Raises Unavailable; the log tells why, when vLLM is gone."""
        if self._vllm is None or self._llm is None:
            raise Unavailable("engine_waking")
        if not self._vllm.alive:
            log.error("%s", self._vllm.ended())
            self._revive()
            raise Unavailable("llm_failed")
        meter = meter or Meter()
        began = time.perf_counter()
        try:
            async with aclosing(self._llm.reply(prompt, meter)) as deltas:
                async for delta in deltas:
                    yield delta
        finally:
            # Replies run side by side on one GPU: each counts the time that it had one, not its share of it.
            meter.engine_s += time.perf_counter() - began

    def _revive(self) -> None:
        """Start it anew in the background: until then this container, which is paid for, could answer nobody."""

        def again() -> None:
            try:
                self.load()
            except Exception:
                log.exception("vLLM did not start again")

        if (dead := self._vllm) is not None:
            self._vllm = None  # whoever asks meanwhile is told that it wakes
            dead.close()
        threading.Thread(target=again, name="vllm-again", daemon=True).start()

    async def prepare(self, prompt: Prompt, meter: Meter | None = None) -> None:
        """Nothing: vLLM finds the prefixes of earlier prompts itself."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
