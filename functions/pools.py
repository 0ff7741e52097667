"""The pool table: what each function gets. The decorators, the local plane, the simulator, the ledger and the docs
all read it; nothing repeats its numbers (docs/adr/0013-one-runtime-port.md).

`cloud` is what `make deploy` asks of Modal; `laptop` is the same functions on one small machine under the local
plane: no GPU, one container each, and nothing kept warm that nobody talks to.
"""

import os
from typing import Any, Literal

import msgspec

Name = Literal["asr", "tts", "llm", "queries", "passages", "crawl", "visit", "web"]
Kind = Literal["cloud", "laptop"]
CODE = "/root"  # the folder of containers on Modal that holds an app's own code
KIND_SETTING = "PARLEY_POOLS"  # set by whoever deploys and by whoever starts containers, never by users


class Batch(msgspec.Struct, frozen=True):
    """Calls that arrive within `wait_ms` of the first share one run of the model, at most `size` of them."""

    size: int
    wait_ms: int


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """One function's containers. Times in seconds, memory in MiB, `cpu` in physical cores."""

    gpu: tuple[str, ...] = ()  # ranked: the first that Modal has free; empty means none
    cpu: float = 1.0
    memory: int = 1024
    min_containers: int = 0
    max_containers: int = 1
    buffer_containers: int = 0  # kept idle beside the busy ones, only while there are busy ones
    scaledown_window: int = 60  # idle for so long, a container above the minimum goes
    concurrency: int = 1  # inputs that one container works on at a time
    batch: Batch | None = None
    timeout: int = 60  # of one call
    startup_timeout: int = 120
    retries: int = 0  # of a failed call; streaming methods stay at 0, or two takes would be spliced together

    @property
    def price_class(self) -> str:
        """The row of infra/prices.toml that a second of this pool's containers is billed by."""
        return self.gpu[0] if self.gpu else "CPU"

    def declare(self) -> dict[str, Any]:
        """Return the keyword arguments of `App.cls` and `App.function`."""
        return {
            "gpu": list(self.gpu) or None,
            "cpu": self.cpu,
            "memory": self.memory,
            "min_containers": self.min_containers,
            "max_containers": self.max_containers,
            "buffer_containers": self.buffer_containers,
            "scaledown_window": self.scaledown_window,
            "timeout": self.timeout,
            "startup_timeout": self.startup_timeout,
            "retries": self.retries or None,
        }


CLOUD: dict[Name, Pool] = {
    "asr": Pool(
        gpu=("L4", "A10"), cpu=2, memory=8_192, max_containers=20, buffer_containers=1,
        scaledown_window=120, concurrency=4, timeout=60, startup_timeout=300,
    ),
    "tts": Pool(
        gpu=("L40S", "A100-40GB"), cpu=4, memory=16_384, max_containers=40, buffer_containers=1,
        scaledown_window=180, concurrency=2, timeout=120, startup_timeout=600,
    ),
    # Stays at zero containers where LLM_BASE_URL names an endpoint: then nobody calls it.
    "llm": Pool(
        gpu=("L40S", "A100-40GB"), cpu=4, memory=32_768, max_containers=10,
        scaledown_window=180, concurrency=32, timeout=120, startup_timeout=900,
    ),
    "queries": Pool(
        gpu=("T4", "L4"), cpu=1, memory=8_192, max_containers=10,
        scaledown_window=120, concurrency=2, batch=Batch(16, 8), timeout=30, startup_timeout=300, retries=2,
    ),
    "passages": Pool(
        gpu=("L4", "A10"), cpu=2, memory=8_192, max_containers=4,
        scaledown_window=30, concurrency=1, timeout=300, startup_timeout=300, retries=2,
    ),
    # Looks what is due and hands it out; once a day it compares SQL with the index, which takes longer.
    "crawl": Pool(cpu=0.5, memory=1_024, max_containers=1, scaledown_window=2, timeout=3_600),
    # One slice of one source: 50 s, and the vectors of what it found. The next slice is another call.
    "visit": Pool(cpu=1, memory=2_048, max_containers=8, scaledown_window=30, timeout=300),
    # One container and never two: a turn lives in the memory of the process that began it (domain/turns.py), and
    # Modal sends the next request of a visitor to any container, so with two a stop or a resume would miss its turn.
    # A stream holds one of the inputs while it lasts. A request past the timeout kills its container and every
    # other turn in it, hence a limit far above the 150 s that Modal gives an HTTP request anyway.
    "web": Pool(
        cpu=1, memory=1_024, max_containers=1, scaledown_window=300, concurrency=1_000,
        timeout=900, startup_timeout=120,
    ),
}  # fmt: skip

LAPTOP: dict[Name, Pool] = {
    "asr": Pool(cpu=1, memory=512, scaledown_window=300, concurrency=4, timeout=60),
    "tts": Pool(cpu=1, memory=768, scaledown_window=300, concurrency=4, timeout=120),
    "llm": Pool(cpu=2, memory=2_560, scaledown_window=600, concurrency=8, timeout=120),
    "queries": Pool(
        cpu=1, memory=192, scaledown_window=120, concurrency=2, batch=Batch(16, 8), timeout=30, retries=2
    ),
    "passages": Pool(cpu=1, memory=192, scaledown_window=30, concurrency=1, timeout=300, retries=2),
    "crawl": Pool(cpu=0.5, memory=512, scaledown_window=2, timeout=3_600),
    "visit": Pool(cpu=1, memory=1_024, max_containers=2, scaledown_window=10, timeout=300),
    "web": Pool(cpu=1, memory=256, scaledown_window=300, concurrency=1_000, timeout=900),
}


def pools(kind: str | None = None) -> dict[Name, Pool]:
    """Return the table of this kind, or of the environment's: `cloud` unless it says `laptop`."""
    return LAPTOP if (kind or os.environ.get(KIND_SETTING)) == "laptop" else CLOUD
