"""An app whose containers are counted: what tests/infra/local/test_simulator_matches_plane.py calls."""

import asyncio

import modal

app = modal.App("metered")
WINDOW = 4  # longer than any pause of a slow machine between two calls, shorter than anybody waits for a test


async def work(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


@app.cls(max_containers=2, scaledown_window=WINDOW)
class Bare:
    @modal.method()
    async def work(self, seconds: float) -> float:
        return await work(seconds)


@app.cls(max_containers=3, buffer_containers=1, scaledown_window=WINDOW)
class Buffered:
    @modal.method()
    async def work(self, seconds: float) -> float:
        return await work(seconds)


@app.cls(max_containers=2, scaledown_window=WINDOW)
@modal.concurrent(max_inputs=2)
class Doubled:
    @modal.method()
    async def work(self, seconds: float) -> float:
        return await work(seconds)
