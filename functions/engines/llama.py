"""Qwen2.5 and SmolLM2 on the CPU by llama.cpp (package `xllamacpp`), in this process.

The model keeps one working context and, in memory, a cache of those it left. A prompt that begins as an
earlier one did is read only from where they differ, so a chat must keep its beginning from turn to turn.
Measured on two cores with the 1.5B: 17 ms per token read, 80 ms per token written.
"""

import contextlib
import os
import secrets
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import msgspec

from domain.chat import Line, tokens
from domain.ports import Prompt
from functions.engines.turnstile import Turnstile

# Tokens are read in batches, and only between batches can reading be stopped. 32 reads as fast as 512
# on two cores (measured: 216 tokens of the 1.5B in 3.6 s against 3.5 s) and stops within 0.6 s; 16 costs 20 %.
BATCH = 32
CACHE_MIB = 512  # 28 KB per token of the 1.5B: a dozen long chats
# libgomp's threads by default spin at their barriers for long. On a core that something else wants too,
# that starves both (measured, 0.5B, one busy neighbour: 6 tokens a second against 10; alone the same 24).
SPINS = "3000"
SPARE = 64  # tokens of the context left free, for the lengths of prompts are estimated
LEAST_SHARE = 0.02
# What a small model writes when it goes on to play the other side.
STOPS = (
    "<|im_end|>",
    "<|im_start|>",
    "<|endoftext|>",
    "\nVisitor:",
    "\nUser:",
    "\n对方：",
    "\n用户：",
    "\n对方:",
    "\n用户:",
)
REPLY, PREPARE, CHORE = range(3)  # levels of the turnstile


class Cost(msgspec.Struct, frozen=True):
    """What a call cost: prompt tokens found in the cache and read anew, tokens written."""

    cached: int = 0
    read: int = 0
    written: int = 0


class _TooLong(RuntimeError):
    def __init__(self, tokens: int) -> None:
        super().__init__(f"{tokens} tokens do not fit the context")
        self.tokens = tokens


class LlamaLlm:
    """A gguf file. Calls may come from several threads; the more urgent interrupts the less, which then goes on."""

    def __init__(self, path: Path, threads: int, context: int = 4096) -> None:
        self._context = context
        self._turnstile = Turnstile()
        self._server = _serve(path, threads, context)
        self._server.handle_completions({"prompt": "Hello", "n_predict": 1})  # warms up
        self.cost = Cost()  # of the last call that ended

    def reply(self, prompt: Prompt, stop: threading.Event, level: int = REPLY) -> Iterator[str]:
        """Yield deltas. Ends within a token of `stop` being set, or a batch while it reads. Raises RuntimeError."""
        share = 1.0
        with self._turnstile.inside(level):
            while True:
                text = chatml(prompt.system, self._fitting(prompt, share)) + f"<|im_start|>assistant\n{prompt.opening}"
                try:
                    yield from self._written(text, prompt, stop, level)
                    return
                except _TooLong as error:  # the estimate was short: this text has more tokens than most
                    share *= 0.9 * (self._context - prompt.max_tokens) / error.tokens
                    if share < LEAST_SHARE:
                        raise

    def prepare(self, prompt: Prompt, stop: threading.Event) -> None:
        """Read all but what the user will yet say. A last line of the user's is taken as its beginning."""
        lines = self._fitting(prompt)
        begun = plain(lines[-1].text) if lines and lines[-1].role == "user" else ""
        before = lines[:-1] if begun else lines
        text = f"{chatml(prompt.system, before)}<|im_start|>user\n{begun}"
        done = False
        with self._turnstile.inside(PREPARE), contextlib.suppress(_TooLong):
            while not done and self._turnstile.wait(PREPARE, stop):
                with contextlib.closing(self._complete(text, 0, 0.0, stop, PREPARE)) as deltas:
                    done = any(delta is None for delta in deltas)

    def pause(self) -> AbstractContextManager[None]:
        """Leave the cores to others while the block runs: what is being written stops within a token, then goes on."""
        return self._turnstile.pause()

    def _written(self, text: str, prompt: Prompt, stop: threading.Event, level: int) -> Iterator[str]:
        left = prompt.max_tokens
        while left > 0 and self._turnstile.wait(level, stop):
            with contextlib.closing(self._complete(text, left, prompt.temperature, stop, level)) as deltas:
                for delta in deltas:
                    if delta is None:
                        return
                    left -= 1
                    # Held in the middle of a reply, it goes on from here later: the cache has it all.
                    text += delta
                    yield delta

    def _fitting(self, prompt: Prompt, share: float = 1.0) -> Sequence[Line]:
        """Return the newest lines that fit a share of the context; a last line that alone does not is cut."""
        room = int(share * (self._context - prompt.max_tokens - SPARE - tokens(prompt.system)))
        lines = list(prompt.lines)
        while len(lines) > 1 and sum(tokens(line.text) for line in lines) > room:
            lines.pop(0)
        if lines and tokens(lines[0].text) > room:
            lines[0] = Line(lines[0].role, lines[0].text[: max(room, 0)])
        return lines

    def _complete(
        self, text: str, n: int, temperature: float, stop: threading.Event, level: int
    ) -> Generator[str | None, None, None]:
        """Yield deltas, then None if the model came to its end rather than being stopped or held."""
        ask = {
            "prompt": text,
            "n_predict": n,
            "temperature": temperature,
            "top_p": 0.9,
            "min_p": 0.05,
            "repeat_penalty": 1.1,
            "repeat_last_n": 64,
            "stop": STOPS,
            "stream": True,
            "return_progress": True,  # an event per batch read, so that reading can be stopped too
            "timings_per_token": True,
        }
        events = self._events(ask, lambda: stop.is_set() or self._turnstile.held(level))
        with contextlib.closing(events):
            for event in events:
                if "error" in event:
                    if (length := event["error"].get("n_prompt_tokens")) is not None:
                        raise _TooLong(length)
                    raise RuntimeError(str(event["error"]))
                choice = event["choices"][0]
                if (timings := event.get("timings")) is not None:
                    self.cost = _cost(timings)
                if choice["text"] and n > 0:
                    yield choice["text"]
                if choice["finish_reason"] is not None:
                    yield None

    def _events(self, ask: dict[str, Any], halt: Callable[[], bool]) -> Generator[dict[str, Any], None, None]:
        """Run one completion in a thread of its own, for the package calls back where we want to yield."""
        events: SimpleQueue[dict[str, Any] | Exception | None] = SimpleQueue()
        left = threading.Event()

        def take(event: dict[str, Any]) -> bool:
            events.put(event)
            return left.is_set() or halt()

        def work() -> None:
            try:
                self._server.handle_completions(ask, take)
            except Exception as error:  # noqa: BLE001 - raised where it is awaited
                events.put(error)
            finally:
                events.put(None)

        thread = threading.Thread(target=work, name="llama", daemon=True)
        thread.start()
        try:
            while (event := events.get()) is not None:
                if isinstance(event, Exception):
                    raise RuntimeError("completion failed") from event
                yield event
        finally:
            left.set()
            thread.join()


def plain(text: str) -> str:
    """Return text that is UTF-8 and cannot be taken for the marks between the speakers."""
    return text.encode("utf-8", "replace").decode().replace("<|", "< |").strip()


def chatml(system: str, lines: Sequence[Line]) -> str:
    """Return the conversation in the notation both models were trained on, up to where the next line begins."""
    said = "".join(f"<|im_start|>{line.role}\n{plain(line.text)}<|im_end|>\n" for line in lines)
    return f"<|im_start|>system\n{plain(system)}<|im_end|>\n{said}"


def _read_through(path: Path) -> None:
    """Have the system keep the file in memory, without holding up other threads."""
    chunk = bytearray(16 * 1024 * 1024)
    with path.open("rb", buffering=0) as file:
        while file.readinto(chunk):
            continue


def _cost(timings: dict[str, Any]) -> Cost:
    return Cost(timings["cache_n"], timings["prompt_n"], timings["predicted_n"])


def _serve(path: Path, threads: int, context: int) -> Any:
    """Load the model. The package insists on listening: here on a socket that is gone before anybody finds it."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    import xllamacpp

    _read_through(path)
    params = xllamacpp.CommonParams()
    # The package holds Python's lock while it loads, and pages wait. What it need not do then takes place
    # elsewhere: the disk is read before, a trial load to fit the memory is left out, warming up comes after.
    params.fit_params = params.warmup = False
    params.model.path = str(path)
    params.n_ctx = context
    params.n_parallel = 1
    params.n_batch = params.n_ubatch = BATCH
    params.cache_ram_mib = CACHE_MIB
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.verbosity = 0
    params.ui = params.endpoint_slots = False
    params.n_threads_http = 1
    params.api_keys = [secrets.token_urlsafe(32)]
    with tempfile.TemporaryDirectory(prefix="parley-") as folder:
        params.hostnames = [os.path.join(folder, "llama.sock")]
        return xllamacpp.Server(params)
