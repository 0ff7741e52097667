"""An app for the tests of the local plane: one function for each thing that a function can do.

It is deployed by `modal deploy` and imported again in each container, as any other app.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import modal

app = modal.App("sample")
secret = modal.Secret.from_dict({"SAMPLE_SECRET": "a word"})


def note(name: str, text: str) -> None:
    """Leave a line where the test looks for it; SAMPLE_NOTES comes from the machine."""
    with (Path(os.environ["PARLEY_SAMPLE_NOTES"]) / name).open("a") as file:
        file.write(f"{text}\n")


@app.function(secrets=[secret], scaledown_window=60)
def square(x: int) -> int:
    return x * x


@app.cls(max_containers=1, scaledown_window=60)
@modal.concurrent(max_inputs=8)
class Echo:
    @modal.enter()
    def load(self) -> None:
        self.ready = "ready"

    @modal.method()
    async def say(self, data: bytes) -> bytes:
        return data

    @modal.method()
    async def count(self, n: int) -> AsyncIterator[float]:
        for _ in range(n):
            yield time.time()
            await asyncio.sleep(0.01)
